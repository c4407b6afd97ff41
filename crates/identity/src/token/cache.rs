//! Tokens that were verified, until they expire or the issuer's keys change.
//!
//! Tokens that were refused are not kept, so nobody can fill the cache without valid tokens.

use std::sync::Arc;

use tidegate_model::Wall;

use crate::Verified;
use crate::digest_cache::{Digest, DigestCache};

/// The cache of one method, shared by all cores.
#[derive(Debug)]
pub(crate) struct TokenCache(DigestCache<Entry>);

#[derive(Clone, Debug)]
struct Entry {
    caller: Arc<Verified>,
    generation: u64,
}

impl TokenCache {
    pub(crate) fn new(entries_max: usize) -> Self {
        Self(DigestCache::new(entries_max))
    }

    pub(crate) fn get(&self, digest: &Digest, generation: u64, now: Wall) -> Option<Arc<Verified>> {
        let fresh = |entry: &Entry| {
            let over = entry.caller.expires_unix_secs;
            entry.generation == generation && over.is_none_or(|over| now.unix_secs() < over)
        };
        self.0.get(digest, fresh).map(|entry| entry.caller)
    }

    pub(crate) fn insert(&self, digest: Digest, generation: u64, caller: Arc<Verified>) {
        self.0.insert(digest, Entry { caller, generation });
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}
