//! Who has a slot, and how those are counted that have none: in cells of a sketch.
//!
//! A subject that comes to a slot takes along what its cells counted, and one that loses its slot
//! leaves behind what is known of it, so that neither gives back what was spent.

use std::sync::atomic::Ordering::SeqCst;

use tidegate_model::Now;

use super::place::Place;
use super::{Ask, Registered, SlotAt, Table, set_bit};
use crate::bucket::Bucket;
use crate::sketch::{CELLS, Cell, ROWS, numbers};
use crate::slot::Slot;
use crate::subject::LimitIx;
use crate::{Algorithm, LimitId, SubjectKey, Window, WindowIx};

/// In percent of all slots: beyond this, subjects that are not asked for lose theirs. A key begins
/// to find both its buckets full at about three quarters.
const PRESSED: usize = 70;
/// The same for subjects that anybody can make up, which may take half of the slots.
const PRESSED_ANONYMOUS: usize = 45;

/// What a subject's counts mean.
#[derive(Clone, Copy, Debug)]
struct Terms {
    algorithm: Algorithm,
    window: Window,
    bucket: Bucket,
}

impl Table {
    /// The subject's own slot, if there is room for it. Subjects that anybody can make up get no
    /// more than half of all slots, so that a flood of them leaves the others where they are.
    #[inline]
    pub(super) fn slot_for(&self, now: Now, ask: &Ask<'_>, window: Window) -> Option<usize> {
        if let Some(slot) = self.buckets.find(ask.subject) {
            return Some(slot);
        }
        let limit = ask.limit;
        let terms = Terms {
            algorithm: limit.algorithm,
            window,
            bucket: Bucket::new(ask.amount, limit.windows.longest(), limit.burst),
        };
        let (slot, _) = self.take_slot(ask.subject, ask.ix, limit.anonymous, terms, now)?;
        Some(slot)
    }

    /// The slot of a subject that a peer told of, or of a cell.
    pub(crate) fn admit_subject(
        &self,
        key: SubjectKey,
        limit: LimitIx,
        terms: &Registered,
        now: Now,
    ) -> Option<usize> {
        if limit.is_cells() {
            return self.admit_cell(key, limit, terms.id);
        }
        if let Some(slot) = self.buckets.find(key) {
            return Some(slot);
        }
        let meaning = Terms {
            algorithm: terms.algorithm,
            window: terms.windows.at(now.wall),
            bucket: Bucket::new(terms.amount, terms.windows.longest(), terms.burst),
        };
        let (slot, new) = self.take_slot(key, limit, terms.anonymous, meaning, now)?;
        if new {
            self.slots[slot].set_terms(limit, 0);
        }
        Some(slot)
    }

    fn take_slot(
        &self,
        key: SubjectKey,
        limit: LimitIx,
        anonymous: bool,
        terms: Terms,
        now: Now,
    ) -> Option<(usize, bool)> {
        let cells = self.sketches.known_cells(limit.place(), key);
        if terms.algorithm == Algorithm::Concurrency
            && cells.is_some_and(|cells| cells.iter().all(|cell| cell.held() > 0))
        {
            // What it may hold there is given back where it was taken.
            return None;
        }
        if anonymous && self.anonymous_count.load(SeqCst) >= self.slots.len() / 2 {
            return None;
        }
        let (slot, new) = self.buckets.find_or_insert(key)?;
        if new {
            if anonymous {
                self.anonymous_count.fetch_add(1, SeqCst);
                set_bit(&self.anonymous, slot);
            }
            if let Some(cells) = cells {
                take_along(cells, &self.slots[slot], terms, now);
            }
        }
        Some((slot, new))
    }

