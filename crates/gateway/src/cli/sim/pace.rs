//! How far many runs have come: a line on a terminal, nothing elsewhere.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// From one line to the next.
const EVERY: Duration = Duration::from_millis(250);

pub(super) struct Pace {
    of: u64,
    began: Instant,
    told: Option<Instant>,
    shown: bool,
}

impl Pace {
    pub(super) fn new(of: u64) -> Self {
        Self {
            of,
            began: now(),
            told: None,
            shown: of > 1 && std::io::stderr().is_terminal(),
        }
    }

    /// So many are done, and so many of them broke something.
    pub(super) fn at(&mut self, done: u64, broken: u64) {
        let late = self.told.is_none_or(|at| at.elapsed() >= EVERY);
        if self.shown && (late || done == self.of) {
            self.told = Some(now());
            let secs = self.began.elapsed().as_secs();
            let end = if done == self.of { "\n" } else { "" };
            anstream::eprint!(
                "\r{done} of {} runs, {broken} broken, {secs} s {end}",
                self.of
            );
        }
    }
}

/// What the clock on the wall shows, for people who wait.
#[expect(
    clippy::disallowed_methods,
    reason = "nothing is decided by it: runs have a clock of their own"
)]
pub(super) fn now() -> Instant {
    Instant::now()
}
