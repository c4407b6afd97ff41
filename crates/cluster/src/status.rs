//! The whole world as one node sees it, for operators.

use serde::{Deserialize, Serialize};
use tidegate_limit::Presence;
use tidegate_model::{Generation, NodeId, RegionId};

use crate::{NodeFacts, Unusable};

/// The whole world as one node sees it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ClusterStatus {
    /// The node that speaks.
    pub node: NodeId,
    /// Which configuration it runs.
    pub generation: Generation,
    /// Whether it knows what others counted before it started.
    pub learned: bool,
    /// Whether it is announced, in a word: `starting`, `announced`, `withdrawn`, `leaving`.
    pub steering: String,
    /// What its last check found wrong.
    pub trouble: Option<String>,
    /// Why it stays announced though it is ill.
    pub veto: Option<String>,
    /// Whether an operator holds what it announces as it is.
    #[serde(default)]
    pub held: bool,
    /// Why it is announced or not, and what would change that, a sentence each.
    #[serde(default)]
    pub explanation: Vec<String>,
    /// All regions, in the order of the configuration.
    pub regions: Vec<RegionStatus>,
    /// Subjects whose counts are known.
    pub subjects: usize,
    /// Subjects that are being asked for at the moment.
    pub subjects_hot: usize,
    /// Entries of the ledger.
    pub ledger_entries: usize,
    /// Rows of counts received that told something new.
    pub rows_learned: u64,
    /// Rows of counts received that were dropped.
    pub rows_dropped: RowsDropped,
    /// Flushes of counts that had to wait for the budget of `sync`.
    #[serde(default)]
    pub news_delayed: NewsDelayed,
    /// SWIM packets that were refused.
    pub packets_rejected: u64,
    /// Messages that could not be read.
    pub undecodable: u64,
    /// By how many milliseconds the clocks of most nodes are ahead of this one's; unknown with
    /// fewer than two peers.
    #[serde(default)]
    pub clock_apart_ms: Option<i64>,
}

/// Rows of counts that could not be used, by reason.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct RowsDropped {
    /// Of a limit that the node does not have.
    pub unknown_limit: u64,
    /// Of a window that is over, or far ahead.
    pub out_of_window: u64,
    /// With claims that cannot be.
    pub implausible: u64,
    /// There was no room.
    pub no_room: u64,
}

impl From<Unusable> for RowsDropped {
    fn from(unusable: Unusable) -> Self {
        Self {
            unknown_limit: unusable.unknown_limit,
            out_of_window: unusable.out_of_window,
            implausible: unusable.implausible,
            no_room: unusable.no_room,
        }
    }
}

/// Flushes of counts that had to wait for the budget.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct NewsDelayed {
    /// To the region's own nodes.
    pub region: u64,
    /// To other regions.
    pub world: u64,
}

/// A region as one node sees it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RegionStatus {
    /// Which region.
    pub region: RegionId,
    /// Whether it is the speaker's own.
    pub home: bool,
    /// Whether it is heard: `reachable`, `silent`, or `withdrawn` if it is silent and no longer
    /// announced.
    pub presence: String,
    /// How old the youngest word from there is: how stale limits are with respect to this region.
    pub staleness_ms: Option<u64>,
    /// Whether routing says that it is announced, if it says anything.
    pub announced: Option<bool>,
    /// Bytes of what limits say that the speaker has sent to nodes there.
    #[serde(default)]
    pub limit_bytes_sent: u64,
    /// Its nodes, as far as they were heard of.
    pub nodes: Vec<NodeStatus>,
}

/// A node as one node sees it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NodeStatus {
    /// Which node.
    pub node: NodeId,
    /// Whether it is taken for alive.
    pub alive: bool,
    /// How old its last report is.
    pub age_ms: u64,
    /// Its last report.
    #[serde(flatten)]
    pub facts: NodeFacts,
}

pub(crate) const fn presence_word(presence: Presence) -> &'static str {
    match presence {
        Presence::Reachable => "reachable",
        Presence::Silent => "silent",
        Presence::Withdrawn => "withdrawn",
    }
}