    /// How much of the limit others leave to a subject that has no slot: by its least full cell.
    pub(super) fn cells<'t>(&'t self, now: Now, ask: &Ask<'_>, window: Window) -> Place<'t> {
        self.overflowed.fetch_add(1, SeqCst);
        let limit = ask.ix.place();
        let cells = self.sketches.cells(limit, ask.limit.id, ask.subject);
        let looks = cells.map(|slot| {
            slot.set_terms(ask.ix.cells(), ask.amount);
            let place = self.look(now, ask, window, slot, SlotAt::Cells(limit as u32));
            (place.look(ask.cost).remaining, place)
        });
        let fullest_first = |(at, (room, _)): &(usize, (u32, Place<'t>))| (*room, ROWS - at);
        let (best, (_, place)) = looks
            .into_iter()
            .enumerate()
            .max_by_key(fullest_first)
            .expect("a sketch has rows");
        let other = |at: usize| cells[if at < best { at } else { at + 1 }];
        Place {
            also: Some(std::array::from_fn(other)),
            ..place
        }
    }

    fn admit_cell(&self, key: SubjectKey, limit: LimitIx, cells: LimitId) -> Option<usize> {
        let cell = self.sketches.admit(limit.place(), cells, key)?;
        let slot = self.sketches.slot(cell);
        if slot.terms().1 == 0 {
            slot.set_terms(limit, 0);
        }
        Some(self.number_of(cell))
    }

    /// Leaves behind in cells what is known of a subject that loses its slot.
    pub(crate) fn leave_behind(
        &self,
        key: SubjectKey,
        limit: LimitIx,
        id: LimitId,
        window: WindowIx,
        [admitted, before]: [u32; 2],
    ) {
        let (_, amount) = self
            .buckets
            .find(key)
            .map_or((limit, 0), |at| self.slots[at].terms());
        for slot in self.sketches.cells(limit.place(), id, key) {
            slot.charge_before(window, before);
            slot.charge(window, admitted);
            if slot.terms().1 == 0 {
                slot.set_terms(limit.cells(), amount);
            }
        }
        self.mark_at(SlotAt::Cells(limit.place() as u32), key);
    }

    /// Whether subjects of this kind that are not asked for should make room.
    pub(crate) fn is_pressed(&self, anonymous: bool) -> bool {
        let slots = self.slots.len();
        self.buckets.used() * 100 > slots * PRESSED
            || anonymous && self.anonymous_count.load(SeqCst) * 100 > slots * PRESSED_ANONYMOUS
    }

    /// Lets nobody find a slot's subject any more. [`free`](Self::free) it when no core can be
    /// counting in it.
    pub(crate) fn retire(&self, slot: usize) {
        self.evicted.fetch_add(1, SeqCst);
        self.buckets.retire(slot);
    }

    /// The numbers of a limit's cells, if it has any: of each limit in turn.
    pub(crate) fn cells_of(&self, turn: usize) -> Option<impl Iterator<Item = usize>> {
        let limits = self.sketches.in_use().count();
        let limit = self.sketches.in_use().nth(turn.checked_rem(limits)?)?;
        let numbers = (0..CELLS).map(move |number| Cell { limit, number });
        Some(numbers.map(|cell| self.number_of(cell)))
    }

    /// The subject's own slot, if it has one.
    #[cfg(test)]
    pub(crate) fn own_slot(&self, key: SubjectKey) -> Option<usize> {
        self.buckets.find(key)
    }

    /// Marks for collection where a subject is counted. Returns whether the table was clean before.
    #[inline]
    pub(super) fn mark_at(&self, at: SlotAt, subject: SubjectKey) -> bool {
        match at {
            SlotAt::Own(slot) => self.mark(slot as usize),
            SlotAt::Cells(limit) => numbers(subject)
                .map(|number| {
                    let limit = limit as usize;
                    self.mark(self.number_of(Cell { limit, number }))
                })
                .contains(&true),
        }
    }

    /// A cell's number among slots: they come after all others.
    fn number_of(&self, cell: Cell) -> usize {
        self.slots.len() + cell.limit * CELLS + cell.number
    }

    pub(super) fn cell_at(&self, slot: usize) -> Option<Cell> {
        let at = slot.checked_sub(self.slots.len())?;
        Some(Cell {
            limit: at / CELLS,
            number: at % CELLS,
        })
    }
}

/// Counts in a subject's new slot what its cells counted here, at most: the least of them.
fn take_along(cells: [&Slot; ROWS], slot: &Slot, terms: Terms, now: Now) {
    let window = terms.window.ix;
    let least = |count: &dyn Fn(&Slot) -> u32| cells.iter().map(|cell| count(cell)).min();
    match terms.algorithm {
        Algorithm::Concurrency => return,
        Algorithm::Bucket => {
            let spent = least(&|cell| {
                let level = cell.level(terms.bucket, now.mono);
                terms.bucket.burst().saturating_sub(level)
            });
            slot.spill(terms.bucket, now.mono, spent.unwrap_or_default(), now.mono);
        }
        Algorithm::Sliding | Algorithm::Fixed | Algorithm::Quota => {}
    }
    let before = least(&|cell| cell.own_before(window));
    slot.charge_before(window, before.unwrap_or_default());
    let admitted = least(&|cell| cell.own(window).admitted);
    slot.charge(window, admitted.unwrap_or_default());
}
