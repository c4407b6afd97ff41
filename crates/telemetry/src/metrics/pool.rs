//! Attempts at services, and connections to them.

use std::sync::Arc;
use std::time::Duration;

use super::route::{STATUS_CLASSES, class_of};
use crate::catalog;
use crate::cells::{Cell, PerCore};
use crate::durations::{Durations, Exemplar};
use crate::scrape::Scrape;

/// What is counted of a service, on each core.
#[derive(Debug, Default)]
pub struct PoolCells {
    /// Attempts to send a request.
    pub attempts: Cell,
    /// Connections made.
    pub connected: Cell,
    /// Connections that are over.
    closed: Cell,
    /// Requests sent on a connection that was used before.
    pub reused: Cell,
    /// Requests that were given a connection, and those that are done with it.
    leased: [Cell; 2],
    answers: [Cell; STATUS_CLASSES.len()],
    first_byte: Durations,
    failures: [Cell; POOL_FAILURES.len()],
}

/// Why an attempt at a service failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PoolFailure {
    /// Refused, unreachable, or no address.
    Connect,
    /// No connection in time.
    ConnectTimeout,
    /// No first byte in time.
    FirstByteTimeout,
    /// A body that stalled, or an exchange that took too long.
    BodyTimeout,
    /// Broken off, or no HTTP.
    Broken,
}

const POOL_FAILURES: [&str; 5] = [
    "connect",
    "connect_timeout",
    "first_byte_timeout",
    "body_timeout",
    "broken",
];

impl PoolCells {
    /// Counts a failed attempt.
    pub fn failed(&self, why: PoolFailure) {
        self.failures[why as usize].add(1);
    }

    /// Counts an answer's head.
    pub fn answered(&self, status: u16, took: Duration) {
        self.answers[class_of(status)].add(1);
        self.first_byte.record(took);
    }

    /// Keeps an answer that belongs to a trace, after it was counted.
    pub fn exemplify(&self, exemplar: Exemplar) {
        self.first_byte.exemplify(exemplar);
    }
}

/// What is counted of a service.
pub type PoolMetrics = PerCore<PoolCells>;

/// A connection or a request that is counted for as long as it lives.
#[derive(Debug)]
pub struct Counted {
    metrics: Arc<PoolMetrics>,
    core: u32,
    what: What,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum What {
    Connection,
    Request,
}

impl Counted {
    /// A connection that was made on this core.
    #[must_use]
    pub fn connection(metrics: Arc<PoolMetrics>, core: usize) -> Self {
        metrics.of(core).connected.add(1);
        Self::new(metrics, core, What::Connection)
    }

    /// A request that was given a connection.
    #[must_use]
    pub fn request(metrics: Arc<PoolMetrics>, core: usize) -> Self {
        metrics.of(core).leased[0].add(1);
        Self::new(metrics, core, What::Request)
    }

    fn new(metrics: Arc<PoolMetrics>, core: usize, what: What) -> Self {
        let core = u32::try_from(core).unwrap_or(u32::MAX);
        Self {
            metrics,
            core,
            what,
        }
    }

    /// Where else it is counted.
    #[must_use]
    pub fn cells(&self) -> &PoolCells {
        self.metrics.of(self.core as usize)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let cells = self.cells();
        match self.what {
            What::Connection => cells.closed.add(1),
            What::Request => cells.leased[1].add(1),
        }
    }
}

pub(super) fn scrape(pool: &PoolMetrics, scrape: &mut Scrape, name: &str) {
    let label = [name];
    let sum = |read: fn(&PoolCells) -> u64| pool.sum(read);
    // What ended is read first: what is open is never less than nothing.
    let (closed, done) = (sum(|c| c.closed.get()), sum(|c| c.leased[1].get()));
    let (made, leased) = (sum(|c| c.connected.get()), sum(|c| c.leased[0].get()));
    scrape.counter(
        &catalog::UPSTREAM_ATTEMPTS,
        &label,
        sum(|c| c.attempts.get()),
    );
    scrape.counter(&catalog::UPSTREAM_CONNECTIONS, &label, made);
    scrape.counter(&catalog::UPSTREAM_REUSED, &label, sum(|c| c.reused.get()));
    scrape.gauge(&catalog::UPSTREAM_OPEN, &label, (made - closed) as f64);
    scrape.gauge(&catalog::UPSTREAM_IN_FLIGHT, &label, (leased - done) as f64);
    for (i, class) in STATUS_CLASSES.iter().enumerate() {
        let answers = pool.sum(|cells| cells.answers[i].get());
        scrape.counter(&catalog::UPSTREAM_ANSWERS, &[name, class], answers);
    }
    scrape.durations_of(&catalog::UPSTREAM_SECONDS, &label, pool, |c| &c.first_byte);
    for (i, reason) in POOL_FAILURES.iter().enumerate() {
        let failures = pool.sum(|cells| cells.failures[i].get());
        scrape.counter(&catalog::UPSTREAM_FAILURES, &[name, reason], failures);
    }
}
