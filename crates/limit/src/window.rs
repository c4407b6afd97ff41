//! Windows: equal stretches of wall time, counted from the Unix epoch, so that all regions agree on
//! them unasked. Quotas have those of a calendar instead.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tidegate_model::Wall;

use crate::Calendar;

/// The number of a window since the Unix epoch. With windows of a second and more it fits 32 bits
/// until 2106.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
pub struct WindowIx(pub u32);

impl WindowIx {
    /// The window before; the first has none and stays.
    #[must_use]
    pub const fn previous(self) -> Self {
        Self(self.0.saturating_sub(1))
    }

    /// The window after.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// A moment, seen as a place in a window.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Window {
    /// Which window.
    pub ix: WindowIx,
    /// How much of it is over.
    pub elapsed: Duration,
    /// How much of it is left; never zero.
    pub left: Duration,
}

impl Window {
    /// The window of `length` that `wall` lies in.
    #[must_use]
    #[inline]
    pub fn at(wall: Wall, length: Duration) -> Self {
        let length_us = micros(length).max(1);
        let ix = wall.unix_micros() / length_us;
        let elapsed_us = wall.unix_micros() % length_us;
        Self {
            ix: WindowIx(u32::try_from(ix).unwrap_or(u32::MAX)),
            elapsed: Duration::from_micros(elapsed_us),
            left: Duration::from_micros(length_us - elapsed_us),
        }
    }
}

/// A window's part in microseconds.
#[inline]
const fn micros(part: Duration) -> u64 {
    part.as_secs() * 1_000_000 + part.subsec_micros() as u64
}

/// How the windows of a limit lie in time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Windows {
    /// Of one length, counted from the Unix epoch.
    Even(Duration),
    /// As a calendar has them.
    Calendar(Calendar),
}

impl Windows {
    /// The window that `wall` lies in.
    #[must_use]
    pub fn at(&self, wall: Wall) -> Window {
        match self {
            Self::Even(length) => Window::at(wall, *length),
            Self::Calendar(calendar) => calendar.at(wall),
        }
    }

    /// The same, found without a division when it is window `near`, which it mostly is.
    #[inline]
    pub(crate) fn at_near(&self, wall: Wall, near: WindowIx) -> Window {
        if let Self::Even(length) = self {
            let length = micros(*length);
            let began = length.saturating_mul(u64::from(near.0));
            if let Some(elapsed) = wall.unix_micros().checked_sub(began)
                && elapsed < length
            {
                return Window {
                    ix: near,
                    elapsed: Duration::from_micros(elapsed),
                    left: Duration::from_micros(length - elapsed),
                };
            }
        }
        self.at(wall)
    }

    /// The length of the longest of them.
    #[must_use]
    pub const fn longest(&self) -> Duration {
        match self {
            Self::Even(length) => *length,
            Self::Calendar(calendar) => calendar.unit().longest(),
        }
    }
}

impl Window {
    /// What of a count of the window before still lies within a window's length of now, if it was
    /// spread evenly; rounded down.
    #[must_use]
    #[inline]
    pub fn carried(&self, before: u32) -> u32 {
        if before == 0 {
            return 0;
        }
        let [elapsed, left] = [self.elapsed, self.left].map(micros);
        let length = (elapsed + left).max(1);
        // A division of 64 bits is several times as fast as one of 128, and nearly always enough.
        let carried = match u64::from(before).checked_mul(left) {
            Some(product) => product / length,
            None => (u128::from(before) * u128::from(left) / u128::from(length)) as u64,
        };
        u32::try_from(carried).unwrap_or(u32::MAX)
    }

    /// The same, rounded up.
    #[must_use]
    pub fn carried_up(&self, before: u32) -> u32 {
        let length = (self.elapsed + self.left).as_micros().max(1);
        let carried = (u128::from(before) * self.left.as_micros()).div_ceil(length);
        u32::try_from(carried).unwrap_or(u32::MAX)
    }

    /// How long until at most `amount` requests lie within a window's length, rounded down as
    /// [`carried`](Self::carried) does, if `before` came in the window before, `current` in this
    /// one, and no more come.
    #[must_use]
    pub fn until_within(&self, amount: u32, before: u32, current: u32) -> Duration {
        let length = self.elapsed + self.left;
        // So long before its end, a window weighs less than `room` and one.
        let out_of = |room: u32, count: u32| {
            let part = (f64::from(room) + 1.0) / f64::from(count.max(1));
            length.mul_f64(part.min(1.0))
        };
        let wait = match amount.checked_sub(current) {
            Some(room) => self.left.saturating_sub(out_of(room, before)),
            None => self.left + length.saturating_sub(out_of(amount, current)),
        };
        // Just after that moment, not at it.
        wait + Duration::from_micros(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_before_slides_out_of_sight() {
        let window = |elapsed_s: u64| {
            Window::at(
                Wall::from_unix_secs(100 + elapsed_s),
                Duration::from_secs(100),
            )
        };
        assert_eq!(window(0).carried(60), 60);
        assert_eq!(window(25).carried(60), 45);
        assert_eq!(window(99).carried(60), 0);
        let secs = |d: Duration| d.as_secs();
        assert_eq!(
            secs(window(25).until_within(49, 60, 20)),
            25,
            "just below 60 * 0.5 + 20"
        );
        assert_eq!(secs(window(90).until_within(49, 60, 20)), 0, "already");
        assert_eq!(
            secs(window(25).until_within(49, 60, 100)),
            75 + 50,
            "half of this window, in the next"
        );
    }

    #[test]
    fn windows_are_aligned_to_the_epoch() {
        let minute = Duration::from_secs(60);
        let window = Window::at(Wall::from_unix_micros(119_999_999), minute);
        assert_eq!(window.ix, WindowIx(1));
        assert_eq!(window.left, Duration::from_micros(1));
        let next = Window::at(Wall::from_unix_secs(120), minute);
        assert_eq!(
            (next.ix, next.elapsed, next.left),
            (WindowIx(2), Duration::ZERO, minute)
        );
    }
}
