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

/// Answered requests by class of status.
#[derive(Debug, Default)]
pub struct Statuses([Cell; STATUS_CLASSES.len()]);

impl Statuses {
    /// Counts one.
    pub fn count(&self, status: u16) {
        self.0[class_of(status)].add(1);
    }

    fn sum<T>(of: &PerCore<T>, class: usize, read: fn(&T) -> &Self) -> u64 {
        of.sum(|cells| read(cells).0[class].get())
    }
}

/// What is counted of a consumer.
pub type ConsumerMetrics = PerCore<Statuses>;

/// What is counted of a route, on each core.
#[derive(Debug, Default)]
pub struct RouteCells {
    statuses: Statuses,
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
        self.statuses.count(status);
        self.durations.record(took);
    }

    /// Keeps a request that was traced, after it was counted.
    pub fn exemplify(&self, exemplar: Exemplar) {
        self.durations.exemplify(exemplar);
    }

    pub(super) fn all_answered(&self) -> u64 {
        self.statuses.0.iter().map(Cell::get).sum()
    }
}

pub(super) fn scrape(route: &RouteMetrics, scrape: &mut Scrape, name: &str) {
    for (i, class) in STATUS_CLASSES.iter().enumerate() {
        let answered = Statuses::sum(route, i, |cells| &cells.statuses);
        scrape.counter(&catalog::REQUESTS, &[name, class], answered);
    }
    scrape.durations_of(&catalog::REQUEST_SECONDS, &[name], route, |c| &c.durations);
    let sum = |read: fn(&RouteCells) -> u64| route.sum(read);
    let (received, sent) = (sum(|c| c.bytes_in.get()), sum(|c| c.bytes_out.get()));
    scrape.counter(&catalog::REQUEST_BYTES, &[name], received);
    scrape.counter(&catalog::RESPONSE_BYTES, &[name], sent);
    scrape.counter(&catalog::FORWARDED, &[name], sum(|c| c.forwarded.get()));
}

pub(super) fn scrape_consumer(consumer: &ConsumerMetrics, scrape: &mut Scrape, name: &str) {
    for (i, class) in STATUS_CLASSES.iter().enumerate() {
        let answered = Statuses::sum(consumer, i, |statuses| statuses);
        scrape.counter(&catalog::CONSUMER_REQUESTS, &[name, class], answered);
    }
}
