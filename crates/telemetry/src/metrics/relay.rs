//! Requests that are passed between this region and another.

use crate::catalog;
use crate::cells::Cell;
use crate::scrape::Scrape;

/// What became of a request that was passed on to another region.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RelaySent {
    /// A service there answered it, or the gateway there for it.
    Answered,
    /// No service there saw it.
    NotServed,
    /// No node there could be reached.
    Unreachable,
    /// It was sent and no answer came.
    Failed,
}

const RELAY_SENT: [&str; 4] = ["answered", "not_served", "unreachable", "failed"];

/// What became of a request that another region passed on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RelayTaken {
    /// A service here answered it.
    Served,
    /// No service here saw it.
    NotServed,
    /// It was passed on too often.
    Loop,
    /// A service saw it and gave no answer, or its body was not taken.
    Failed,
}

const RELAY_TAKEN: [&str; 4] = ["served", "not_served", "loop", "failed"];

/// What is counted of requests that are passed between this region and another.
#[derive(Debug, Default)]
pub struct RelayMetrics {
    sent: [Cell; RELAY_SENT.len()],
    taken: [Cell; RELAY_TAKEN.len()],
}

impl RelayMetrics {
    /// Counts a request that was passed on to there.
    pub fn sent(&self, result: RelaySent) {
        self.sent[result as usize].add(1);
    }

    /// Counts a request that came from there.
    pub fn taken(&self, result: RelayTaken) {
        self.taken[result as usize].add(1);
    }

    pub(super) fn scrape(&self, scrape: &mut Scrape, region: &str) {
        for (cell, result) in self.sent.iter().zip(RELAY_SENT) {
            scrape.counter(&catalog::RELAY_SENT, &[region, result], cell.get());
        }
        for (cell, result) in self.taken.iter().zip(RELAY_TAKEN) {
            scrape.counter(&catalog::RELAY_TAKEN, &[region, result], cell.get());
        }
    }
}
