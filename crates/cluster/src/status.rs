//! The whole world as one node sees it, for operators.

use serde::{Deserialize, Serialize};
use tidegate_limit::Presence;
use tidegate_model::{Generation, NodeId, RegionId};

use crate::NodeFacts;

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
    pub rows_learned: u32,
    /// Rows of counts received that were dropped: of an unknown limit, out of window, implausible,
    /// or without room.
    pub rows_dropped: u32,
    /// SWIM packets that were refused.
    pub packets_rejected: u64,
    /// Messages that could not be read.
    pub undecodable: u64,
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
