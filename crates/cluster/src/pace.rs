//! How often news is sent: at once while there is little of it, and rarely enough to keep to a
//! budget of bytes when there is much.
//!
//! Counts are cumulative, so what waits is not lost but merged: a subject that is asked for ten
//! times while its row waits travels once.

use std::time::Duration;

use serde::Deserialize;
use tidegate_limit::Audience;
use tidegate_model::{ByteSize, Mono, Period};

/// News for the region's own nodes waits so long for company at least.
const QUICKEST_MATES: Duration = Duration::from_millis(10);
/// The same for other regions.
const QUICKEST_WORLD: Duration = Duration::from_millis(20);

/// How much counts may cost between nodes: `sync` in a world's configuration.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SyncSpec {
    /// Bytes a second that a node sends to all others of its region together.
    pub region_budget: ByteSize,
    /// Bytes a second that a border node sends to all other regions together.
    pub world_budget: ByteSize,
    /// News waits at most so long, even if that costs more than the budget.
    pub slowest: Period,
}

impl Default for SyncSpec {
    fn default() -> Self {
        Self {
            region_budget: ByteSize::from_bytes(1_000_000),
            world_budget: ByteSize::from_bytes(1_000_000),
            slowest: Period::from_millis(100),
        }
    }
}

impl SyncSpec {
    pub(crate) fn pace(&self, audience: Audience) -> PaceSpec {
        let (quickest, budget) = match audience {
            Audience::Mates => (QUICKEST_MATES, self.region_budget),
            Audience::World => (QUICKEST_WORLD, self.world_budget),
        };
        PaceSpec {
            quickest,
            slowest: self.slowest.get().max(quickest),
            budget: budget.bytes(),
        }
    }
}

/// How news to one audience is paced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct PaceSpec {
    quickest: Duration,
    slowest: Duration,
    /// Bytes a second, to all peers of the audience together.
    budget: u64,
}

/// When news may go out next.
#[derive(Debug)]
pub(crate) struct Pace {
    spec: PaceSpec,
    /// When what was sent is paid for by the budget.
    paid_at: Mono,
    /// Flushes that had to wait for the budget.
    delayed: u64,
}

impl Pace {
    pub(crate) const fn new(spec: PaceSpec, now: Mono) -> Self {
        Self {
            spec,
            paid_at: now,
            delayed: 0,
        }
    }

    pub(crate) const fn set_spec(&mut self, spec: PaceSpec) {
        self.spec = spec;
    }

    /// When news of this moment goes out.
    pub(crate) fn next(&self, now: Mono) -> Mono {
        self.paid_at
            .clamp(now + self.spec.quickest, now + self.spec.slowest)
    }

    /// So many bytes were sent.
    pub(crate) fn spend(&mut self, bytes: usize, now: Mono) {
        let budget = self.spec.budget.max(1) as f64;
        let cost = Duration::from_secs_f64(bytes as f64 / budget);
        // What was not used is not saved up: a budget is for each moment.
        self.paid_at = self.paid_at.max(now) + cost;
        // Nor is what could not wait owed for longer than news may wait.
        self.paid_at = self.paid_at.min(now + self.spec.slowest);
        self.delayed += u64::from(self.paid_at > now + self.spec.quickest);
    }

    /// Flushes after which news had to wait longer than usual.
    pub(crate) const fn delayed(&self) -> u64 {
        self.delayed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEC: PaceSpec = PaceSpec {
        quickest: Duration::from_millis(10),
        slowest: Duration::from_millis(100),
        budget: 100_000,
    };

    fn at(ms: u64) -> Mono {
        Mono::ZERO + Duration::from_secs(1) + Duration::from_millis(ms)
    }

    #[test]
    fn little_goes_at_once_and_much_by_the_budget() {
        let mut pace = Pace::new(SPEC, at(0));
        assert_eq!(pace.next(at(0)), at(10));
        pace.spend(500, at(10));
        assert_eq!(pace.next(at(11)), at(21), "500 bytes are paid for in 5 ms");
        assert_eq!(pace.delayed(), 0);
        pace.spend(5_000, at(21));
        assert_eq!(pace.next(at(21)), at(71), "5,000 bytes in 50 ms");
        assert_eq!(pace.delayed(), 1);
    }

    #[test]
    fn nothing_waits_longer_than_it_may() {
        let mut pace = Pace::new(SPEC, at(0));
        for round in 0..10 {
            pace.spend(1_000_000, at(round * 100));
            assert!(pace.next(at(round * 100)) <= at((round + 1) * 100));
        }
        assert_eq!(pace.next(at(5_000)), at(5_010), "and no debt is left");
    }
}
