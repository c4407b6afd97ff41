//! Carries traces to the collector, in batches.
//!
//! A collector that is slow, down, or refuses costs its own spans: they are counted, and said once
//! a minute. When a node ends, what waits is sent once, and for a short time only.

use std::sync::Arc;
use std::time::Duration;

use tidegate_config::TracesSpec;
use tidegate_model::{Mono, NodeId};
use tidegate_otlp::{
    Accepted, ExportTraceServiceRequest, Exporter, Failure, InstrumentationScope, Resource,
    ResourceSpans, Retry, ScopeSpans,
};
use tidegate_runtime::Clock;
use tidegate_telemetry::metrics::{SpansDropped, TraceMetrics};
use tidegate_trace::Trace;
use tokio::sync::mpsc::Receiver;
use tokio::sync::watch;

use super::spans::{resource, spans};

/// Between two lines of the log about a collector that does not take spans.
const COMPLAINS_EACH: Duration = Duration::from_secs(60);
/// What waits when a node ends has so long to leave.
const FLUSH_MAX: Duration = Duration::from_secs(3);

/// Carries traces to the collector.
pub(crate) struct Export {
    exporter: Exporter,
    retry: Retry,
    queue: Receiver<Arc<Trace>>,
    batch_max: usize,
    flush_interval: Duration,
    resource: Resource,
    clock: Clock,
    metrics: Arc<TraceMetrics>,
    hurry: watch::Receiver<bool>,
    done: watch::Sender<bool>,
    complained: Option<Mono>,
}

/// Has what waits sent before a node ends.
#[derive(Clone, Debug)]
pub(crate) struct Flush {
    hurry: watch::Sender<bool>,
    done: watch::Receiver<bool>,
}

impl Flush {
    /// Waits until what waits is sent, or its time is over.
    pub(crate) async fn now(&self) {
        self.hurry.send_replace(true);
        let mut done = self.done.clone();
        let _late = tokio::time::timeout(FLUSH_MAX, done.wait_for(|done| *done)).await;
    }
}

impl Export {
    pub(crate) fn new(
        exporter: Exporter,
        retry: Retry,
        queue: Receiver<Arc<Trace>>,
        spec: &TracesSpec,
        node: &NodeId,
        clock: Clock,
        metrics: Arc<TraceMetrics>,
    ) -> (Self, Flush) {
        let (hurry, hurries) = watch::channel(false);
        let (done, is_done) = watch::channel(false);
        let export = Self {
            exporter,
            retry,
            queue,
            batch_max: spec.batch_max.get() as usize,
            flush_interval: spec.flush_interval.get(),
            resource: resource(node),
            clock,
            metrics,
            hurry: hurries,
            done,
            complained: None,
        };
        let flush = Flush {
            hurry,
            done: is_done,
        };
        (export, flush)
    }

    /// Runs until the process ends.
    pub(crate) async fn run(mut self) {
        let mut batch = Vec::new();
        loop {
            self.collect(&mut batch).await;
            if !batch.is_empty() {
                self.deliver(&batch).await;
                batch.clear();
            } else if *self.hurry.borrow() {
                break;
            }
        }
        self.done.send_replace(true);
        // It ends with the process; that it ended is no failure.
        std::future::pending::<()>().await;
    }

    /// Waits for traces, and a little for more of them.
    async fn collect(&mut self, batch: &mut Vec<Arc<Trace>>) {
        tokio::select! {
            biased;
            _ = self.queue.recv_many(batch, self.batch_max) => {}
            () = hurried(self.hurry.clone()) => return,
        }
        let more = async {
            while batch.len() < self.batch_max {
                let room = self.batch_max - batch.len();
                self.queue.recv_many(batch, room).await;
            }
        };
        tokio::select! {
            () = more => {}
            () = tokio::time::sleep(self.flush_interval) => {}
            () = hurried(self.hurry.clone()) => {}
        }
    }

    async fn deliver(&mut self, batch: &[Arc<Trace>]) {
        let request = self.request(batch);
        let count: u64 = batch.iter().map(|trace| trace.spans.len() as u64).sum();
        let failed = |failure: &Failure| self.metrics.failures.count(0, failure.kind.label());
        let delivered = if *self.hurry.borrow() {
            let once = Retry {
                attempts_max: 1,
                ..self.retry
            };
            self.exporter.deliver(&request, once, failed).await
        } else {
            tokio::select! {
                delivered = self.exporter.deliver(&request, self.retry, failed) => delivered,
                // A pause between two attempts is cut short; a collector may see a batch twice.
                () = hurried(self.hurry.clone()) => self.exporter.send(&request).await,
            }
        };
        match delivered {
            Ok(accepted) => self.taken(count, &accepted),
            Err(failure) => {
                self.metrics.dropped(SpansDropped::Failed, count);
                self.complain(&failure.message);
            }
        }
    }

    fn taken(&mut self, count: u64, accepted: &Accepted) {
        let rejected = accepted.rejected.min(count);
        self.metrics.exported.add(count - rejected);
        if rejected > 0 {
            self.metrics.dropped(SpansDropped::Rejected, rejected);
            self.complain(&format!("{rejected} spans rejected: {}", accepted.message));
        }
    }

    fn complain(&mut self, error: &str) {
        let now = self.clock.mono();
        let silent = self
            .complained
            .is_some_and(|at| now.since(at) < COMPLAINS_EACH);
        if !silent {
            self.complained = Some(now);
            tracing::warn!(
                error,
                "The collector of traces takes no spans: they are dropped and counted."
            );
        }
    }

    fn request(&self, batch: &[Arc<Trace>]) -> ExportTraceServiceRequest {
        let scope = InstrumentationScope {
            name: env!("CARGO_PKG_NAME").to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        ExportTraceServiceRequest {
            resource_spans: vec![ResourceSpans {
                resource: Some(self.resource.clone()),
                scope_spans: vec![ScopeSpans {
                    scope: Some(scope),
                    spans: batch.iter().flat_map(|trace| spans(trace)).collect(),
                }],
            }],
        }
    }
}

/// Waits until the node ends. It has ended if nobody can say so any more.
async fn hurried(mut hurry: watch::Receiver<bool>) {
    let _ended = hurry.wait_for(|hurry| *hurry).await.is_ok();
}
