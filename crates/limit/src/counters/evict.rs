//! Making room: subjects that nobody asks for go from their slots into cells when slots are short.
//!
//! A hand goes round the table as in CLOCK (Corbató, 1968): a subject that was not asked for since
//! it came by last loses its slot, if it has spent little. What all nodes are known to have
//! admitted of it is counted in its cells, so that nothing is given back; what is told twice in
//! this way only makes cells fuller. Exact are, and keep their slots: quotas, buckets, leases and
//! strict limits.

use std::cmp::Ordering;
use std::sync::Arc;

use tidegate_model::Now;

use super::Counters;
use crate::subject::LimitIx;
use crate::{Algorithm, Mode, SubjectKey, WindowIx};

/// A subject that has spent more than this part of its amount keeps its slot.
const SPENT_LITTLE: u32 = 4;

/// Who was asked for lately, and whose slots are being emptied.
#[derive(Debug)]
pub(super) struct Eviction {
    /// Slots that were asked for since the hand came by.
    referred: Vec<bool>,
    retired: Vec<Retired>,
    /// Whose cells are looked at next.
    turn: usize,
}

/// A slot that no core finds any more, but one may still be counting in.
#[derive(Debug)]
struct Retired {
    slot: usize,
    key: SubjectKey,
    limit: LimitIx,
    window: WindowIx,
    /// What was admitted here when it was retired.
    admitted: u32,
}

impl Eviction {
    pub(super) fn new(slots: usize) -> Self {
        Self {
            referred: vec![false; slots],
            retired: Vec::new(),
            turn: 0,
        }
    }

    pub(super) fn refer(&mut self, slot: usize) {
        if let Some(referred) = self.referred.get_mut(slot) {
            *referred = true;
        }
    }
}

impl Counters {
    /// Whether a subject that nobody asks for would take a slot that is needed.
    pub(super) fn would_press(&self, key: SubjectKey, limit: LimitIx) -> bool {
        let Some(terms) = self.limits.get(usize::from(limit.0)) else {
            return false;
        };
        is_evictable(terms.algorithm, terms.mode)
            && !limit.is_cells()
            && !self.subjects.contains_key(&key)
            && self.table.is_pressed(terms.anonymous)
    }

    /// Lets a subject go that was not asked for since the last time, if slots are short.
    pub(super) fn evict_if_pressed(&mut self, slot: usize, now: Now) {
        if std::mem::take(&mut self.eviction.referred[slot]) {
            return;
        }
        let Some(key) = self.table.key(slot) else {
            return;
        };
        let (limit, amount) = self.table.slot(slot).terms();
        let Some(terms) = self.limits.get(usize::from(limit.0)) else {
            return;
        };
        if !is_evictable(terms.algorithm, terms.mode)
            || self.is_hot(key)
            || !self.table.is_pressed(terms.anonymous)
        {
            return;
        }
        let window = terms.windows.at(now.wall).ix;
        let own = self.table.slot(slot).own(window).admitted;
        let known = self.known_counts(key, slot, window);
        let amount = if amount == 0 { terms.amount } else { amount };
        if known[0] > amount / SPENT_LITTLE {
            return;
        }
        self.table.leave_behind(key, limit, terms.id, window, known);
        self.table.retire(slot);
        self.forget(key);
        self.eviction.retired.push(Retired {
            slot,
            key,
            limit,
            window,
            admitted: own,
        });
    }

    /// What all nodes are known to have admitted of a subject, in a window and in the one before.
    fn known_counts(&self, key: SubjectKey, slot: usize, window: WindowIx) -> [u32; 2] {
        let slot = self.table.slot(slot);
        let own = [slot.own(window).admitted, slot.own_before(window)];
        let rows = self.subjects.get(&key).map(|subject| &subject.rows[1..]);
        let others = |window| {
            let counts = rows.into_iter().flatten();
            counts.fold(0_u32, |sum, row| {
                sum.saturating_add(row.row.count_at(window).admitted)
            })
        };
        [
            own[0].saturating_add(others(window)),
            own[1].saturating_add(others(window.previous())),
        ]
    }

    /// Frees the slots that were retired the last time: by now no core counts in them. What one did
    /// count meanwhile follows the rest.
    pub(super) fn free_retired(&mut self, now: Now) {
        for retired in std::mem::take(&mut self.eviction.retired) {
            if let Some(terms) = self.limits.get(usize::from(retired.limit.0)) {
                let slot = self.table.slot(retired.slot);
                let window = terms.windows.at(now.wall).ix;
                let late = |of: WindowIx| match of.cmp(&retired.window) {
                    Ordering::Less => 0,
                    Ordering::Equal => slot.own(of).admitted.saturating_sub(retired.admitted),
                    Ordering::Greater => slot.own(of).admitted,
                };
                let counts = [late(window), late(window.previous())];
                if counts != [0, 0] {
                    let (key, limit) = (retired.key, retired.limit);
                    self.table
                        .leave_behind(key, limit, terms.id, window, counts);
                }
            }
            self.table.free(retired.slot);
        }
    }

    /// Forgets what peers told of one limit's cells in windows that are over.
    pub(super) fn sweep_cells(&mut self, now: Now) {
        let table = Arc::clone(&self.table);
        self.eviction.turn = self.eviction.turn.wrapping_add(1);
        for cell in table.cells_of(self.eviction.turn).into_iter().flatten() {
            let known = table
                .key(cell)
                .filter(|key| self.subjects.contains_key(key));
            if let Some(key) = known
                && self.is_over(cell, now)
            {
                self.forget(key);
            }
        }
    }
}

/// Whether a subject may be counted by cells only. Others are promised to be exact.
const fn is_evictable(algorithm: Algorithm, mode: Mode) -> bool {
    matches!(mode, Mode::Fast) && matches!(algorithm, Algorithm::Sliding | Algorithm::Fixed)
}
