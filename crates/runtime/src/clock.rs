//! Both clocks, read together.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tidegate_model::{Mono, Now, Wall};

/// This process's clocks. Cheap to copy; all copies agree.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the place that reads clocks"
)]
impl Clock {
    /// Starts the monotonic clock. Once a process.
    #[must_use]
    pub fn start() -> Self {
        Self {
            start: Instant::now(),
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
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        let wall = Wall::from_unix_micros(u64::try_from(since.as_micros()).unwrap_or(u64::MAX));
        Now {
            mono: self.mono(),
            wall,
        }
    }

    /// The same moment as tokio's timers know it.
    #[must_use]
    pub fn instant(&self, at: Mono) -> tokio::time::Instant {
        tokio::time::Instant::from_std(self.start + at.since(Mono::ZERO))
    }
}
