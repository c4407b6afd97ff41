//! How often the store may be asked: a token bucket that holds a second's worth.

use tidegate_model::Mono;

/// A token bucket.
#[derive(Debug)]
pub struct Guard {
    per_second: u32,
    /// Billionths of a token, so that nothing is lost between two calls.
    nano_tokens: u64,
    last: Mono,
}

impl Guard {
    /// A full bucket that gets `per_second` tokens a second.
    #[must_use]
    pub const fn new(per_second: u32) -> Self {
        Self {
            per_second,
            nano_tokens: per_second as u64 * 1_000_000_000,
            last: Mono::ZERO,
        }
    }

    /// Takes a token. Returns whether there was one.
    pub fn take(&mut self, now: Mono) -> bool {
        let full = u64::from(self.per_second) * 1_000_000_000;
        let nanos = u64::try_from(now.since(self.last).as_nanos()).unwrap_or(u64::MAX);
        let gained = nanos.saturating_mul(u64::from(self.per_second));
        self.nano_tokens = self.nano_tokens.saturating_add(gained).min(full);
        self.last = self.last.max(now);
        match self.nano_tokens.checked_sub(1_000_000_000) {
            Some(left) => {
                self.nano_tokens = left;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_gets_a_seconds_worth_and_then_the_rate() {
        let mut guard = Guard::new(100);
        let taken = |guard: &mut Guard, ms: std::ops::Range<u64>| {
            let tries = ms.flat_map(|ms| (0..100).map(move |_| ms));
            tries
                .filter(|ms| guard.take(Mono::from_millis(*ms)))
                .count()
        };
        assert_eq!(taken(&mut guard, 0..1), 100);
        assert_eq!(taken(&mut guard, 1..1_001), 100);
        assert_eq!(
            taken(&mut guard, 60_000..60_001),
            100,
            "no more than it holds"
        );
    }

    #[test]
    fn a_clock_that_steps_back_gives_nothing_twice() {
        let mut guard = Guard::new(1);
        assert!(guard.take(Mono::from_millis(5_000)));
        assert!(!guard.take(Mono::from_millis(1_000)));
        assert!(!guard.take(Mono::from_millis(5_500)));
    }
}
