//! A bucket of tokens that fills evenly: the generic cell rate algorithm (ITU-T I.371, annex A).
//!
//! Its whole state is one moment: when it will be full again. Taking a token moves that moment away
//! by the time that a token takes to come; a bucket that is full has it in the past.

use std::time::Duration;

use tidegate_model::Mono;

/// How fast a bucket fills, and how much it holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Bucket {
    /// The time in which one token comes.
    step_ns: u64,
    /// Tokens it holds at most.
    burst: u32,
}

impl Bucket {
    /// Fills by `amount` tokens a `window`, and holds `burst`, or as many if that is not said.
    pub(crate) fn new(amount: u32, window: Duration, burst: Option<u32>) -> Self {
        let window_ns = u64::try_from(window.as_nanos()).unwrap_or(u64::MAX);
        Self {
            step_ns: (window_ns / u64::from(amount.max(1))).max(1),
            burst: burst.unwrap_or(amount),
        }
    }

    /// The time in which so many tokens come, in nanoseconds.
    pub(crate) const fn nanos_for(self, tokens: u32) -> u64 {
        self.step_ns.saturating_mul(tokens as u64)
    }

    /// The time in which so many tokens come.
    pub(crate) const fn time_for(self, tokens: u32) -> Duration {
        Duration::from_nanos(self.nanos_for(tokens))
    }

    /// Tokens that come in so long.
    pub(crate) fn tokens_in(self, time: Duration) -> f64 {
        time.as_nanos() as f64 / self.step_ns as f64
    }

    /// Tokens it holds at most.
    pub(crate) const fn burst(self) -> u32 {
        self.burst
    }

    /// Tokens in it at `now`, if it will be full at `full_at_ns`.
    pub(crate) fn level(self, full_at_ns: u64, now: Mono) -> u32 {
        let missing_ns = full_at_ns.saturating_sub(now.as_nanos());
        // A token that has not come whole is not there.
        let missing = missing_ns.div_ceil(self.step_ns);
        self.burst
            .saturating_sub(u32::try_from(missing).unwrap_or(u32::MAX))
    }

    /// When it will be full after `tokens` were taken at `at`.
    pub(crate) fn take(self, full_at_ns: u64, at: Mono, tokens: u32) -> u64 {
        full_at_ns
            .max(at.as_nanos())
            .saturating_add(self.nanos_for(tokens))
    }

    /// The latest that it may be full: what was taken beyond what was there is remembered up to
    /// four bursts, so that one that was overspent by all regions at once is paid back, but no
    /// wrong word can close it for long.
    pub(crate) const fn latest(self, now: Mono) -> u64 {
        now.as_nanos()
            .saturating_add(self.nanos_for(self.burst).saturating_mul(5))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_come_one_by_one_and_never_more_than_the_burst() {
        let bucket = Bucket::new(10, Duration::from_secs(1), Some(3));
        let at = Mono::from_millis;
        let empty = bucket.take(0, at(1_000), 3);
        let levels =
            [1_000, 1_099, 1_100, 1_250, 1_300, 9_000].map(|ms| bucket.level(empty, at(ms)));
        assert_eq!(levels, [0, 0, 1, 2, 3, 3]);
        assert_eq!(bucket.time_for(2), Duration::from_millis(200));
        let owed = bucket.take(empty, at(1_000), 2);
        assert_eq!(
            bucket.level(owed, at(1_200)),
            0,
            "what is owed is paid first"
        );
        assert_eq!(bucket.level(owed, at(1_300)), 1);
    }
}
