//! What others admit, as a straight line: so many by a moment, and so many a second since.
//!
//! The control thread knows each peer's last word: its count, its rate, and how old that is. Their
//! sum is linear in time, so it fits three numbers, and a core can add it to its own count without
//! knowing a single peer. This is the extrapolation of ALGORITHM.md section 2, folded.

use std::time::Duration;

use tidegate_model::{Mono, Now};

use crate::{Window, WindowIx};

/// What others admitted in a window, predicted for any moment.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(crate) struct Line {
    /// The window that `base` belongs to.
    pub(crate) window: WindowIx,
    /// Admitted by others in `window` up to `from_ms`.
    pub(crate) base: u32,
    /// The moment of `base`: milliseconds on this process's monotonic clock, wrapping after 49
    /// days.
    pub(crate) from_ms: u32,
    /// Requests a second that others are offered. It outlives the window: what is asked before its
    /// end is asked after.
    pub(crate) slope: f32,
    /// What a later window starts from: the shares of regions that cannot be heard.
    pub(crate) roll: u32,
}

/// A peer's rate is believed for so long after its last word: whoever is still counting speaks more
/// often than this.
pub(crate) const HORIZON: Duration = Duration::from_millis(1_000);

/// The monotonic clock as lines hold it.
pub(crate) const fn millis(mono: Mono) -> u32 {
    mono.as_millis() as u32
}

impl Line {
    /// What others have admitted in `window` by `now`, as far as can be told.
    pub(crate) fn at(&self, now: Now, window: Window) -> u32 {
        let age = Duration::from_millis(u64::from(millis(now.mono).wrapping_sub(self.from_ms)));
        let (start, age) = if self.window < window.ix {
            (self.roll, age.min(window.elapsed))
        } else {
            (self.base, age)
        };
        // Should the control thread stall, a stale line must not grow without bound and refuse
        // everyone.
        let age = age.min(HORIZON);
        // A float as wide as the count, rounded to the nearest request: the prediction is coarser
        // than this.
        let flight = f64::from(self.slope) * age.as_secs_f64();
        start.saturating_add(flight.round() as u32)
    }
}

#[cfg(test)]
mod tests {
    use tidegate_model::Wall;

    use super::*;

    #[test]
    fn a_line_grows_within_its_window_and_starts_anew_in_the_next() {
        let line = Line {
            window: WindowIx(100),
            base: 40,
            from_ms: 5_000,
            slope: 10.0,
            roll: 7,
        };
        let second = Duration::from_secs(1);
        let at = |mono_ms, wall_ms: u64| {
            let wall = Wall::from_unix_micros(wall_ms * 1_000);
            let now = Now {
                mono: Mono::from_millis(mono_ms),
                wall,
            };
            line.at(now, Window::at(wall, second))
        };
        assert_eq!(at(5_000, 100_100), 40);
        assert_eq!(at(5_500, 100_600), 45);
        assert_eq!(
            at(6_000, 101_100),
            7 + 1,
            "the flight is cut at the window's start"
        );
    }
}
