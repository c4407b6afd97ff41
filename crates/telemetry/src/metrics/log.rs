//! What is counted of destinations of the access log.

use crate::access_log::{Complaints, DropReason};
use crate::catalog;
use crate::cells::Cell;
use crate::scrape::Scrape;

/// What is counted of a destination of the access log.
#[derive(Debug, Default)]
pub struct LogMetrics {
    /// Lines written.
    pub written: Cell,
    /// Lines that a sample left out.
    pub sampled_out: Cell,
    dropped: [Cell; DropReason::ALL.len()],
    pub(crate) complaints: Complaints,
}

impl LogMetrics {
    /// Lines dropped for a reason.
    #[must_use]
    pub const fn dropped(&self, reason: DropReason) -> &Cell {
        &self.dropped[reason as usize]
    }

    pub(super) fn scrape(&self, scrape: &mut Scrape, name: &str) {
        scrape.counter(&catalog::LOG_WRITTEN, &[name], self.written.get());
        for reason in DropReason::ALL {
            let dropped = self.dropped(reason).get();
            scrape.counter(&catalog::LOG_DROPPED, &[name, reason.label()], dropped);
        }
        scrape.counter(&catalog::LOG_SAMPLED_OUT, &[name], self.sampled_out.get());
    }
}
