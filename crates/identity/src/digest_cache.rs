//! What was found out about credentials, by their SHA-256: bounded, and shared by all cores.
//!
//! The digest is of everything that was judged, so what is found here was judged to the last bit,
//! and no credential lies in memory for it. What was not used lately is evicted first.

use std::sync::{PoisonError, RwLock};

use crate::halves::Halves;

const SHARDS: usize = 64;

/// A SHA-256.
pub type Digest = [u8; 32];

/// Values by digest. What they are, and how long they hold, is their owner's business.
#[derive(Debug)]
pub struct DigestCache<V> {
    half_max: usize,
    shards: Vec<RwLock<Halves<Digest, V>>>,
}

impl<V: Clone> DigestCache<V> {
    /// A cache of so many entries at most.
    #[must_use]
    pub fn new(entries_max: usize) -> Self {
        Self {
            half_max: (entries_max / (2 * SHARDS)).max(1),
            shards: (0..SHARDS).map(|_| RwLock::default()).collect(),
        }
    }

    fn shard(&self, digest: &Digest) -> &RwLock<Halves<Digest, V>> {
        &self.shards[usize::from(digest[0]) % SHARDS]
    }

    /// The value of a digest. One that does not hold any longer is removed.
    pub fn get(&self, digest: &Digest, holds: impl Fn(&V) -> bool) -> Option<V> {
        let lock = self.shard(digest);
        let (found, promote) = {
            let shard = lock.read().unwrap_or_else(PoisonError::into_inner);
            let entry = shard.get(digest)?;
            (holds(entry).then(|| entry.clone()), shard.is_old(digest))
        };
        let write = || lock.write().unwrap_or_else(PoisonError::into_inner);
        match &found {
            None => write().remove(digest),
            Some(_) if promote => write().promote(digest, self.half_max),
            Some(_) => {}
        }
        found
    }

    /// Remembers a value.
    pub fn insert(&self, digest: Digest, value: V) {
        let mut shard = self
            .shard(&digest)
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        shard.insert(digest, value, self.half_max);
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        let len = |shard: &RwLock<Halves<Digest, V>>| {
            shard.read().unwrap_or_else(PoisonError::into_inner).len()
        };
        self.shards.iter().map(len).sum()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(n: u64) -> Digest {
        let mut digest = [0; 32];
        digest[..8].copy_from_slice(&n.to_le_bytes());
        digest
    }

    #[test]
    fn what_does_not_hold_any_longer_is_gone() {
        let cache = DigestCache::new(100);
        cache.insert(digest(1), 7);
        assert_eq!(cache.get(&digest(1), |_| true), Some(7));
        assert_eq!(cache.get(&digest(1), |value| *value > 7), None);
        assert_eq!(cache.get(&digest(1), |_| true), None);
        assert!(cache.is_empty());
    }

    #[test]
    fn it_never_holds_more_than_it_may() {
        let cache = DigestCache::new(1_000);
        for n in 0..100_000 {
            cache.insert(digest(n), ());
        }
        assert!(
            (1..=1_000 + SHARDS).contains(&cache.len()),
            "{}",
            cache.len()
        );
    }
}
