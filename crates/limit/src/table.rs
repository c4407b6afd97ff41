//! The half that answers requests: shared by all cores, no peers involved, and no lock once a
//! subject is known.

use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize};
use std::sync::{PoisonError, RwLock};

use tidegate_model::Now;

mod cells;
mod control;
mod decide;
mod place;
mod stored;

pub(crate) use self::control::Registered;
pub use self::decide::Decision;
use self::place::{Held, Place};
pub use self::stored::StoreReceipt;
use crate::bucket::Bucket;
use crate::buckets::Buckets;
use crate::rename::Renames;
use crate::rights::{self, Realm};
use crate::share::whole;
use crate::sketch::{CELLS, Sketches};
use crate::slot::Slot;
use crate::subject::LimitIx;
use crate::{Algorithm, Limit, Mode, OnPartition, Scope, SubjectKey, TableSpec, Window, WindowIx};

/// Limits that one request may have to pass.
pub const LIMITS_PER_REQUEST_MAX: usize = 8;

/// Limits that a node can hold over its life. Each is two entries: itself, and its cells.
const LIMITS_MAX: usize = 1_024;

/// Counts of all subjects on this node, and for each the line that tells what others do.
#[derive(Debug)]
pub struct Table {
    buckets: Buckets,
    slots: Vec<Slot>,
    /// For subjects that found no slot.
    sketches: Sketches,
    /// One bit a slot, cells included, whose counts the control thread has not collected, and one
    /// bit for each 64 of those.
    dirty: Vec<AtomicU64>,
    dirty_words: Vec<AtomicU64>,
    /// Whether anything is dirty since the last collection.
    pending: AtomicU32,
    limits: RwLock<Vec<Registered>>,
    /// Parts of a limit that silent regions are taken to spend of a subject that nothing is known
    /// of: two f32, even and closed.
    silent: AtomicU64,
    overflowed: AtomicU64,
    evicted: AtomicU64,
    /// One bit a slot that serves a subject that anybody can make up, and how many do.
    anonymous: Vec<AtomicU64>,
    anonymous_count: AtomicUsize,
    /// Whether a strict limit is short of rights, and nobody was told yet.
    urgent: AtomicBool,
    renames: Renames,
    realm: Realm,
    /// Of each limit: the window that was looked up last, to find it again.
    lately: Vec<AtomicU32>,
    /// Of each strict limit: the newest window that this life has seen. None before it is opened
    /// again, should the clock be set back.
    newest: Vec<AtomicU32>,
}

/// One limit that a request has to pass.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'l> {
    /// The limit.
    pub limit: &'l Limit,
    /// Its place in this table, from [`Table::register`].
    pub ix: LimitIx,
    /// Whose requests.
    pub subject: SubjectKey,
    /// The amount that applies to this caller.
    pub amount: u32,
    /// What the request costs.
    pub cost: u32,
}

/// Where an admitted request was counted, for [`Table::release`] or [`Table::settle`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Receipt {
    subject: SubjectKey,
    at: SlotAt,
    cost: u32,
}

/// Where a subject is counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum SlotAt {
    /// In a slot of its own.
    Own(u32),
    /// In cells of the limit at this place, together with others.
    Cells(u32),
}

/// More limits were registered over this node's life than it holds (1,024); it keeps those it has.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a node holds at most {LIMITS_MAX} limits over its life")]
pub struct TooManyLimits;

impl Table {
    /// A table with room for the spec's subjects; all memory is taken now.
    #[must_use]
    pub fn new(spec: TableSpec) -> Self {
        let buckets = Buckets::new(spec.subjects_max);
        let slots = buckets.slots();
        assert!(
            u32::try_from(slots).is_ok(),
            "the configuration's check forbids it"
        );
        let words = slots.div_ceil(64);
        let dirty_words = (slots + LIMITS_MAX * CELLS).div_ceil(64);
        let zeros = |n: usize| (0..n).map(|_| AtomicU64::new(0)).collect();
        Self {
            slots: (0..slots).map(|_| Slot::default()).collect(),
            sketches: Sketches::new(LIMITS_MAX),
            dirty: zeros(dirty_words),
            dirty_words: zeros(dirty_words.div_ceil(64)),
            pending: AtomicU32::new(0),
            limits: RwLock::default(),
            silent: AtomicU64::new(0),
            overflowed: AtomicU64::new(0),
            evicted: AtomicU64::new(0),
            anonymous: zeros(words),
            anonymous_count: AtomicUsize::new(0),
            urgent: AtomicBool::new(false),
            renames: Renames::default(),
            realm: Realm::default(),
            lately: (0..LIMITS_MAX).map(|_| AtomicU32::new(0)).collect(),
            newest: (0..2 * LIMITS_MAX).map(|_| AtomicU32::new(0)).collect(),
            buckets,
        }
    }

