//! Where a subject's slot is: a fixed table of buckets with eight keys each, two buckets to choose
//! from.
//!
//! Eight keys fill a cache line, so a look-up touches one line of keys, or two, and then the slot.
//! Nothing moves, so a core may hold a slot's number without a lock, and looks keys up without one.
//! Whoever inserts a key holds the lock of its stripe, so that no key gets two slots; cores that
//! insert different keys meet only at the place, which one of them gets by compare-and-swap.

use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::{Mutex, PoisonError};

use crate::SubjectKey;

const WAYS: usize = 8;
const EMPTY: u64 = 0;
/// A place whose subject has gone, and that serves no other yet. No subject has this number.
const RETIRED: u64 = u64::MAX;
/// A key goes to its second bucket only if the first has fewer free places.
const SPARE: usize = 4;
/// Locks for insertion: many more than cores.
const STRIPES: usize = 256;

/// Eight keys: a cache line, and not parts of two.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Bucket([AtomicU64; WAYS]);

/// Keys of a fixed number of slots.
#[derive(Debug)]
pub(crate) struct Buckets {
    keys: Vec<Bucket>,
    mask: usize,
    used: AtomicUsize,
    inserting: [Mutex<()>; STRIPES],
}

impl Buckets {
    /// Room for at least `slots` keys.
    pub(crate) fn new(slots: usize) -> Self {
        let buckets = slots.div_ceil(WAYS).next_power_of_two();
        // All places are empty: `EMPTY` is zero.
        let keys = (0..buckets).map(|_| Bucket::default()).collect();
        Self {
            keys,
            mask: buckets - 1,
            used: AtomicUsize::new(0),
            inserting: [const { Mutex::new(()) }; STRIPES],
        }
    }

    #[inline]
    fn place(&self, slot: usize) -> &AtomicU64 {
        &self.keys[slot / WAYS].0[slot % WAYS]
    }

    /// How many slots there are.
    pub(crate) fn slots(&self) -> usize {
        self.keys.len() * WAYS
    }

    /// How many of them are taken.
    pub(crate) fn used(&self) -> usize {
        self.used.load(SeqCst)
    }

    #[inline]
    fn choices(&self, key: SubjectKey) -> [usize; 2] {
        let raw = key.raw() as usize;
        let first = raw & self.mask;
        // The upper half, so that keys that share the first bucket rarely share the second; never
        // the same bucket twice unless there is only one.
        let second = (raw >> 32 | 1).wrapping_add(first) & self.mask;
        [first * WAYS, second * WAYS]
    }

    /// The slot of `key`, if it has one.
    #[inline]
    pub(crate) fn find(&self, key: SubjectKey) -> Option<usize> {
        // Most keys are at their favourite place: the processor guesses so, and fetches the slot
        // while the key is still on its way from memory.
        let favourite = self.favourite(key);
        if self.place(favourite).load(SeqCst) == key.raw() {
            return Some(favourite);
        }
        self.choices(key).into_iter().find_map(|start| {
            let keys = &self.keys[start / WAYS].0;
            let at = keys.iter().position(|held| held.load(SeqCst) == key.raw());
            at.map(|at| start + at)
        })
    }

    /// The slot of `key`, taken if it has none yet: (slot, whether it is new). `None` when both
    /// buckets are full.
    pub(crate) fn find_or_insert(&self, key: SubjectKey) -> Option<(usize, bool)> {
        if let Some(slot) = self.find(key) {
            return Some((slot, false));
        }
        // The middle of the number: its ends choose the buckets.
        let stripe = (key.raw() >> 20) as usize % STRIPES;
        let _held = self.inserting[stripe]
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = self.find(key) {
            return Some((slot, false));
        }
        loop {
            let free = self.free_place(key)?;
            let taken = self
                .place(free)
                .compare_exchange(EMPTY, key.raw(), SeqCst, SeqCst);
            if taken.is_ok() {
                self.used.fetch_add(1, SeqCst);
                return Some((free, true));
            }
        }
    }

