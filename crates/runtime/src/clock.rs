//! Both clocks, read together.
//!
//! The wall clock that the node goes by runs on the monotonic one, so that one reading gives both
//! and a step of the system's clock is not felt at once. Once a second it is
//! [disciplined](Clock::discipline): towards the system's, or towards what most nodes show when the
//! system's is wrong.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicI64};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tidegate_model::{Mono, Now, Wall};

/// The system's clock is believed unless the clocks of most nodes are further from it.
const TRUSTED_US: i64 = 100_000;
/// Backwards, time only goes more slowly: at 19 of 20, so that no window comes twice. This much a
/// call.
const SLOWER_US: i64 = 50_000;
/// Further back it steps: nobody waits for hours to be right again.
const STEPS_BACK_US: i64 = 10_000_000;

/// This process's clocks. Cheap to copy; all copies agree.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
    /// Of the whole process, so it is never given back.
    wall: &'static WallState,
}

#[derive(Debug, Default)]
struct WallState {
    /// What the wall clock showed when the monotonic one showed nothing, in microseconds.
    base_us: AtomicI64,
    /// How far it is ahead of the system's.
    ahead_us: AtomicI64,
    follows_peers: AtomicBool,
}

/// What a discipline came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Disciplined {
    /// By how many microseconds the clock was set forward; negative if back.
    pub by_us: i64,
    /// By how many microseconds the system's clock is behind what most nodes show, if that is more
    /// than it may be: the node goes by theirs.
    pub system_behind_us: Option<i64>,
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the place that reads clocks"
)]
impl Clock {
    /// Starts the clocks. Once a process.
    #[must_use]
    pub fn start() -> Self {
        let wall = Box::leak(Box::<WallState>::default());
        wall.base_us.store(system_us(), Relaxed);
        Self {
            start: Instant::now(),
            wall,
        }
    }

    /// The moment on the monotonic clock.
    #[must_use]
    pub fn mono(&self) -> Mono {
        Mono::ZERO + self.start.elapsed()
    }

    /// The moment on both clocks. A wall clock before 1970 reads as 1970.
    #[must_use]
    pub fn now(&self) -> Now {
        let mono = self.mono();
        Now {
            mono,
            wall: Wall::from_unix_micros(self.wall_us(mono).max(0).unsigned_abs()),
        }
    }

    /// Sets the wall clock by the system's, and by what most nodes show: `apart_us` ahead of it.
    /// Call once a second, from one place.
    pub fn discipline(&self, apart_us: Option<i64>) -> Disciplined {
        let wall_us = self.wall_us(self.mono());
        let disciplined = discipline(system_us(), wall_us, apart_us);
        let state = self.wall;
        state.base_us.fetch_add(disciplined.by_us, Relaxed);
        let ahead_us = wall_us + disciplined.by_us - system_us();
        state.ahead_us.store(ahead_us, Relaxed);
        let follows = disciplined.system_behind_us.is_some();
        state.follows_peers.store(follows, Relaxed);
        disciplined
    }

    /// By how many microseconds the wall clock was ahead of the system's when it was disciplined
    /// last, and whether it goes by what most nodes show.
    #[must_use]
    pub fn state(&self) -> (i64, bool) {
        let state = self.wall;
        (
            state.ahead_us.load(Relaxed),
            state.follows_peers.load(Relaxed),
        )
    }

    /// The same moment as tokio's timers know it.
    #[must_use]
    pub fn instant(&self, at: Mono) -> tokio::time::Instant {
        tokio::time::Instant::from_std(self.start + at.since(Mono::ZERO))
    }

    fn wall_us(&self, mono: Mono) -> i64 {
        self.wall.base_us.load(Relaxed) + (mono.as_nanos() / 1_000) as i64
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the place that reads clocks"
)]
fn system_us() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO);
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// Where a wall clock should go that shows `wall_us`, while the system's shows `system_us`, and
/// most nodes' are `apart_us` ahead of it.
fn discipline(system_us: i64, wall_us: i64, apart_us: Option<i64>) -> Disciplined {
    let behind = apart_us.map(|apart| wall_us.saturating_add(apart).saturating_sub(system_us));
    let system_behind_us = behind.filter(|behind| behind.abs() > TRUSTED_US);
    let aim_us = system_us.saturating_add(system_behind_us.unwrap_or(0));
    let by_us = match aim_us.saturating_sub(wall_us) {
        by if (-STEPS_BACK_US..0).contains(&by) => by.max(-SLOWER_US),
        by => by,
    };
    Disciplined {
        by_us,
        system_behind_us,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;

    /// What a clock comes to in so many seconds, of which `apart` says what others show.
    fn after(secs: usize, mut ahead: i64, apart: impl Fn(i64) -> Option<i64>) -> i64 {
        for _ in 0..secs {
            ahead += discipline(1_000 * SECOND, 1_000 * SECOND + ahead, apart(ahead)).by_us;
        }
        ahead
    }

    #[test]
    fn a_clock_follows_the_systems_at_once_forward_and_slowly_back() {
        assert_eq!(after(1, -3_600 * SECOND, |_| None), 0);
        assert_eq!(after(1, SECOND, |_| None), SECOND - SLOWER_US);
        assert_eq!(after(20, SECOND, |_| None), 0, "20 seconds for one");
        assert_eq!(after(1, 3_600 * SECOND, |_| None), 0, "an hour is too long");
    }

    #[test]
    fn a_system_clock_that_most_nodes_contradict_is_not_believed() {
        // Others are two seconds ahead of the system's clock.
        let others = |ahead: i64| Some(2 * SECOND - ahead);
        assert_eq!(after(1, 0, others), 2 * SECOND);
        assert_eq!(after(100, 0, others), 2 * SECOND, "and stays there");
        let close = |ahead: i64| Some(TRUSTED_US / 2 - ahead);
        assert_eq!(after(100, 0, close), 0, "close enough to believe");
    }

    #[test]
    fn both_clocks_go_on_together() {
        let clock = Clock::start();
        let first = clock.now();
        clock.discipline(None);
        let later = clock.now();
        assert!(later.mono >= first.mono);
        let wall = later.wall.unix_micros().abs_diff(first.wall.unix_micros());
        assert!(wall < 5_000_000, "{wall}");
    }
}
