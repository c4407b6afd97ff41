//! Tokens that were verified, by their SHA-256, until they expire or the issuer's keys change.
//!
//! The digest is of the whole token, signature included, so what is found here was verified to the
//! last bit. It is bounded by eviction of what was not used lately; tokens that were refused are
//! not kept, so nobody can fill it without valid tokens.

use std::sync::{Arc, PoisonError, RwLock};

use tidegate_model::Wall;

use crate::Verified;
use crate::halves::Halves;

const SHARDS: usize = 64;

/// The SHA-256 of a token.
pub(crate) type Digest = [u8; 32];

/// The cache of one method, shared by all cores.
#[derive(Debug)]
pub(crate) struct TokenCache {
    half_max: usize,
    shards: Vec<RwLock<Halves<Digest, Entry>>>,
}

#[derive(Debug)]
struct Entry {
    caller: Arc<Verified>,
    generation: u64,
}

impl TokenCache {
    pub(crate) fn new(entries_max: usize) -> Self {
        Self {
            half_max: (entries_max / (2 * SHARDS)).max(1),
            shards: (0..SHARDS).map(|_| RwLock::default()).collect(),
        }
    }

    fn shard(&self, digest: &Digest) -> &RwLock<Halves<Digest, Entry>> {
        &self.shards[usize::from(digest[0]) % SHARDS]
    }

    pub(crate) fn get(&self, digest: &Digest, generation: u64, now: Wall) -> Option<Arc<Verified>> {
        let lock = self.shard(digest);
        let (found, promote) = {
            let shard = lock.read().unwrap_or_else(PoisonError::into_inner);
            let entry = shard.get(digest)?;
            let over = entry.caller.expires_unix_secs;
            let fresh =
                entry.generation == generation && over.is_none_or(|over| now.unix_secs() < over);
            (
                fresh.then(|| Arc::clone(&entry.caller)),
                shard.is_old(digest),
            )
        };
        let write = || lock.write().unwrap_or_else(PoisonError::into_inner);
        match &found {
            None => write().remove(digest),
            Some(_) if promote => write().promote(digest, self.half_max),
            Some(_) => {}
        }
        found
    }

    pub(crate) fn insert(&self, digest: Digest, generation: u64, caller: Arc<Verified>) {
        let entry = Entry { caller, generation };
        let mut shard = self
            .shard(&digest)
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        shard.insert(digest, entry, self.half_max);
    }

    pub(crate) fn len(&self) -> usize {
        let len = |shard: &RwLock<Halves<Digest, Entry>>| {
            shard.read().unwrap_or_else(PoisonError::into_inner).len()
        };
        self.shards.iter().map(len).sum()
    }
}
