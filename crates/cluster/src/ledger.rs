//! A growing set of entries that every node shall have: the embedded key store's replication.
//!
//! Entries are never changed, so merging two ledgers is their union, and no order, loss or
//! repetition of messages matters. What an entry says is nobody's business here. New entries are
//! flooded at once; nodes whose digests differ send each other the shards that differ. An entry is
//! forgotten only when every node does so by itself, and takes it from nobody any more (`resets`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

const SHARDS: usize = 256;
/// The longest entry that is taken, from an operator or a peer.
const ENTRY_BYTES_MAX: usize = 4_096;
/// Entries kept at most.
const ENTRIES_MAX: usize = 2_000_000;
/// Entries in one message.
const ENTRIES_PER_MESSAGE: usize = 500;

/// One entry: opaque bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Entry(Box<[u8]>);

/// The entry is longer than 4 KiB; nothing was kept of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("an entry of {0} bytes is longer than {ENTRY_BYTES_MAX}")]
pub struct EntryTooLarge(usize);

impl Entry {
    /// An entry of these bytes.
    ///
    /// # Errors
    /// [`EntryTooLarge`].
    pub fn new(bytes: Vec<u8>) -> Result<Self, EntryTooLarge> {
        if bytes.len() > ENTRY_BYTES_MAX {
            Err(EntryTooLarge(bytes.len()))
        } else {
            Ok(Self(bytes.into()))
        }
    }

    /// The bytes.
    #[must_use]
    pub const fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// All entries this node has.
#[derive(Debug)]
pub struct Ledger {
    entries: BTreeMap<u64, Entry>,
    shards: Vec<u64>,
    /// One number for all of them: it is asked for with every message that says that all is well.
    root: u64,
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            entries: BTreeMap::new(),
            shards: vec![0; SHARDS],
            root: root_of(&[0; SHARDS]),
        }
    }
}

const fn shard_of(hash: u64) -> usize {
    (hash >> 56) as usize
}

fn root_of(shards: &[u64]) -> u64 {
    let bytes = shards.iter().flat_map(|shard| shard.to_le_bytes());
    xxh3_64(&bytes.collect::<Vec<u8>>())
}

impl Ledger {
    /// Takes in an entry. Returns whether it is new.
    pub fn insert(&mut self, entry: Entry) -> bool {
        let hash = xxh3_64(entry.bytes());
        let fits = entry.0.len() <= ENTRY_BYTES_MAX && self.entries.len() < ENTRIES_MAX;
        if !fits || self.entries.contains_key(&hash) {
            return false;
        }
        self.turn_over(hash);
        self.entries.insert(hash, entry);
        true
    }

    /// Forgets an entry that no node takes in any more.
    pub(crate) fn forget(&mut self, entry: &Entry) {
        let hash = xxh3_64(entry.bytes());
        if self.entries.remove(&hash).is_some() {
            self.turn_over(hash);
        }
    }

    /// An entry has come, or is gone.
    fn turn_over(&mut self, hash: u64) {
        self.shards[shard_of(hash)] ^= hash;
        self.root = root_of(&self.shards);
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// One number for the whole ledger.
    pub(crate) const fn root(&self) -> u64 {
        self.root
    }

    /// One number a shard.
    pub(crate) fn digest(&self) -> Vec<u64> {
        self.shards.clone()
    }

    /// What a peer with this digest may lack, in messages of bounded size. A malformed digest asks
    /// for nothing.
    pub(crate) fn lacking(&self, digest: &[u64]) -> Vec<Vec<Entry>> {
        if digest.len() != SHARDS {
            return Vec::new();
        }
        let differs = |hash: u64| self.shards[shard_of(hash)] != digest[shard_of(hash)];
        let entries: Vec<Entry> = self
            .entries
            .iter()
            .filter(|(hash, _)| differs(**hash))
            .map(|(_, entry)| entry.clone())
            .collect();
        entries
            .chunks(ENTRIES_PER_MESSAGE)
            .map(<[Entry]>::to_vec)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry(n: u32) -> Entry {
        Entry::new(n.to_le_bytes().to_vec()).unwrap()
    }

    proptest! {
        #[test]
        fn ledgers_that_exchange_what_differs_become_equal(
            a in prop::collection::vec(0_u32..2_000, 0..200),
            b in prop::collection::vec(0_u32..2_000, 0..200),
        ) {
            let ledger = |numbers: &[u32]| {
                let mut ledger = Ledger::default();
                for n in numbers {
                    ledger.insert(entry(*n));
                }
                ledger
            };
            let (mut a, mut b) = (ledger(&a), ledger(&b));
            let (to_a, to_b) = (b.lacking(&a.digest()), a.lacking(&b.digest()));
            to_a.into_iter().flatten().for_each(|e| { a.insert(e); });
            to_b.into_iter().flatten().for_each(|e| { b.insert(e); });
            prop_assert_eq!(a.root(), b.root());
            prop_assert!(a.lacking(&b.digest()).is_empty());
        }
    }

    #[test]
    fn a_ledger_that_forgets_is_as_if_it_had_never_known() {
        let (mut a, mut b) = (Ledger::default(), Ledger::default());
        a.insert(entry(1));
        b.insert(entry(1));
        b.insert(entry(2));
        assert_ne!(a.root(), b.root());
        b.forget(&entry(2));
        b.forget(&entry(3));
        assert_eq!((a.root(), a.len()), (b.root(), b.len()));
    }

    #[test]
    fn an_entry_counts_once_and_a_long_one_not_at_all() {
        let mut ledger = Ledger::default();
        assert!(ledger.insert(entry(1)));
        assert!(!ledger.insert(entry(1)));
        assert!(Entry::new(vec![0; 4_097]).is_err());
        assert!(
            !ledger.insert(Entry(vec![0; 4_097].into())),
            "nor from a peer"
        );
        assert_eq!(ledger.len(), 1);
        assert!(ledger.lacking(&[1, 2, 3]).is_empty());
    }
}
