//! What limits decide.

use crate::catalog;
use crate::cells::{Cell, PerCore};
use crate::scrape::Scrape;

/// What is counted of a limit, on each core.
pub type LimitMetrics = PerCore<LimitCells>;

/// What one core counts of a limit.
#[derive(Debug, Default)]
pub struct LimitCells {
    /// Let through.
    pub admitted: Cell,
    /// Refused.
    pub refused: Cell,
    /// What it would have refused, in shadow mode.
    pub shadowed: Cell,
    /// Decided while a region could not be heard.
    pub partitioned: Cell,
    /// Decided without the limit's store.
    pub unstored: Cell,
    /// Waited for room.
    pub delayed: Cell,
    /// Could not wait, because too many did.
    pub queue_full: Cell,
}

/// Reads one counter of a core.
type Read = fn(&LimitCells) -> u64;

pub(super) fn scrape(limit: &LimitMetrics, scrape: &mut Scrape, name: &str) {
    let all: [(&catalog::Def, Read); 7] = [
        (&catalog::LIMIT_ADMITTED, |cells| cells.admitted.get()),
        (&catalog::LIMIT_REFUSED, |cells| cells.refused.get()),
        (&catalog::LIMIT_SHADOWED, |cells| cells.shadowed.get()),
        (&catalog::LIMIT_PARTITIONED, |cells| cells.partitioned.get()),
        (&catalog::LIMIT_UNSTORED, |cells| cells.unstored.get()),
        (&catalog::LIMIT_DELAYED, |cells| cells.delayed.get()),
        (&catalog::LIMIT_QUEUE_FULL, |cells| cells.queue_full.get()),
    ];
    for (def, read) in all {
        scrape.counter(def, &[name], limit.sum(read));
    }
}
