//! Gathers lines, sends batches, tries again, and tells what became of each line.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tidegate_otlp::Retry;
use tidegate_telemetry::{Carrier, DropReason, Lines, Told};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::Receiver;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;

use crate::batch::{Batch, Gather, Limits};
use crate::cloudwatch::Cloudwatch;
use crate::collector::Collector;
use crate::failure::Failure;
use crate::kafka::Kafka;
use crate::server::Server;

/// While nothing happens, the queue is looked at so often.
const LOOKS_EACH: Duration = Duration::from_secs(1);

/// Where batches go.
#[derive(Debug)]
pub enum To {
    /// A server of HTTP.
    Server(Server),
    /// CloudWatch Logs.
    Cloudwatch(Cloudwatch),
    /// A topic of Kafka.
    Kafka(Box<Kafka>),
    /// A collector of OpenTelemetry.
    Collector(Collector),
}

/// A destination of the access log that takes many lines at a time.
#[derive(Debug)]
pub struct Shipper {
    to: Arc<To>,
    limits: Limits,
    retry: Retry,
    /// So long it goes on when there will be no more lines.
    linger: Duration,
    /// Its own, so that neither requests nor the control plane feel it.
    runtime: Runtime,
}

/// What a destination did with a batch.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Taken {
    /// So many lines of it are lost all the same,
    pub(crate) lost: u64,
    /// and why.
    pub(crate) why: Option<Failure>,
}

impl To {
    /// The bytes that a line counts for; nothing if it is too long.
    fn cost(&self, line: &[u8]) -> Option<usize> {
        match self {
            Self::Server(server) => server.cost(line),
            Self::Cloudwatch(_) => Cloudwatch::cost(line),
            Self::Kafka(_) => Kafka::cost(line),
            Self::Collector(_) => Some(line.len()),
        }
    }

    async fn send(&self, batch: &Batch) -> Result<Taken, Failure> {
        match self {
            Self::Server(server) => server.send(batch).await.map(|()| Taken::default()),
            Self::Cloudwatch(aws) => aws.send(batch).await,
            Self::Kafka(kafka) => kafka.send(batch).await,
            Self::Collector(collector) => collector.send(batch).await,
        }
    }
}

impl Shipper {
    /// Nothing is connected yet.
    ///
    /// # Errors
    /// If the system has no means for a runtime more.
    pub fn new(to: To, limits: Limits, retry: Retry, linger: Duration) -> io::Result<Self> {
        Ok(Self {
            to: Arc::new(to),
            limits,
            retry,
            linger,
            runtime: Builder::new_current_thread().enable_all().build()?,
        })
    }
}

impl Carrier for Shipper {
    fn run(self: Box<Self>, lines: Receiver<Lines>, told: Told) {
        let under_way = UnderWay {
            to: self.to,
            retry: self.retry,
            in_flight_max: self.limits.in_flight_max.max(1),
            tasks: JoinSet::new(),
            counts: HashMap::new(),
            told,
        };
        let gather = Gather::new(self.limits);
        self.runtime
            .block_on(ship(under_way, gather, lines, self.linger));
    }
}

/// Sends what comes until nothing can come any more, and then what is left.
async fn ship(
    mut under_way: UnderWay,
    mut gather: Gather,
    mut lines: Receiver<Lines>,
    linger: Duration,
) {
    let mut due = None;
    loop {
        under_way.begin(&mut gather);
        tokio::select! {
            () = under_way.next(), if !under_way.tasks.is_empty() => {}
            // What is full has to go first: that bounds what waits here.
            came = lines.recv(), if gather.full.is_empty() => {
                let Some(came) = came else { break };
                let to = Arc::clone(&under_way.to);
                let too_large = gather.add(&came, |line| to.cost(line));
                let why = "a line is longer than it takes";
                under_way.told.dropped(too_large, DropReason::TooLarge, why);
                if gather.open.is_empty() {
                    due = None;
                } else if due.is_none() || !gather.full.is_empty() {
                    due = Some(Instant::now() + gather.age_max());
                }
            }
            () = at(due), if gather.full.is_empty() => {
                gather.close();
                due = None;
            }
            () = tokio::time::sleep(LOOKS_EACH) => under_way.told.look(),
        }
    }
    gather.close();
    let _bounded = tokio::time::timeout(linger, under_way.all(&mut gather)).await;
    let left = under_way.counts.values().sum::<u64>() + gather.waiting();
    let why = "it did not take the last lines in time";
    under_way.told.dropped(left, DropReason::Stopped, why);
}

async fn at(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

/// Batches that are being sent.
struct UnderWay {
    to: Arc<To>,
    retry: Retry,
    in_flight_max: usize,
    tasks: JoinSet<Result<Taken, Failure>>,
    /// The lines of each.
    counts: HashMap<Id, u64>,
    told: Told,
}

impl UnderWay {
    /// Begins to send as many as may be under way.
    fn begin(&mut self, gather: &mut Gather) {
        while self.tasks.len() < self.in_flight_max
            && let Some(batch) = gather.full.pop_front()
        {
            let count = batch.count();
            let sent = deliver(Arc::clone(&self.to), batch, self.retry);
            self.counts.insert(self.tasks.spawn(sent).id(), count);
        }
    }

    /// Waits until one is through, and tells what became of it.
    async fn next(&mut self) {
        if let Some(done) = self.tasks.join_next_with_id().await {
            self.tell(done);
        }
    }

    /// Sends all that is full.
    async fn all(&mut self, gather: &mut Gather) {
        loop {
            self.begin(gather);
            if self.tasks.is_empty() {
                return;
            }
            self.next().await;
        }
    }

    fn tell(&mut self, done: Result<(Id, Result<Taken, Failure>), JoinError>) {
        let (id, result) = match done {
            Ok(done) => done,
            Err(error) => (error.id(), Err(Failure::refused(error))),
        };
        let count = self.counts.remove(&id).unwrap_or_default();
        match result {
            Ok(Taken { lost, why }) => {
                let lost = lost.min(count);
                self.told.written(count - lost);
                if let Some(failure) = why {
                    self.told.dropped(lost, failure.reason, &failure.why);
                }
            }
            Err(failure) => self.told.dropped(count, failure.reason, &failure.why),
        }
    }
}

/// Sends a batch, and again while that may help.
async fn deliver(to: Arc<To>, batch: Batch, retry: Retry) -> Result<Taken, Failure> {
    let mut attempts = retry.first();
    loop {
        let failure = match to.send(&batch).await {
            Ok(taken) => return Ok(taken),
            Err(failure) => failure,
        };
        let passing = failure.passing.then_some(failure.after);
        let Some(wait) = passing.and_then(|after| attempts.next_after(after)) else {
            return Err(failure);
        };
        tokio::time::sleep(wait).await;
    }
}
