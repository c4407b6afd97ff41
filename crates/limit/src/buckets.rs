//! Where a subject's slot is: a fixed table of buckets with eight keys each, two buckets to choose
//! from.
//!
//! Eight keys fill a cache line, so a look-up touches one line of keys, or two, and then the slot.
//! Nothing moves, so a core may hold a slot's number without a lock. Insertion is one
//! compare-and-swap; two cores that insert the same key at once notice and settle on the lower
//! place.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;

use crate::SubjectKey;

const WAYS: usize = 8;
const EMPTY: u64 = 0;

/// Keys of a fixed number of slots.
#[derive(Debug)]
pub(crate) struct Buckets {
    keys: Vec<AtomicU64>,
    mask: usize,
}

impl Buckets {
    /// Room for at least `slots` keys.
    pub(crate) fn new(slots: usize) -> Self {
        let buckets = slots.div_ceil(WAYS).next_power_of_two();
        let keys = (0..buckets * WAYS).map(|_| AtomicU64::new(EMPTY)).collect();
        Self {
            keys,
            mask: buckets - 1,
        }
    }

    /// How many slots there are.
    pub(crate) fn slots(&self) -> usize {
        self.keys.len()
    }

    fn choices(&self, key: SubjectKey) -> [usize; 2] {
        let raw = key.raw() as usize;
        let first = raw & self.mask;
        // The upper half, so that keys that share the first bucket rarely share the second; never
        // the same bucket twice unless there is only one.
        let second = (raw >> 32 | 1).wrapping_add(first) & self.mask;
        [first * WAYS, second * WAYS]
    }

    fn places(&self, key: SubjectKey) -> impl Iterator<Item = usize> {
        self.choices(key)
            .into_iter()
            .flat_map(|start| start..start + WAYS)
    }

    /// The slot of `key`, if it has one.
    pub(crate) fn find(&self, key: SubjectKey) -> Option<usize> {
        self.places(key)
            .find(|&slot| self.keys[slot].load(SeqCst) == key.raw())
    }

    /// The slot of `key`, taken if it has none yet: (slot, whether it is new). `None` when both
    /// buckets are full.
    pub(crate) fn find_or_insert(&self, key: SubjectKey) -> Option<(usize, bool)> {
        loop {
            if let Some(slot) = self.find(key) {
                return Some((slot, false));
            }
            let free = self.free_place(key)?;
            if self.keys[free]
                .compare_exchange(EMPTY, key.raw(), SeqCst, SeqCst)
                .is_err()
            {
                continue;
            }
            // Another core may have put the same key into another place meanwhile. Whoever sees a
            // second copy withdraws its own and looks again; at least the later of the two sees it.
            let copies = self
                .places(key)
                .filter(|&slot| self.keys[slot].load(SeqCst) == key.raw())
                .count();
            if copies == 1 {
                return Some((free, true));
            }
            self.keys[free].store(EMPTY, SeqCst);
        }
    }

    /// A free place in the emptier of the two buckets: with that choice the table fills to three
    /// quarters before a key finds no place, with the first bucket that has one only to a half.
    fn free_place(&self, key: SubjectKey) -> Option<usize> {
        let free = |start: usize| {
            (start..start + WAYS).filter(|&slot| self.keys[slot].load(SeqCst) == EMPTY)
        };
        let [first, second] = self.choices(key);
        let emptier = if free(second).count() > free(first).count() {
            second
        } else {
            first
        };
        free(emptier).next()
    }

    /// The key in a slot.
    pub(crate) fn key(&self, slot: usize) -> Option<SubjectKey> {
        match self.keys[slot].load(SeqCst) {
            EMPTY => None,
            raw => Some(SubjectKey::from_raw(raw)),
        }
    }

    /// Frees a slot. Only the control thread does so.
    pub(crate) fn remove(&self, slot: usize) {
        self.keys[slot].store(EMPTY, SeqCst);
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
        buckets.remove(slots[5].0);
        assert_eq!(buckets.find(key(5)), None);
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
        let buckets = Buckets::new(4_096);
        let slots = |()| {
            (0..2_000)
                .map(|n| buckets.find_or_insert(key(n)).unwrap().0)
                .collect::<Vec<_>>()
        };
        std::thread::scope(|scope| {
            let other = scope.spawn(|| slots(()));
            let ours = slots(());
            assert_eq!(ours, other.join().unwrap());
        });
    }
}
