//! When to ask.

use std::time::Duration;

/// A beat that neither drifts nor catches up: what was missed is left out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Beat {
    every: Duration,
    due: Duration,
}

impl Beat {
    /// A beat that begins with time. Time is counted from wherever the caller likes.
    #[must_use]
    pub const fn new(every: Duration) -> Self {
        Self {
            every,
            due: Duration::ZERO,
        }
    }

    /// How long to wait until the next request; zero means now, and moves on to the one after it.
    pub fn wait(&mut self, now: Duration) -> Duration {
        if now < self.due {
            return self.due - now;
        }
        let late = now - self.due;
        let missed = late.as_nanos() / self.every.as_nanos().max(1);
        let beats = u32::try_from(missed + 1).unwrap_or(u32::MAX);
        self.due += self.every.saturating_mul(beats);
        Duration::ZERO
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_beat_keeps_its_time() {
        let mut beat = Beat::new(ms(20));
        assert_eq!(beat.wait(ms(0)), ms(0));
        assert_eq!(beat.wait(ms(1)), ms(19));
        assert_eq!(beat.wait(ms(23)), ms(0), "late");
        assert_eq!(beat.wait(ms(23)), ms(17), "and not later for it");
    }

    #[test]
    fn what_was_missed_is_not_caught_up_with() {
        let mut beat = Beat::new(ms(20));
        assert_eq!(beat.wait(ms(0)), ms(0));
        assert_eq!(beat.wait(ms(1_005)), ms(0));
        assert_eq!(beat.wait(ms(1_005)), ms(15), "one request, not fifty");
    }
}
