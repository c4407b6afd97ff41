//! What became of lines: counters, and one line a minute of the node's own log.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::metrics::LogMetrics;

/// Between two lines of the node's own log about a destination that does not take lines.
const COMPLAINS_EACH: Duration = Duration::from_secs(60);

/// Why lines were dropped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DropReason {
    /// As many waited as may.
    QueueFull,
    /// A file, standard output or syslog did not take them.
    Failed,
    /// The destination cannot be reached, or the connection broke.
    Unreachable,
    /// It did not answer in time.
    Timeout,
    /// It refused them.
    Refused,
    /// A line is larger than the destination takes.
    TooLarge,
    /// The node ended, or the destination was taken out, before they were delivered.
    Stopped,
}

impl DropReason {
    /// All of them, in their order.
    pub const ALL: [Self; 7] = [
        Self::QueueFull,
        Self::Failed,
        Self::Unreachable,
        Self::Timeout,
        Self::Refused,
        Self::TooLarge,
        Self::Stopped,
    ];

    /// As a label of a metric.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::Failed => "failed",
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::Refused => "refused",
            Self::TooLarge => "too_large",
            Self::Stopped => "stopped",
        }
    }
}

/// Hears what became of lines.
#[derive(Debug)]
pub struct Told {
    name: String,
    metrics: Arc<LogMetrics>,
    /// Lines that had been dropped at a full queue when that was last said.
    full_said: u64,
}

impl Told {
    pub(super) fn new(name: String, metrics: Arc<LogMetrics>) -> Self {
        let full_said = metrics.dropped(DropReason::QueueFull).get();
        Self {
            name,
            metrics,
            full_said,
        }
    }

    /// The destination took lines.
    pub fn written(&mut self, lines: u64) {
        self.metrics.written.add(lines);
        self.look();
    }

    /// Lines are lost.
    pub fn dropped(&mut self, lines: u64, reason: DropReason, why: &str) {
        if lines == 0 {
            return;
        }
        self.metrics.dropped(reason).add(lines);
        self.complain(reason, why);
    }

    /// Says that lines were dropped because as many waited as may, if any were. For carriers that
    /// wait for long.
    pub fn look(&mut self) {
        let full = self.metrics.dropped(DropReason::QueueFull).get();
        if full > self.full_said && self.complain(DropReason::QueueFull, "it is too slow") {
            self.full_said = full;
        }
    }

    fn complain(&self, reason: DropReason, why: &str) -> bool {
        let said = self.metrics.complaints.may_speak();
        if said {
            tracing::warn!(
                log = self.name,
                reason = reason.label(),
                error = why,
                "A destination of the access log takes no lines: they are dropped and counted."
            );
        }
        said
    }
}

/// When something was last said. It outlives the threads that write.
#[derive(Debug)]
pub(crate) struct Complaints {
    start: std::time::Instant,
    /// Milliseconds from `start`, and one more; 0 if never.
    last_ms: AtomicU64,
}

#[expect(
    clippy::disallowed_methods,
    reason = "threads without a runtime speak here: their time is nobody's argument"
)]
impl Default for Complaints {
    fn default() -> Self {
        Self {
            start: std::time::Instant::now(),
            last_ms: AtomicU64::new(0),
        }
    }
}

impl Complaints {
    /// Once a minute.
    fn may_speak(&self) -> bool {
        let now_ms = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX - 1) + 1;
        let last_ms = self.last_ms.load(Relaxed);
        let each_ms = COMPLAINS_EACH.as_millis() as u64;
        (last_ms == 0 || now_ms - last_ms >= each_ms)
            && self
                .last_ms
                .compare_exchange(last_ms, now_ms, Relaxed, Relaxed)
                .is_ok()
    }
}
