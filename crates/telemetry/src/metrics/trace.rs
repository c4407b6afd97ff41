//! Traces: what is kept, and what becomes of it.

use super::labelled::Labelled;
use crate::catalog;
use crate::cells::Cell;
use crate::scrape::Scrape;

const KEPT: &[&str] = &["parent", "ratio", "error", "slow", "demand"];
const DROPPED: [&str; 5] = ["spans_max", "rate", "queue_full", "failed", "rejected"];
const FAILURES: &[&str] = &["unreachable", "timeout", "refused"];

/// What is counted of traces.
#[derive(Debug)]
pub struct TraceMetrics {
    /// Requests whose traces were kept, by reason.
    pub kept: Labelled,
    /// Spans that a collector took.
    pub exported: Cell,
    dropped: [Cell; DROPPED.len()],
    /// Attempts to export that failed, by reason.
    pub failures: Labelled,
}

/// Why spans are dropped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SpansDropped {
    /// Their request had too many.
    TooMany,
    /// Too many requests were kept in this second.
    Rate,
    /// As many waited as may.
    QueueFull,
    /// The collector did not take them, however often it was asked.
    Failed,
    /// The collector took others of the same batch.
    Rejected,
}

impl Default for TraceMetrics {
    fn default() -> Self {
        Self {
            kept: Labelled::new(KEPT, 1),
            exported: Cell::default(),
            dropped: Default::default(),
            failures: Labelled::new(FAILURES, 1),
        }
    }
}

impl TraceMetrics {
    /// Counts spans that are dropped.
    pub fn dropped(&self, why: SpansDropped, spans: u64) {
        self.dropped[why as usize].add(spans);
    }

    pub(super) fn scrape(&self, scrape: &mut Scrape) {
        for reason in self.kept.labels() {
            scrape.counter(&catalog::TRACES_KEPT, &[reason], self.kept.total(reason));
        }
        scrape.counter(&catalog::SPANS_EXPORTED, &[], self.exported.get());
        for (cell, reason) in self.dropped.iter().zip(DROPPED) {
            scrape.counter(&catalog::SPANS_DROPPED, &[reason], cell.get());
        }
        for reason in self.failures.labels() {
            let failures = self.failures.total(reason);
            scrape.counter(&catalog::SPAN_EXPORT_FAILURES, &[reason], failures);
        }
    }
}
