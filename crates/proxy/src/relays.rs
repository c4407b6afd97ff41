//! The nodes of other regions, as far as requests can be passed on to them.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tidegate_balance::Sight;
use tidegate_model::{NodeId, RegionId};
use tidegate_net::Peers;

/// A node of another region that is heard.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Neighbour {
    /// Who.
    pub node: NodeId,
    /// Where its mesh and relay doors are.
    pub addr: SocketAddr,
    /// Whether it says that all its services have endpoints.
    pub fit: bool,
}

/// How far a region is, in worlds on one machine: how long something is under way there, or `None`
/// if nothing arrives.
pub type Distance = Box<dyn Fn(&RegionId) -> Option<Duration> + Send + Sync>;

/// The nodes of other regions.
pub struct Relays {
    pub(crate) peers: Peers,
    known: ArcSwap<Vec<Neighbour>>,
    distance: Option<Distance>,
}

impl fmt::Debug for Relays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relays")
            .field("known", &self.known)
            .finish_non_exhaustive()
    }
}

impl Relays {
    /// Nobody is known yet.
    #[must_use]
    pub fn new(peers: Peers, distance: Option<Distance>) -> Self {
        Self {
            peers,
            known: ArcSwap::default(),
            distance,
        }
    }

    /// Takes over who is heard at the moment.
    pub fn set(&self, known: Vec<Neighbour>) {
        self.known.store(Arc::new(known));
    }

    /// Counts the nodes of `region` that say that all is well, and those that do not.
    #[must_use]
    pub fn counts(&self, region: &RegionId) -> (usize, usize) {
        let known = self.known.load();
        let of_region = known.iter().filter(|one| one.node.region == *region);
        of_region.fold((0, 0), |(fit, unfit), one| match one.fit {
            true => (fit + 1, unfit),
            false => (fit, unfit + 1),
        })
    }

    /// How a region is known to be.
    pub(crate) fn sight(&self, region: &RegionId) -> Sight {
        match self.counts(region) {
            (0, 0) => Sight::Gone,
            (0, _) => Sight::Unfit,
            _ => Sight::Fit,
        }
    }

    /// The nodes of a region, from `turn` on.
    pub(crate) fn nodes(&self, region: &RegionId, turn: usize) -> Vec<(NodeId, SocketAddr)> {
        let known = self.known.load();
        let of_region = known.iter().filter(|one| one.node.region == *region);
        let mut nodes: Vec<_> = of_region.map(|one| (one.node.clone(), one.addr)).collect();
        if !nodes.is_empty() {
            let first = turn % nodes.len();
            nodes.rotate_left(first);
        }
        nodes
    }

    /// Waits as long as something is under way to a region, so many times; for ever if nothing
    /// arrives there.
    pub(crate) async fn under_way(&self, region: &RegionId, times: u32) {
        let Some(distance) = &self.distance else {
            return;
        };
        match distance(region) {
            Some(one_way) => tokio::time::sleep(one_way * times).await,
            None => std::future::pending().await,
        }
    }
}
