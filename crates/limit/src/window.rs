//! Windows: equal stretches of wall time, counted from the Unix epoch, so that all regions agree on
//! them unasked.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tidegate_model::Wall;

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
    pub fn at(wall: Wall, length: Duration) -> Self {
        let length_us = u64::try_from(length.as_micros()).unwrap_or(u64::MAX).max(1);
        let ix = wall.unix_micros() / length_us;
        let elapsed_us = wall.unix_micros() % length_us;
        Self {
            ix: WindowIx(u32::try_from(ix).unwrap_or(u32::MAX)),
            elapsed: Duration::from_micros(elapsed_us),
            left: Duration::from_micros(length_us - elapsed_us),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
