//! Requests by route: rate, errors, duration.

use std::time::Duration;

use crate::catalog;
use crate::cells::{Cell, PerCore};
use crate::durations::{Durations, Exemplar};
use crate::scrape::Scrape;

pub(super) const STATUS_CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

pub(super) fn class_of(status: u16) -> usize {
    usize::from(status / 100).clamp(1, 5) - 1
}

/// What is counted of a route, on each core.
#[derive(Debug, Default)]
pub struct RouteCells {
    statuses: [Cell; STATUS_CLASSES.len()],
    durations: Durations,
    /// Bytes of bodies received.
    pub bytes_in: Cell,
    /// Bytes of bodies sent.
    pub bytes_out: Cell,
    /// Requests sent to the service.
    pub forwarded: Cell,
}

/// What is counted of a route.
pub type RouteMetrics = PerCore<RouteCells>;

impl RouteCells {
    /// Counts an answered request.
    pub fn answered(&self, status: u16, took: Duration) {
        self.statuses[class_of(status)].add(1);
        self.durations.record(took);
    }

    /// Keeps a request that was traced, after it was counted.
    pub fn exemplify(&self, exemplar: Exemplar) {
        self.durations.exemplify(exemplar);
    }

    pub(super) fn all_answered(&self) -> u64 {
        self.statuses.iter().map(Cell::get).sum()
    }
}

pub(super) fn scrape(route: &RouteMetrics, scrape: &mut Scrape, name: &str) {
    for (i, class) in STATUS_CLASSES.iter().enumerate() {
        let answered = route.sum(|cells| cells.statuses[i].get());
        scrape.counter(&catalog::REQUESTS, &[name, class], answered);
    }
    scrape.durations_of(&catalog::REQUEST_SECONDS, &[name], route, |c| &c.durations);
    let sum = |read: fn(&RouteCells) -> u64| route.sum(read);
    let (received, sent) = (sum(|c| c.bytes_in.get()), sum(|c| c.bytes_out.get()));
    scrape.counter(&catalog::REQUEST_BYTES, &[name], received);
    scrape.counter(&catalog::RESPONSE_BYTES, &[name], sent);
    scrape.counter(&catalog::FORWARDED, &[name], sum(|c| c.forwarded.get()));
}
