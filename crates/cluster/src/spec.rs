//! How a node lives with its peers.

use std::net::SocketAddr;
use std::time::Duration;

use tidegate_limit::CountersSpec;
use tidegate_model::{Epoch, Generation, NodeId, Now, RegionId};
use tidegate_steer::SteerSpec;

use crate::{Member, Seed, SyncSpec};

/// Everything a node must know to take part.
#[derive(Clone, PartialEq, Debug)]
pub struct ClusterSpec {
    /// Who this node is.
    pub node: NodeId,
    /// Which of its lives this is.
    pub epoch: Epoch,
    /// Where others reach its mesh door.
    pub addr: SocketAddr,
    /// All regions of the world, this one included, in the order that all agree on.
    pub regions: Vec<RegionId>,
    /// All nodes of this region that the configuration lists, in the order that all agree on.
    pub nodes: Vec<NodeId>,
    /// Nodes to begin with, of this region and of others.
    pub seeds: Vec<Seed>,
    /// Which configuration it runs.
    pub generation: Generation,
    /// How fast it comes and goes.
    pub steer: SteerSpec,
    /// What counts may cost between nodes.
    pub sync: SyncSpec,
}

/// How often a node speaks, even with nothing to say.
pub(crate) const PULSE: Duration = Duration::from_millis(200);
/// A node of the region that was not heard for so long, three pulses, is not relied on: neither to
/// tell other regions, nor to take over clients.
pub(crate) const MATE_SILENT_AFTER: Duration = Duration::from_millis(600);
/// How often clocks are compared.
pub(crate) const COMPARE_CLOCKS: Duration = Duration::from_secs(1);
/// How often hot subjects are looked at again.
pub(crate) const REFRESH: Duration = Duration::from_millis(50);
/// How often a part of the table is swept.
pub(crate) const SWEEP: Duration = Duration::from_millis(100);
/// How often two nodes compare what they know.
pub(crate) const COMPARE: Duration = Duration::from_millis(2_000);
/// A region is silent when nothing was heard of it for so long: five pulses, the longest way round
/// the world, and room for a lost message.
pub(crate) const SILENT_AFTER: Duration = Duration::from_millis(1_200);
/// It is heard again when something that is younger than this arrives.
pub(crate) const HEARD_WITHIN: Duration = Duration::from_millis(700);
/// A region that was silent is taken for silent so much longer, until both sides have compared
/// their counts.
pub(crate) const RECONCILE: Duration = Duration::from_millis(2_500);
/// A node that has just started asks others for the live counts, and waits for so long for an
/// answer.
pub(crate) const LEARN_WITHIN: Duration = Duration::from_millis(2_000);
/// It asks again so often: the first question may have been lost.
pub(crate) const ASK_AGAIN: Duration = Duration::from_millis(600);
/// Border nodes a region has at most.
pub(crate) const BORDERS: usize = 3;
/// Rows of counts in one flush at most; what is left goes with the next.
pub(crate) const ROWS_PER_FLUSH: usize = 2_048;
/// What a row takes in a datagram, about.
pub(crate) const ROW_BYTES: usize = 20;
/// Over which time it is weighed whether there is too much to tell.
pub(crate) const WEIGHED_OVER: Duration = Duration::from_millis(400);
/// All is told as long as that costs less than this part of the budget: each row that is told costs
/// every other node a microsecond, too.
pub(crate) const TELL_ALL: f64 = 0.1;
/// What a datagram costs beside the message, about: IPv4, UDP, QUIC with its tag.
pub(crate) const HEADERS: usize = 58;
/// Counts of quotas are kept on disk so often, and so many subjects at a time.
pub(crate) const KEEP: Duration = Duration::from_millis(200);
pub(crate) const KEEP_SUBJECTS: usize = 10_000;
/// Rows in one part of a repair.
pub(crate) const ROWS_PER_PART: usize = 2_000;

impl ClusterSpec {
    pub(crate) fn member(&self) -> Member {
        Member {
            node: self.node.clone(),
            epoch: self.epoch,
            addr: self.addr,
        }
    }

    pub(crate) fn counters(&self, now: Now) -> CountersSpec {
        let actor = tidegate_limit::Actor {
            node: self.node.clone(),
            epoch: self.epoch,
        };
        CountersSpec {
            actor,
            regions: self.regions.clone(),
            nodes: self.nodes.clone(),
            born: now.wall,
        }
    }
}
