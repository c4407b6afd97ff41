//! How far limits were off, in windows that are over: what operators compare with what is promised.
//!
//! Once all have told what they admitted in a window, each node that knows the subject can sum it
//! up. Only windows are judged in which more was asked for than allowed: in others there is nothing
//! to be off.

use tidegate_model::Now;

use super::Counters;
use super::demand::TOLD;
use crate::line::{Line, millis};
use crate::subject::LimitIx;
use crate::{Algorithm, SubjectKey, WindowIx};

/// Sums over the judged windows of all subjects of a limit, in requests or what they cost.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Judged {
    /// Windows in which more was asked for than allowed.
    pub windows: u64,
    /// What was allowed in them.
    pub allowed: u64,
    /// What was admitted beyond that.
    pub over: u64,
    /// What was admitted short of it.
    pub under: u64,
    /// The error that is usual: about the square root of what is under way between nodes.
    pub expected: f64,
    /// The error that is possible: as much again by each other node that admitted any.
    pub worst: u64,
}

impl Counters {
    /// How far a limit was off, as far as this node knows.
    #[must_use]
    pub fn judged(&self, limit: LimitIx) -> Judged {
        let judged = self.judged.get(usize::from(limit.0));
        judged.copied().unwrap_or_default()
    }

    /// Judges a subject's last window, once, when all counts of it have come.
    pub(super) fn judge(&mut self, key: SubjectKey, line: Line, now: Now) {
        let Some(subject) = self.subjects.get_mut(&key) else {
            return;
        };
        let limit = usize::from(subject.limit.0);
        let Some(terms) = self.limits.get(limit) else {
            return;
        };
        let window = terms.windows.at(now.wall);
        let last = window.ix.previous();
        let windowed = !matches!(terms.algorithm, Algorithm::Bucket | Algorithm::Concurrency)
            && !subject.limit.is_cells();
        if !windowed || subject.judged == last || window.elapsed < TOLD {
            return;
        }
        // What came before the subject was known is not known either.
        let first = std::mem::replace(&mut subject.judged, last) == WindowIx::default();
        let amount = match self.table.slot(subject.slot).terms() {
            (_, 0) => terms.amount,
            (_, amount) => amount,
        };
        let (mut admitted, mut offered, mut others) = (0_u64, 0_u64, 0_u64);
        for row in &subject.rows {
            let count = row.row.count_at(last);
            admitted += u64::from(count.admitted);
            offered += u64::from(count.offered);
            others += u64::from(count.admitted > 0);
        }
        let allowed = u64::from(amount);
        if first || offered <= allowed {
            return;
        }
        if self.judged.len() <= limit {
            self.judged.resize(limit + 1, Judged::default());
        }
        let age_s = f64::from(millis(now.mono).wrapping_sub(line.from_ms)) / 1_000.0;
        let rate = f64::from(amount) / terms.windows.longest().as_secs_f64();
        let nodes = others as f64 * terms.burst_share;
        let sum = &mut self.judged[limit];
        sum.windows += 1;
        sum.allowed += allowed;
        sum.over += admitted.saturating_sub(allowed);
        sum.under += allowed.saturating_sub(admitted);
        if terms.mode == crate::Mode::Fast {
            sum.expected += (rate * age_s.min(1.0)).sqrt();
            sum.worst += ((nodes - 1.0).max(0.0) * f64::from(amount)) as u64;
        }
    }
}