    /// The limit's place in this table. The same limit (name, window, scope) gets the same place
    /// again, with its counts.
    ///
    /// # Errors
    /// [`TooManyLimits`] if the table holds no more.
    pub fn register(&self, limit: &Limit) -> Result<LimitIx, TooManyLimits> {
        let mut limits = self.limits.write().unwrap_or_else(PoisonError::into_inner);
        let known = limits.iter().position(|known| known.id == limit.id);
        let ix = LimitIx::at(known.unwrap_or(limits.len()) / 2);
        if ix.place() == LIMITS_MAX {
            return Err(TooManyLimits);
        }
        let entries = [Registered::of(limit), Registered::of_cells(limit)];
        match known {
            Some(at) => limits[at..at + 2].clone_from_slice(&entries),
            None => limits.extend(entries),
        }
        Ok(ix)
    }

    /// Counts what a request came to beyond what was taken before, if need be beyond the amount.
    /// `cost` is the whole of it. Returns whether the control thread should be woken.
    #[must_use]
    pub fn settle(&self, now: Now, limit: &Limit, receipt: &Receipt, cost: u32) -> bool {
        let more = cost.saturating_sub(receipt.cost);
        if more == 0 {
            return false;
        }
        let window = limit.windows.at(now.wall).ix;
        for slot in self.slots_of(receipt) {
            slot.charge(window, more);
            if limit.algorithm == Algorithm::Bucket {
                let (_, amount) = slot.terms();
                let bucket = Bucket::new(amount, limit.windows.longest(), limit.burst);
                slot.spill(bucket, now.mono, more, now.mono);
            }
        }
        self.mark_receipt(limit, receipt)
    }

    /// Gives back what a request held while it was under way. Returns whether the control thread
    /// should be woken.
    #[must_use]
    pub fn release(&self, limit: &Limit, receipt: &Receipt) -> bool {
        for slot in self.slots_of(receipt) {
            slot.leave(receipt.cost);
        }
        self.mark_receipt(limit, receipt)
    }

    /// The slots that a receipt is from, if they still serve that subject.
    fn slots_of(&self, receipt: &Receipt) -> impl Iterator<Item = &Slot> {
        let (own, cells) = match receipt.at {
            SlotAt::Own(at) => {
                let serves = self.buckets.key(at as usize) == Some(receipt.subject);
                (serves.then(|| &self.slots[at as usize]), None)
            }
            SlotAt::Cells(limit) => (
                None,
                self.sketches.known_cells(limit as usize, receipt.subject),
            ),
        };
        own.into_iter().chain(cells.into_iter().flatten())
    }

    fn mark_receipt(&self, limit: &Limit, receipt: &Receipt) -> bool {
        match receipt.at {
            SlotAt::Own(at) if self.buckets.key(at as usize) != Some(receipt.subject) => false,
            _ if limit.scope == Scope::Node => false,
            at => self.mark_at(at, receipt.subject),
        }
    }

