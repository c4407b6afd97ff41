//! What a node was told of the others.

use std::time::Duration;

use tidegate_model::{Mono, NodeId};

/// A node's word is worth something for so long.
pub(crate) const FRESH: Duration = Duration::from_secs(3);

/// Another node, as it last spoke of itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Other {
    /// Who.
    pub node: NodeId,
    /// Whether it announces itself.
    pub announced: bool,
    /// Whether it passed its last check.
    pub fit: bool,
    /// When that was so.
    pub as_of: Mono,
}

impl Other {
    /// Whether clients can be left to it.
    pub(crate) fn carries(&self, now: Mono) -> bool {
        self.announced && self.fit && now.since(self.as_of) < FRESH
    }
}

/// What a node was told of all others.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct View {
    /// One entry a node that was ever heard of.
    pub others: Vec<Other>,
}
