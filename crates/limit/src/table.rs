//! The half that answers requests: shared by all cores, no peers involved, and no lock once a
//! subject is known.

use std::sync::atomic::AtomicU32;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use tidegate_model::Now;

use crate::buckets::Buckets;
use crate::share::{SilentParts, whole};
use crate::slot::Slot;
use crate::subject::LimitIx;
use crate::{
    Algorithm, Limit, LimitId, OnPartition, Scope, SubjectKey, TableSpec, Verdict, Window, WindowIx,
};

/// Limits that one request may have to pass.
pub const LIMITS_PER_REQUEST_MAX: usize = 8;

/// Limits that a node can hold over its life, and shared counters that each has for subjects beyond
/// the table's room.
const LIMITS_MAX: usize = 1_024;
const SHARED_PER_LIMIT: usize = 16;

/// Counts of all subjects on this node, and for each the line that tells what others do.
#[derive(Debug)]
pub struct Table {
    buckets: Buckets,
    slots: Vec<Slot>,
    /// For subjects that found no slot: a few counters a limit, shared and known to this node only.
    shared: Vec<Slot>,
    /// One bit a slot whose counts the control thread has not collected, and one bit for each 64 of
    /// those.
    dirty: Vec<AtomicU64>,
    dirty_words: Vec<AtomicU64>,
    /// Whether anything is dirty since the last collection.
    pending: AtomicU32,
    limits: RwLock<Vec<Registered>>,
    /// Parts of a limit that silent regions are taken to spend of a subject that nothing is known
    /// of: two f32, even and closed.
    silent: AtomicU64,
    overflowed: AtomicU64,
}

/// What the control thread must know of a limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Registered {
    pub(crate) id: LimitId,
    pub(crate) window: Duration,
    pub(crate) algorithm: Algorithm,
    pub(crate) on_partition: OnPartition,
    pub(crate) scope: Scope,
    /// The limit's own amount; a subject's plan may say another.
    pub(crate) amount: u32,
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
}

/// The answer of all limits together.
#[derive(Clone, Copy, Debug)]
pub struct Decision {
    verdicts: [Verdict; LIMITS_PER_REQUEST_MAX],
    asked: usize,
    /// Whether all limits let the request through.
    pub admitted: bool,
    /// Whether the control thread should be woken to tell others.
    pub wake: bool,
}

impl Decision {
    /// One verdict for each limit asked, in the same order.
    #[must_use]
    pub fn verdicts(&self) -> &[Verdict] {
        &self.verdicts[..self.asked]
    }
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
        let words = slots.div_ceil(64);
        let zeros = |n: usize| (0..n).map(|_| AtomicU64::new(0)).collect();
        Self {
            slots: (0..slots).map(|_| Slot::default()).collect(),
            shared: (0..LIMITS_MAX * SHARED_PER_LIMIT)
                .map(|_| Slot::default())
                .collect(),
            dirty: zeros(words),
            dirty_words: zeros(words.div_ceil(64)),
            pending: AtomicU32::new(0),
            limits: RwLock::default(),
            silent: AtomicU64::new(0),
            overflowed: AtomicU64::new(0),
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
        let ix = known.unwrap_or(limits.len());
        if ix == LIMITS_MAX {
            return Err(TooManyLimits);
        }
        let Limit {
            id,
            window,
            algorithm,
            on_partition,
            scope,
            amount,
            ..
        } = *limit;
        let entry = Registered {
            id,
            window,
            algorithm,
            on_partition,
            scope,
            amount,
        };
        match known {
            Some(ix) => limits[ix] = entry,
            None => limits.push(entry),
        }
        Ok(LimitIx(ix as u16))
    }

