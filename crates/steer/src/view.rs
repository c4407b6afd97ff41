//! What a node was told of the others.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tidegate_model::{Mono, NodeId};

/// A node's word is worth something for so long.
pub(crate) const FRESH: Duration = Duration::from_secs(3);

/// What a node says of leaving: its own wish, and whom it lets go. It travels with the node's
/// report.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Words {
    /// The number of its own question, if it wants to withdraw and could wait.
    pub asks: Option<u64>,
    /// Whom it lets go.
    pub grant: Option<Grant>,
    /// How many nodes its region has.
    pub mates: u16,
    /// How often it has left by a permit, in this life.
    pub departures: u32,
}

/// A permit of one node for another.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Grant {
    /// For whom.
    pub to: NodeId,
    /// For which of its questions.
    pub ask: u64,
}

/// Another node, as it last spoke of itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Other {
    /// Who.
    pub node: NodeId,
    /// Whether it announces itself.
    pub announced: bool,
    /// Whether it passed its last check.
    pub fit: bool,
    /// Requests a second, lately.
    pub load: u32,
    /// What it says of leaving.
    pub words: Words,
    /// When that was so.
    pub as_of: Mono,
    /// Whether its node, or at least its region, was heard a moment ago: of whoever is cut off, the
    /// last words say nothing of the present.
    pub heard: bool,
}

impl Other {
    pub(crate) fn is_fresh(&self, now: Mono) -> bool {
        now.since(self.as_of) < FRESH
    }

    /// Whether clients can be left to it: it is there, well, and not about to leave.
    pub(crate) fn carries(&self, now: Mono) -> bool {
        let stays = self.announced && self.fit && self.words.asks.is_none();
        stays && self.heard && self.is_fresh(now)
    }
}

/// What a node was told of all others, and how busy it is itself.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct View {
    /// One entry a node that was ever heard of, the node itself not among them.
    pub others: Vec<Other>,
    /// Requests a second, lately.
    pub load: u32,
}

impl View {
    pub(crate) fn fresh(&self, now: Mono) -> impl Iterator<Item = &Other> {
        self.others.iter().filter(move |other| other.is_fresh(now))
    }
}
