//! What this node had admitted of a subject a moment ago.
//!
//! Words of peers are as old as the way they came. To compare them with what was admitted here, one
//! has to know how much that was then.

use std::time::Duration;

use tidegate_model::Mono;

use crate::WindowIx;

/// How far apart notes are at least, and how many are kept: together they reach back for longer
/// than words take round the world.
const APART: Duration = Duration::from_millis(15);
const NOTES: usize = 24;

/// Notes of the last moments, the newest last.
#[derive(Debug, Default)]
pub(super) struct History {
    window: WindowIx,
    notes: std::collections::VecDeque<(Mono, u32)>,
}

impl History {
    /// Notes that `count` were admitted in `window` so far.
    pub(super) fn note(&mut self, now: Mono, window: WindowIx, count: u32) {
        if window != self.window {
            self.window = window;
            self.notes.clear();
        }
        let last = self.notes.back();
        if last.is_some_and(|(at, _)| now.since(*at) < APART) {
            return;
        }
        if self.notes.len() == NOTES {
            self.notes.pop_front();
        }
        self.notes.push_back((now, count));
    }

    /// What had been admitted in `window` by `then`.
    pub(super) fn at(&self, then: Mono, window: WindowIx) -> u32 {
        if window != self.window {
            return 0;
        }
        let mut earlier = self.notes.iter().rev().filter(|(at, _)| *at <= then);
        earlier.next().map_or(0, |(_, count)| *count)
    }
}
