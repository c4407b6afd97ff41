//! How clients find a region: the nearest that is announced.
//!
//! A stand-in for anycast with one number: how long a change of routes takes to reach everyone.
//! Real ones take longer and break connections on the way.

use std::collections::BTreeSet;
use std::time::Duration;

use tidegate_config::Location;

/// From a change of announcements to the last client that follows it.
pub(crate) const CONVERGENCE: Duration = Duration::from_millis(50);

pub(crate) struct Internet {
    places: Vec<Location>,
    /// Nodes that are announced, by region.
    routes: Vec<BTreeSet<usize>>,
    turn: usize,
}

impl Internet {
    pub(crate) fn new(places: Vec<Location>) -> Self {
        Self {
            routes: vec![BTreeSet::new(); places.len()],
            places,
            turn: 0,
        }
    }

    pub(crate) fn set(&mut self, region: usize, node: usize, announced: bool) {
        if announced {
            self.routes[region].insert(node)
        } else {
            self.routes[region].remove(&node)
        };
    }

    pub(crate) fn announced(&self) -> impl Iterator<Item = usize> {
        self.routes
            .iter()
            .enumerate()
            .filter(|(_, nodes)| !nodes.is_empty())
            .map(|(region, _)| region)
    }

    /// The node that a client near `from` reaches.
    pub(crate) fn route(&mut self, from: usize) -> Option<usize> {
        let distance = |region: &usize| self.places[from].distance_km(self.places[*region]) as u64;
        let region = self.announced().min_by_key(distance)?;
        self.turn = self.turn.wrapping_add(1);
        let nodes = &self.routes[region];
        nodes.iter().nth(self.turn % nodes.len()).copied()
    }
}
