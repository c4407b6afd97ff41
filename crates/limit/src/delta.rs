//! What counters say to each other: cumulative counts with rate and age, never increments.
//!
//! A [`Batch`] is a list of rows grouped by who counted, which limit and which window, so that a
//! row costs a subject's hash and a few small numbers. The count is merged by maximum; rate and age
//! are hints for extrapolation and not part of the merge. Ages are relative, so no clock is
//! compared with another.

use serde::{Deserialize, Serialize};

use crate::{Actor, LimitId, WindowIx};

/// Rows of several actors.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Batch {
    /// One entry an actor.
    pub deltas: Vec<Delta>,
}

impl Batch {
    /// How many rows there are.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.deltas
            .iter()
            .flat_map(|delta| &delta.groups)
            .map(|group| group.updates.len())
            .sum()
    }
}

/// What one actor counted.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Delta {
    /// Who counted. Not always the sender: border nodes pass on what their region counted.
    pub actor: Actor,
    /// One entry a limit and window.
    pub groups: Vec<Group>,
}

/// What one actor counted of one limit in one window.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Group {
    /// Which limit.
    pub limit: LimitId,
    /// Which window.
    pub window: WindowIx,
    /// One entry a subject.
    pub updates: Vec<Update>,
}

/// One subject's count, at the sender's moment of sending.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Update {
    /// The subject's hash. Fixed width: a hash has no small values for a variable length to save
    /// on.
    pub subject: [u8; 8],
    /// Requests admitted in the window so far.
    pub admitted: u32,
    /// Requests asked for in the window so far, beyond those admitted.
    pub refused: u32,
    /// Requests asked for lately, in tenths a second.
    pub rate_deci: u32,
    /// How old the count is, in milliseconds.
    pub age_ms: u32,
}
