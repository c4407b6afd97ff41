//! What each node takes the time to be.

use tidegate_model::{Mono, Now, Wall};

use super::World;

/// A node's wall clock: the system's, which may be wrong, and how far the node goes ahead of it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct NodeClock {
    /// How far the system's clock was ahead of the truth at `since`.
    wrong_us: i64,
    /// How much more wrong it gets, in microseconds a second.
    ppm: i64,
    since: Mono,
    /// How far the node's clock is ahead of the system's.
    ahead_us: i64,
}

/// As the runtime's clock does: what the system's may be off before the node goes by others', how
/// fast it is set back, and up to how far that is done slowly.
const TRUSTED_US: i64 = 100_000;
const SLOWER_US: i64 = 50_000;
const STEPS_BACK_US: i64 = 10_000_000;

impl NodeClock {
    fn system_wrong_us(&self, now: Mono) -> i64 {
        let passed = i64::try_from(now.since(self.since).as_micros()).unwrap_or(i64::MAX / 1_000);
        self.wrong_us + passed / 1_000 * self.ppm / 1_000
    }

    fn wrong_us(&self, now: Mono) -> i64 {
        self.system_wrong_us(now) + self.ahead_us
    }

    /// The system's clock is set.
    pub(super) fn jump(&mut self, seconds: i64) {
        self.wrong_us = self
            .wrong_us
            .saturating_add(seconds.saturating_mul(1_000_000));
    }

    /// The system's clock goes wrong from now on.
    pub(super) fn drift(&mut self, ppm: i64, now: Mono) {
        self.wrong_us = self.system_wrong_us(now);
        (self.ppm, self.since) = (ppm, now);
    }

    /// Most nodes' clocks are `apart_us` ahead of the node's.
    pub(super) fn discipline(&mut self, apart_us: Option<i64>, now: Mono) {
        let system = self.system_wrong_us(now);
        let shown = system + self.ahead_us;
        let behind = apart_us.map(|apart| shown + apart - system);
        let aim = system + behind.filter(|by| by.abs() > TRUSTED_US).unwrap_or(0);
        self.ahead_us += match aim - shown {
            by if (-STEPS_BACK_US..0).contains(&by) => by.max(-SLOWER_US),
            by => by,
        };
    }

    /// A new process starts by the system's clock.
    pub(super) fn restart(&mut self) {
        self.ahead_us = 0;
    }
}

impl World<'_> {
    /// What a node takes the time to be.
    pub(super) fn clock_of(&self, node: usize) -> Now {
        let truth = i64::try_from(self.wall().unix_micros()).unwrap_or(i64::MAX);
        let shown = truth.saturating_add(self.nodes[node].clock.wrong_us(self.now));
        Now {
            mono: self.now,
            wall: Wall::from_unix_micros(u64::try_from(shown).unwrap_or(0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_clock_that_is_an_hour_off_follows_the_others() {
        let mut clock = NodeClock::default();
        let now = Mono::from_millis(5_000);
        clock.jump(3_600);
        assert_eq!(clock.wrong_us(now), 3_600_000_000);
        clock.discipline(Some(-3_600_000_000), now);
        assert_eq!(clock.wrong_us(now), 0);
        clock.drift(100, now);
        let later = now + Duration::from_secs(10);
        assert_eq!(clock.wrong_us(later), 1_000);
    }
}
