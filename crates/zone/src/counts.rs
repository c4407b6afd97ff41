//! What became of questions.

use std::sync::atomic::{AtomicU64, Ordering};

/// What became of a question.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It was answered, perhaps with nothing.
    Answered,
    /// It was not for this zone, or not of a kind that is answered.
    Refused,
    /// The answer was too long for UDP: the client asks again over TCP.
    Truncated,
    /// Its network asks too much: it was told to use TCP, or told nothing.
    Limited,
    /// It was no question.
    Malformed,
    /// Too many connections were open.
    Crowded,
}

impl Outcome {
    /// All of them, with their names in metrics.
    pub const ALL: [(Self, &'static str); 6] = [
        (Self::Answered, "answered"),
        (Self::Refused, "refused"),
        (Self::Truncated, "truncated"),
        (Self::Limited, "limited"),
        (Self::Malformed, "malformed"),
        (Self::Crowded, "crowded"),
    ];
}

/// How many questions ended in which way.
#[derive(Debug, Default)]
pub struct Counts([AtomicU64; Outcome::ALL.len()]);

impl Counts {
    pub(crate) fn add(&self, outcome: Outcome) {
        self.0[outcome as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// How many ended in this way.
    #[must_use]
    pub fn get(&self, outcome: Outcome) -> u64 {
        self.0[outcome as usize].load(Ordering::Relaxed)
    }
}