    /// Where a key is looked for first: a place in its first bucket.
    #[inline]
    fn favourite(&self, key: SubjectKey) -> usize {
        self.choices(key)[0] + (key.raw() >> 29) as usize % WAYS
    }

    /// A free place: the favourite one, or one beside it, where the key is found with one look;
    /// when that bucket fills, one in the emptier of the two. So the table fills to seven tenths
    /// before a key finds no place; with the first bucket that has one only to a half.
    fn free_place(&self, key: SubjectKey) -> Option<usize> {
        let is_free = |slot: &usize| self.place(*slot).load(SeqCst) == EMPTY;
        let free = |start: usize| (start..start + WAYS).filter(is_free);
        let [first, second] = self.choices(key);
        let left = free(first).count();
        if left < SPARE && free(second).count() > left {
            return free(second).next();
        }
        let favourite = Some(self.favourite(key)).filter(is_free);
        favourite.or_else(|| free(first).next())
    }

    /// The key in a slot.
    pub(crate) fn key(&self, slot: usize) -> Option<SubjectKey> {
        match self.place(slot).load(SeqCst) {
            EMPTY | RETIRED => None,
            raw => Some(SubjectKey::from_raw(raw)),
        }
    }

    /// Frees a slot. Only the control thread does so.
    pub(crate) fn remove(&self, slot: usize) {
        if self.place(slot).swap(EMPTY, SeqCst) != EMPTY {
            self.used.fetch_sub(1, SeqCst);
        }
    }

    /// Lets nobody find a slot's subject any more, nor take the slot, until it is
    /// [removed](Self::remove): a core may just be counting in it.
    pub(crate) fn retire(&self, slot: usize) {
        self.place(slot).store(RETIRED, SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u64) -> SubjectKey {
        SubjectKey::from_raw(xxhash_rust::xxh3::xxh3_64_with_seed(&n.to_le_bytes(), 7))
    }

    #[test]
    fn keys_are_found_again_and_freed_places_reused() {
        let buckets = Buckets::new(1_024);
        let slots: Vec<_> = (0..800)
            .map(|n| buckets.find_or_insert(key(n)).unwrap())
            .collect();
        assert!(slots.iter().all(|(_, new)| *new));
        for (n, (slot, _)) in slots.iter().enumerate() {
            assert_eq!(buckets.find_or_insert(key(n as u64)), Some((*slot, false)));
            assert_eq!(buckets.key(*slot), Some(key(n as u64)));
        }
        assert_eq!(buckets.used(), 800);
        buckets.retire(slots[5].0);
        assert_eq!(buckets.find(key(5)), None);
        assert_eq!((buckets.key(slots[5].0), buckets.used()), (None, 800));
        buckets.remove(slots[5].0);
        assert_eq!((buckets.find(key(5)), buckets.used()), (None, 799));
        assert!(buckets.find_or_insert(key(5)).unwrap().1);
    }

    #[test]
    fn the_table_fills_well_before_it_says_no() {
        let buckets = Buckets::new(8_192);
        let fits = (0..)
            .take_while(|n| buckets.find_or_insert(key(*n)).is_some())
            .count();
        assert!(fits > 8_192 * 70 / 100, "{fits} of 8192");
    }

    #[test]
    fn cores_that_insert_the_same_keys_agree() {
        for _ in 0..50 {
            let buckets = Buckets::new(4_096);
            let slots = || -> Vec<usize> {
                (0..2_000)
                    .map(|n| buckets.find_or_insert(key(n)).unwrap().0)
                    .collect()
            };
            std::thread::scope(|scope| {
                let others = [(); 3].map(|()| scope.spawn(slots));
                let ours = slots();
                for other in others {
                    assert!(other.join().unwrap() == ours, "a key has two slots");
                }
            });
        }
    }
}
