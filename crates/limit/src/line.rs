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
    /// Admitted by others in `window`, as far as they have told, and the shares of regions that
    /// cannot be heard.
    pub(crate) base: u32,
    /// How old that is: the moment of it, in milliseconds on this process's monotonic clock,
    /// wrapping after 49 days.
    pub(crate) from_ms: u32,
    /// Requests a second that others are offered. It outlives the window: what is asked before its
    /// end is asked after.
    pub(crate) slope: f32,
    /// What a later window starts from: the shares of regions that cannot be heard.
    pub(crate) roll: u32,
    /// The part of all that is offered that is offered to others.
    pub(crate) share: Share,
    /// Admitted here in `window` by the moment of `base`.
    pub(crate) own: u32,
    /// Admitted by others in the window before `window`.
    pub(crate) before: u32,
}

/// A number from 0 to 1, in 16 bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Share(pub(crate) u16);

impl Share {
    /// `part` of `part + rest`; all of it if there is nothing.
    pub(crate) fn of(part: f64, rest: f64) -> Self {
        let share = part / (part + rest);
        let share = if share.is_finite() { share } else { 1.0 };
        Self((share * f64::from(u16::MAX)).round() as u16)
    }

    fn get(self) -> f64 {
        f64::from(self.0) / f64::from(u16::MAX)
    }
}

/// A peer's rate is believed for so long after its last word. Whoever is still counting speaks more
/// often than this, and a region that is cut off is known to be silent before: its clients are
/// reckoned with all the time.
pub(crate) const HORIZON: Duration = Duration::from_millis(1_500);

/// The monotonic clock as lines hold it.
pub(crate) const fn millis(mono: Mono) -> u32 {
    mono.as_millis() as u32
}

impl Line {
    /// What others have admitted in `window` by `now`, as far as can be told, of a limit of which
    /// `amount` may be admitted in this window.
    ///
    /// What they have been asked for since their last word, they have admitted: but no more than
    /// their share of what was left then, for we take ours.
    #[inline]
    pub(crate) fn at(&self, now: Now, window: Window, amount: u32) -> u32 {
        let (seen, own) = if self.window < window.ix {
            (self.roll, 0)
        } else {
            (self.base, self.own)
        };
        let age = self.age(now).min(window.elapsed);
        seen.saturating_add(self.flight(age, amount, seen, own))
    }

    /// What others admitted in the window before `window`, as far as can be told. The shares of
    /// regions that cannot be heard are left out: [`at`](Self::at) holds them, whole.
    #[inline]
    pub(crate) fn before_at(&self, now: Now, window: Window, amount: u32) -> u32 {
        if self.window == window.ix {
            return self.before;
        }
        if self.window != window.ix.previous() {
            return 0;
        }
        let age = self.age(now).saturating_sub(window.elapsed);
        let seen = self.base.saturating_sub(self.roll);
        seen.saturating_add(self.flight(age, amount, self.base, self.own))
    }

    /// What others have taken of a bucket and not told, that held `left` when they last spoke.
    pub(crate) fn flight_of(&self, now: Now, left: u32) -> u32 {
        self.flight(self.age(now), left, 0, 0)
    }

    /// Admitted here since the moment of the line, given the counts of `window` and the one before.
    pub(crate) fn own_since(&self, window: WindowIx, own: u32, own_before: u32) -> u32 {
        if self.window == window {
            own.saturating_sub(self.own)
        } else if self.window == window.previous() {
            own.saturating_add(own_before.saturating_sub(self.own))
        } else {
            own
        }
    }

    /// What may be admitted here in `window` if no more than `share` of what is left may be taken
    /// before others can have heard of it.
    pub(crate) fn unheard_room(&self, window: WindowIx, amount: u32, share: f64) -> u32 {
        let (seen, own) = if self.window < window {
            (self.roll, 0)
        } else {
            (self.base, self.own)
        };
        let left = amount.saturating_sub(seen).saturating_sub(own);
        own.saturating_add((share * f64::from(left)).ceil() as u32)
    }

    /// Leases that others hold; none if nothing was heard for as long as a lease lasts.
    pub(crate) fn leases_at(&self, now: Now, lease: Duration) -> u32 {
        if self.age(now) < lease { self.base } else { 0 }
    }

    /// Of a strict limit: rights that others handed over for `window`, those for the one before,
    /// and whether they have no more to give.
    pub(crate) fn rights(&self, window: WindowIx) -> (u32, u32, bool) {
        if self.window == window {
            (self.base, self.before, self.roll > 0)
        } else if self.window == window.previous() {
            (0, self.base, false)
        } else {
            (0, 0, false)
        }
    }

    #[inline]
    fn age(&self, now: Now) -> Duration {
        Duration::from_millis(u64::from(millis(now.mono).wrapping_sub(self.from_ms)))
    }

    /// Admitted by others in `age`, of what `seen` and `own` left.
    #[inline]
    fn flight(&self, age: Duration, amount: u32, seen: u32, own: u32) -> u32 {
        if self.slope == 0.0 {
            return 0;
        }
        // Should the control thread stall, a stale line must not grow without bound and refuse
        // everyone.
        let asked = f64::from(self.slope) * age.min(HORIZON).as_secs_f64();
        let left = amount.saturating_sub(seen).saturating_sub(own);
        // The nearest whole request: the prediction is coarser than that.
        asked.min(self.share.get() * f64::from(left)).round() as u32
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
            share: Share::of(1.0, 1.0),
            own: 10,
            before: 30,
        };
        let second = Duration::from_secs(1);
        let moment = |mono_ms, wall_ms: u64| {
            let wall = Wall::from_unix_micros(wall_ms * 1_000);
            let now = Now {
                mono: Mono::from_millis(mono_ms),
                wall,
            };
            (now, Window::at(wall, second))
        };
        let at = |mono_ms, wall_ms| {
            let (now, window) = moment(mono_ms, wall_ms);
            line.at(now, window, 1_000)
        };
        let before_at = |mono_ms, wall_ms| {
            let (now, window) = moment(mono_ms, wall_ms);
            line.before_at(now, window, 1_000)
        };
        assert_eq!(before_at(5_000, 100_100), 30);
        assert_eq!(
            before_at(6_000, 101_100),
            40 - 7 + 9,
            "what was in flight at the window's end is counted, without the shares"
        );
        assert_eq!(before_at(7_000, 102_100), 0, "long over");
        assert_eq!(at(5_000, 100_100), 40);
        assert_eq!(at(5_500, 100_600), 45);
        assert_eq!(
            at(6_000, 101_100),
            7 + 1,
            "the flight is cut at the window's start"
        );
    }
}
