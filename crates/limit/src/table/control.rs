//! The control thread's side of the table.

use std::sync::PoisonError;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use super::Table;
use crate::rename::{Rename, Renames};
use crate::rights::{Realm, RealmSpec};
use crate::share::SilentParts;
use crate::slot::Slot;
use crate::subject::LimitIx;
use crate::{Algorithm, Limit, LimitId, Mode, OnPartition, Scope, SubjectKey, WindowIx, Windows};

/// What the control thread must know of a limit.
#[derive(Clone, Debug)]
pub(crate) struct Registered {
    pub(crate) id: LimitId,
    pub(crate) windows: Windows,
    pub(crate) algorithm: Algorithm,
    pub(crate) mode: Mode,
    pub(crate) on_partition: OnPartition,
    pub(crate) scope: Scope,
    /// The limit's own amount; a subject's plan may say another.
    pub(crate) amount: u32,
    pub(crate) burst: Option<u32>,
    pub(crate) burst_share: f64,
    pub(crate) lease: Duration,
    pub(crate) anonymous: bool,
}

impl Registered {
    pub(super) fn of(limit: &Limit) -> Self {
        Self {
            id: limit.id,
            windows: limit.windows.clone(),
            algorithm: limit.algorithm,
            mode: limit.mode,
            on_partition: limit.on_partition,
            scope: limit.scope,
            amount: limit.amount,
            burst: limit.burst,
            burst_share: limit.burst_share,
            lease: limit.lease,
            anonymous: limit.anonymous,
        }
    }

    /// The limit's cells: told and joined like it, and never exact.
    pub(super) fn of_cells(limit: &Limit) -> Self {
        Self {
            id: limit.id.of_cells(),
            mode: Mode::Fast,
            ..Self::of(limit)
        }
    }
}

impl Table {
    pub(crate) fn limits(&self) -> Vec<Registered> {
        self.limits
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Calls `visit` for every slot marked since the last time.
    pub(crate) fn drain_dirty(&self, mut visit: impl FnMut(usize)) {
        self.pending.store(0, SeqCst);
        // Slots come first. Most nodes have no cells.
        let words = match self.sketches.any() {
            true => self.dirty_words.len(),
            false => self.slots.len().div_ceil(64 * 64),
        };
        for (i, summary) in self.dirty_words[..words].iter().enumerate() {
            for_each_bit(summary, i * 64, |word| {
                if let Some(bits) = self.dirty.get(word) {
                    for_each_bit(bits, word * 64, &mut visit);
                }
            });
        }
    }

    /// Whether it counts nobody.
    pub(crate) fn is_unused(&self) -> bool {
        self.buckets.used() == 0 && !self.sketches.any()
    }

    /// A slot, or the slot of a cell, by its number.
    pub(crate) fn slot(&self, slot: usize) -> &Slot {
        match self.cell_at(slot) {
            Some(cell) => self.sketches.slot(cell),
            None => &self.slots[slot],
        }
    }

    pub(crate) fn key(&self, slot: usize) -> Option<SubjectKey> {
        match self.cell_at(slot) {
            Some(cell) => self.sketches.key(cell),
            None => self.buckets.key(slot),
        }
    }

    /// Counts these subjects under other names from now on, and all others under their own.
    pub fn set_renames(&self, renames: impl IntoIterator<Item = Rename>) {
        self.renames.set(renames);
    }

    pub(crate) const fn renames(&self) -> &Renames {
        &self.renames
    }

    /// Says where this node stands among those that divide rights. Call before requests are
    /// decided, and when the lists of regions or nodes change: strict limits are exact again from
    /// the next window after all nodes have the same lists.
    pub fn set_realm(&self, spec: RealmSpec) {
        self.realm.set(spec);
    }

    /// Notes that a strict limit has come to a window. Returns whether it is the newest: an older
    /// one is over, even if its counts are forgotten.
    pub(crate) fn enter_window(&self, limit: LimitIx, window: WindowIx) -> bool {
        let newest = &self.newest[usize::from(limit.0)];
        match newest.load(SeqCst) {
            seen if seen == window.0 => true,
            seen if seen > window.0 => false,
            _ => newest.fetch_max(window.0, SeqCst) <= window.0,
        }
    }

    pub(crate) const fn realm(&self) -> &Realm {
        &self.realm
    }

    /// Whether a strict limit is short of rights; asked once.
    pub fn take_urgent(&self) -> bool {
        self.urgent.load(SeqCst) && self.urgent.swap(false, SeqCst)
    }

    pub(crate) fn free(&self, slot: usize) {
        self.slots[slot].clear();
        let bit = 1 << (slot % 64);
        if self.anonymous[slot / 64].fetch_and(!bit, SeqCst) & bit != 0 {
            self.anonymous_count.fetch_sub(1, SeqCst);
        }
        self.buckets.remove(slot);
    }

    pub(crate) fn set_silent(&self, parts: SilentParts) {
        let bits = u64::from(parts.closed.to_bits()) << 32 | u64::from(parts.even.to_bits());
        self.silent.store(bits, SeqCst);
    }
}

fn for_each_bit(word: &AtomicU64, offset: usize, mut visit: impl FnMut(usize)) {
    if word.load(SeqCst) == 0 {
        return;
    }
    let mut bits = word.swap(0, SeqCst);
    while bits != 0 {
        visit(offset + bits.trailing_zeros() as usize);
        bits &= bits - 1;
    }
}