    /// Finds the subject's slot and how much of the limit others leave.
    // Inlined, lest the place be written to memory and read back: a third of a decision.
    #[inline(always)]
    fn place(&self, now: Now, ask: &Ask<'_>) -> Place<'_> {
        let window = self.window(now, ask);
        let ask = &Ask {
            subject: self.renames.name(ask.subject, window.ix),
            ..*ask
        };
        match self.slot_for(now, ask, window) {
            Some(at) => {
                self.slots[at].set_terms(ask.ix, ask.amount);
                self.look(now, ask, window, &self.slots[at], SlotAt::Own(at as u32))
            }
            None => self.cells(now, ask, window),
        }
    }

    /// The window of its limit that a request falls into.
    #[inline]
    fn window(&self, now: Now, ask: &Ask<'_>) -> Window {
        let lately = &self.lately[ask.ix.place()];
        let near = WindowIx(lately.load(Relaxed));
        let window = ask.limit.windows.at_near(now.wall, near);
        if window.ix != near {
            lately.store(window.ix.0, Relaxed);
        }
        window
    }

    /// How much of the limit others leave, by what one slot knows.
    #[inline(always)]
    fn look<'t>(
        &'t self,
        now: Now,
        ask: &Ask<'_>,
        window: Window,
        slot: &'t Slot,
        at: SlotAt,
    ) -> Place<'t> {
        let limit = ask.limit;
        let silent = self.silent_part(limit);
        let held = match (limit.algorithm, limit.mode) {
            (Algorithm::Bucket, _) => self.tokens(now, ask, slot, window, silent),
            (Algorithm::Concurrency, _) => leases(now, ask, slot, silent),
            (_, Mode::Strict) => self.rights(now, ask, slot, at, window),
            (_, Mode::Fast) => requests(now, ask, slot, window, silent),
        };
        Place {
            subject: ask.subject,
            slot,
            at,
            also: None,
            window,
            amount: ask.amount,
            held,
            shadow: limit.shadow,
            partition: silent.map(|_| limit.on_partition),
        }
    }

    /// What a bucket leaves.
    fn tokens(
        &self,
        now: Now,
        ask: &Ask<'_>,
        slot: &Slot,
        window: Window,
        silent: Option<f64>,
    ) -> Held {
        let bucket = Bucket::new(ask.amount, ask.limit.windows.longest(), ask.limit.burst);
        let in_flight = match ask.limit.scope {
            Scope::Node => 0,
            Scope::Global | Scope::Region => {
                let line = slot.line();
                if line.window == WindowIx::default() {
                    whole(silent.unwrap_or_default() * f64::from(bucket.burst()))
                } else {
                    let own = slot.own(window.ix).admitted;
                    let since = line.own_since(window.ix, own, slot.own_before(window.ix));
                    line.flight_of(now, slot.level(bucket, now.mono).saturating_add(since))
                }
            }
        };
        Held::Tokens {
            bucket,
            now: now.mono,
            in_flight,
        }
    }

    /// What the rights that this node holds leave.
    fn rights(&self, now: Now, ask: &Ask<'_>, slot: &Slot, at: SlotAt, window: Window) -> Held {
        // Rights are counted a subject at a time, or not at all.
        let counted = matches!(at, SlotAt::Own(_));
        if !counted || !self.enter_window(ask.ix, window.ix) {
            return Held::Rights { room: 0, dry: true };
        }
        let (amount, algorithm) = (ask.amount, ask.limit.algorithm);
        let (room, dry) = rights::room(
            &self.realm,
            slot,
            ask.subject,
            amount,
            algorithm,
            window,
            now.wall,
        );
        Held::Rights { room, dry }
    }

    /// The part of a limit that regions are taken to spend that cannot be heard; `None` if all are,
    /// or it is none of their concern.
    #[inline]
    fn silent_part(&self, limit: &Limit) -> Option<f64> {
        if limit.scope != Scope::Global {
            return None;
        }
        let parts = self.silent.load(SeqCst);
        let part = |bits: u64| f64::from(f32::from_bits(bits as u32));
        (parts != 0).then(|| match limit.on_partition {
            OnPartition::Share => part(parts),
            OnPartition::Open => 0.0,
            OnPartition::Closed => part(parts >> 32),
        })
    }

    /// Marks a slot for collection. Returns whether the table was clean before.
    #[inline]
    fn mark(&self, slot: usize) -> bool {
        set_bit(&self.dirty, slot);
        set_bit(&self.dirty_words, slot / 64);
        self.pending.load(SeqCst) == 0 && self.pending.swap(1, SeqCst) == 0
    }

    /// How often a subject without a slot of its own was counted in cells, together with others.
    #[must_use]
    pub fn overflowed(&self) -> u64 {
        self.overflowed.load(SeqCst)
    }

    /// How many subjects lost their slots to make room.
    #[must_use]
    pub fn evicted(&self) -> u64 {
        self.evicted.load(SeqCst)
    }

    /// How many subjects could have a slot of their own.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.slots.len()
    }
}

/// What windows leave.
#[inline]
fn requests(now: Now, ask: &Ask<'_>, slot: &Slot, window: Window, silent: Option<f64>) -> Held {
    let line = slot.line();
    let sliding = ask.limit.algorithm == Algorithm::Sliding;
    let alone = ask.limit.scope == Scope::Node;
    let before = match (sliding, alone) {
        (false, _) => 0,
        (true, true) => slot.own_before(window.ix),
        (true, false) => {
            let others = line.before_at(now, window, ask.amount);
            others.saturating_add(slot.own_before(window.ix))
        }
    };
    let carried = window.carried(before);
    let amount = ask.amount.saturating_sub(carried);
    let others = match ask.limit.scope {
        Scope::Node => 0,
        Scope::Global if line.window == WindowIx::default() => {
            whole(silent.unwrap_or_default() * f64::from(ask.amount))
        }
        Scope::Global | Scope::Region => line.at(now, window, amount),
    };
    let mut room = amount.saturating_sub(others);
    if ask.limit.burst_share < 1.0 && !alone {
        room = room.min(line.unheard_room(window.ix, amount, ask.limit.burst_share));
    }
    Held::Requests {
        room,
        others,
        before,
        sliding,
    }
}

/// What leases leave.
fn leases(now: Now, ask: &Ask<'_>, slot: &Slot, silent: Option<f64>) -> Held {
    let line = slot.line();
    let others = match ask.limit.scope {
        Scope::Node => 0,
        Scope::Global if line.window == WindowIx::default() => {
            whole(silent.unwrap_or_default() * f64::from(ask.amount))
        }
        Scope::Global | Scope::Region => line.leases_at(now, ask.limit.lease),
    };
    Held::Leases {
        room: ask.amount.saturating_sub(others),
    }
}

#[inline]
fn set_bit(words: &[AtomicU64], at: usize) {
    let bit = 1 << (at % 64);
    // Reading first spares the cache line a write on every request. All accesses are sequentially
    // consistent, so that whoever finds the bit set knows that the collector has yet to read the
    // counts.
    if words[at / 64].load(SeqCst) & bit == 0 {
        words[at / 64].fetch_or(bit, SeqCst);
    }
}

#[cfg(test)]
mod tests;
