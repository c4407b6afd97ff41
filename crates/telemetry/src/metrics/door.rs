//! Connections of clients, by door.

use crate::catalog;
use crate::cells::Cell;
use crate::scrape::Scrape;

/// Why a client's connection was ended by us, or broke.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cut {
    /// The door has as many as it takes.
    Full,
    /// No byte, or no TLS handshake, in time.
    FirstByteTimeout,
    /// No complete header section in time.
    HeaderTimeout,
    /// No further request in time.
    Idle,
    /// The TLS handshake failed.
    Tls,
    /// A header section larger than the door takes.
    HeaderTooLarge,
    /// No HTTP.
    Malformed,
    /// Broken off by the client or the network.
    Broken,
    /// The node was being stopped and did not wait any longer.
    Stopped,
}

const CUTS: [&str; 9] = [
    "full",
    "first_byte_timeout",
    "header_timeout",
    "idle",
    "tls",
    "header_too_large",
    "malformed",
    "broken",
    "stopped",
];

/// What is counted of a door.
#[derive(Debug, Default)]
pub struct DoorMetrics {
    /// Connections accepted.
    pub accepted: Cell,
    /// Connections open.
    pub open: Cell,
    /// Connections that may be open at a time.
    pub open_max: Cell,
    cuts: [Cell; CUTS.len()],
}

impl DoorMetrics {
    /// Counts a connection that was ended by us, or broke.
    pub fn cut(&self, why: Cut) {
        self.cuts[why as usize].add(1);
    }

    pub(super) fn scrape(&self, scrape: &mut Scrape, name: &str) {
        let label = [name];
        scrape.counter(&catalog::CONNECTIONS, &label, self.accepted.get());
        scrape.gauge(&catalog::CONNECTIONS_OPEN, &label, self.open.get() as f64);
        scrape.gauge(
            &catalog::CONNECTIONS_MAX,
            &label,
            self.open_max.get() as f64,
        );
        for (cell, reason) in self.cuts.iter().zip(CUTS) {
            scrape.counter(&catalog::CONNECTIONS_CUT, &[name, reason], cell.get());
        }
    }
}