    /// Decides one request against all its limits, and counts it if all of them let it through. A
    /// request that one limit refuses is counted as asked for by each, and as admitted by none.
    ///
    /// # Panics
    /// If more than [`LIMITS_PER_REQUEST_MAX`] limits are asked; the configuration's check forbids
    /// it.
    #[must_use]
    pub fn decide(&self, now: Now, asks: &[Ask<'_>]) -> Decision {
        const COST: u32 = 1;
        let nothing = Verdict {
            admitted: true,
            shadow: false,
            partition: None,
            amount: 0,
            remaining: 0,
            left: Duration::ZERO,
        };
        let mut decision = Decision {
            verdicts: [nothing; LIMITS_PER_REQUEST_MAX],
            asked: asks.len(),
            admitted: true,
            wake: false,
        };
        let mut places: [Option<Place<'_>>; LIMITS_PER_REQUEST_MAX] =
            [const { None }; LIMITS_PER_REQUEST_MAX];
        for (i, ask) in asks.iter().enumerate() {
            let place = self.place(now, ask);
            place.slot.offer(place.window.ix, COST);
            let own = place.slot.own(place.window.ix).admitted;
            let fits = own
                .checked_add(COST)
                .is_some_and(|after| after <= place.room);
            decision.verdicts[i] = place.verdict(ask.amount, fits, own);
            decision.admitted &= !decision.verdicts[i].refuses();
            places[i] = Some(place);
        }
        if decision.admitted {
            self.debit(asks, &places, &mut decision, COST);
        }
        for (ask, place) in asks.iter().zip(&places) {
            if let Some(Place {
                dirt: Some(slot), ..
            }) = place
                && ask.limit.scope != Scope::Node
            {
                decision.wake |= self.mark(*slot);
            }
        }
        decision
    }

    /// Takes the cost from every limit, or from none: another core may have taken the last unit
    /// since we looked.
    fn debit(
        &self,
        asks: &[Ask<'_>],
        places: &[Option<Place<'_>>],
        decision: &mut Decision,
        cost: u32,
    ) {
        for (i, place) in places.iter().flatten().enumerate() {
            let admitted = place.slot.admit(place.window.ix, cost, place.room);
            let (fits, own) = match admitted {
                Ok(before) => (true, before + cost),
                Err(before) => (false, before),
            };
            decision.verdicts[i] = place.verdict(asks[i].amount, fits, own);
            if decision.verdicts[i].refuses() {
                let before = decision.verdicts.iter().zip(places[..i].iter().flatten());
                for (_, taken) in before.filter(|(verdict, _)| verdict.admitted) {
                    taken.slot.give_back(taken.window.ix, cost);
                }
                decision.admitted = false;
                return;
            }
        }
    }

    /// Finds the subject's slot and how much of the limit others leave.
    fn place(&self, now: Now, ask: &Ask<'_>) -> Place<'_> {
        let window = Window::at(now.wall, ask.limit.window);
        let found = self.buckets.find_or_insert(ask.subject);
        let (slot, dirt) = match found {
            Some((slot, _)) => (&self.slots[slot], Some(slot)),
            None => (self.shared_slot(ask), None),
        };
        slot.set_terms(ask.ix, ask.amount);
        let line = slot.line();
        let silent = self.silent_part(ask.limit);
        let alone = ask.limit.scope == Scope::Node;
        let before = match ask.limit.algorithm {
            Algorithm::Fixed => 0,
            Algorithm::Sliding if alone => slot.own_before(window.ix),
            Algorithm::Sliding => {
                let others = line.before_at(now, window, ask.amount);
                others.saturating_add(slot.own_before(window.ix))
            }
        };
        let carried = window.carried(before);
        let others = match ask.limit.scope {
            Scope::Node => 0,
            Scope::Global if line.window == WindowIx::default() => {
                whole(silent.unwrap_or_default() * f64::from(ask.amount))
            }
            Scope::Global | Scope::Region => {
                line.at(now, window, ask.amount.saturating_sub(carried))
            }
        };
        let taken = others.saturating_add(carried);
        Place {
            slot,
            dirt,
            window,
            others,
            before,
            algorithm: ask.limit.algorithm,
            shadow: ask.limit.shadow,
            partition: silent.map(|_| ask.limit.on_partition),
            room: ask.amount.saturating_sub(taken),
        }
    }

    fn shared_slot(&self, ask: &Ask<'_>) -> &Slot {
        self.overflowed.fetch_add(1, SeqCst);
        let within = ask.subject.raw() as usize % SHARED_PER_LIMIT;
        &self.shared[usize::from(ask.ix.0) * SHARED_PER_LIMIT + within]
    }

    /// The part of a limit that regions are taken to spend that cannot be heard; `None` if all are,
    /// or it is none of their concern.
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
    fn mark(&self, slot: usize) -> bool {
        set_bit(&self.dirty, slot);
        set_bit(&self.dirty_words, slot / 64);
        self.pending.load(SeqCst) == 0 && self.pending.swap(1, SeqCst) == 0
    }

    /// How often a subject found no slot of its own and was counted together with others.
    #[must_use]
    pub fn overflowed(&self) -> u64 {
        self.overflowed.load(SeqCst)
    }

    /// How many subjects could have a slot of their own.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.slots.len()
    }
}

/// The control thread's side.
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
        for (i, summary) in self.dirty_words.iter().enumerate() {
            for_each_bit(summary, i * 64, |word| {
                if let Some(bits) = self.dirty.get(word) {
                    for_each_bit(bits, word * 64, &mut visit);
                }
            });
        }
    }

    pub(crate) fn slot(&self, slot: usize) -> &Slot {
        &self.slots[slot]
    }

    pub(crate) fn key(&self, slot: usize) -> Option<SubjectKey> {
        self.buckets.key(slot)
    }

    /// The slot of a subject that a peer told of.
    pub(crate) fn admit_subject(&self, key: SubjectKey, limit: LimitIx) -> Option<usize> {
        let (slot, new) = self.buckets.find_or_insert(key)?;
        if new {
            self.slots[slot].set_terms(limit, 0);
        }
        Some(slot)
    }

    pub(crate) fn free(&self, slot: usize) {
        self.slots[slot].clear();
        self.buckets.remove(slot);
    }

    pub(crate) fn set_silent(&self, parts: SilentParts) {
        let bits = u64::from(parts.closed.to_bits()) << 32 | u64::from(parts.even.to_bits());
        self.silent.store(bits, SeqCst);
    }
}

/// Where a subject is counted, and how much of its limit others leave to this node.
#[derive(Debug)]
struct Place<'t> {
    slot: &'t Slot,
    dirt: Option<usize>,
    window: Window,
    /// Admitted elsewhere in this window.
    others: u32,
    /// Admitted anywhere in the window before; nothing if it does not matter.
    before: u32,
    room: u32,
    algorithm: Algorithm,
    shadow: bool,
    partition: Option<OnPartition>,
}

impl Place<'_> {
    fn verdict(&self, amount: u32, admitted: bool, own: u32) -> Verdict {
        Verdict {
            admitted,
            shadow: self.shadow,
            partition: self.partition,
            amount,
            remaining: self.room.saturating_sub(own),
            left: if admitted {
                self.window.left
            } else {
                self.wait(amount, own)
            },
        }
    }

    /// How long a client that was refused has to wait until there is room for one request.
    fn wait(&self, amount: u32, own: u32) -> Duration {
        let current = self.others.saturating_add(own);
        match self.algorithm {
            Algorithm::Fixed => self.window.left,
            Algorithm::Sliding => {
                let enough = amount.saturating_sub(1);
                self.window.until_within(enough, self.before, current)
            }
        }
    }
}

fn set_bit(words: &[AtomicU64], at: usize) {
    let bit = 1 << (at % 64);
    // Reading first spares the cache line a write on every request. All accesses are sequentially
    // consistent, so that whoever finds the bit set knows that the collector has yet to read the
    // counts.
    if words[at / 64].load(SeqCst) & bit == 0 {
        words[at / 64].fetch_or(bit, SeqCst);
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

#[cfg(test)]
mod tests;
