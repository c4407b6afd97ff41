//! What a node does about traces: how they are read, written and kept, and who takes them.

use std::fmt;
use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tidegate_model::Wall;
use tidegate_telemetry::metrics::{SpansDropped, TraceMetrics};
use tidegate_trace::{Kept, Propagation, Sampling, Trace};
use tokio::sync::mpsc::Sender;

use crate::watches::Watches;

/// How traces are read, written and kept, in one generation.
#[derive(Clone, PartialEq, Debug)]
pub struct TraceSettings {
    /// Fields that carry them.
    pub propagation: Propagation,
    /// Which are kept.
    pub sampling: Sampling,
    /// Spans of one request.
    pub spans_max: usize,
    /// Requests whose traces are kept, in a second.
    pub per_second_max: u32,
}

/// What holds for whoever is only watched.
pub(crate) static WATCHED: LazyLock<TraceSettings> = LazyLock::new(|| TraceSettings {
    propagation: Propagation::default(),
    sampling: Sampling::default(),
    spans_max: 64,
    per_second_max: 0,
});

/// Who takes traces: the way to the collector, if there is one, and whoever watches.
pub struct Traces {
    /// Whoever watches.
    pub watches: Watches,
    collector: Option<Sender<Arc<Trace>>>,
    metrics: Arc<TraceMetrics>,
    /// The second at the moment, and how many were kept in it.
    rate: AtomicU64,
}

impl fmt::Debug for Traces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Traces")
            .field("watches", &self.watches)
            .finish_non_exhaustive()
    }
}

impl Traces {
    /// With a way to a collector, or without.
    #[must_use]
    pub fn new(collector: Option<Sender<Arc<Trace>>>, metrics: Arc<TraceMetrics>) -> Self {
        Self {
            watches: Watches::default(),
            collector,
            metrics,
            rate: AtomicU64::new(0),
        }
    }

    /// How many wait for the collector, and how many may.
    #[must_use]
    pub fn queue(&self) -> Option<(usize, usize)> {
        let collector = self.collector.as_ref()?;
        let most = collector.max_capacity();
        Some((most - collector.capacity(), most))
    }

    /// Whether one more of so many spans may go to the collector in this second, if there is one.
    pub(crate) fn admits(&self, spans: usize, per_second_max: u32, now: Wall) -> bool {
        if self.collector.is_none() {
            return false;
        }
        let may = self.may_keep(per_second_max, now);
        if !may {
            self.metrics.dropped(SpansDropped::Rate, spans as u64);
        }
        may
    }

    /// Hands a trace to the collector. Returns whether it will get there as far as can be said.
    pub(crate) fn keep(&self, trace: &Arc<Trace>, why: Kept) -> bool {
        let Some(collector) = &self.collector else {
            return false;
        };
        let spans = trace.spans.len() as u64;
        self.metrics
            .dropped(SpansDropped::TooMany, trace.cut.into());
        if collector.try_send(Arc::clone(trace)).is_err() {
            self.metrics.dropped(SpansDropped::QueueFull, spans);
            return false;
        }
        self.metrics.kept.count(0, why.label());
        true
    }

    fn may_keep(&self, per_second_max: u32, now: Wall) -> bool {
        let second = (now.unix_secs() & u64::from(u32::MAX)) << 32;
        let one_more = |rate: u64| {
            let used = if rate & !u64::from(u32::MAX) == second {
                rate & u64::from(u32::MAX)
            } else {
                0
            };
            (used < u64::from(per_second_max)).then_some(second | (used + 1))
        };
        self.rate.fetch_update(Relaxed, Relaxed, one_more).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_are_kept_in_a_second() {
        let traces = Traces::new(None, Arc::default());
        let kept = |secs| {
            let now = Wall::from_unix_secs(secs);
            (0..10).filter(|_| traces.may_keep(3, now)).count()
        };
        assert_eq!([kept(100), kept(100), kept(101), kept(103)], [3, 0, 3, 3]);
    }
}
