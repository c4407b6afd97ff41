//! Keys that were looked up lately, and keys that were looked up and do not exist.
//!
//! Both kinds are bounded apart, so that a flood of unknown keys evicts no known one. A record goes
//! through three ages. While it is fresh it is used. Then it is still used, and asked for again
//! behind the request ([`Lookup::Refresh`]). When it is old the store's answer is waited for, and
//! only should the store not answer the old record serves on ([`Lookup::Ask`] carries it), but not
//! for ever. A revocation is sticky: no later answer of a lagging store brings the key back.
//!
//! What was not used lately is evicted (`halves`).

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use serde::Deserialize;
use tidegate_model::{Mono, Period};

use crate::halves::Halves;
use crate::{KeyId, KeyRecord};

const SHARDS: usize = 64;

/// Bounds and times of the cache.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CacheSpec {
    /// Known keys held at most.
    pub entries_max: usize,
    /// Unknown keys remembered at most.
    pub unknown_max: usize,
    /// How long a record is used before the store is asked again, behind a request.
    pub ttl: Period,
    /// How long a record is used before a request waits for the store.
    pub hard_ttl: Period,
    /// How long a record is used at most while the store does not answer.
    pub stale_ttl: Period,
    /// How long a key that does not exist is taken not to exist.
    pub unknown_ttl: Period,
    /// Keys that the store is asked for in a second at most, by this node.
    pub lookups_per_second: u32,
}

impl Default for CacheSpec {
    fn default() -> Self {
        Self {
            entries_max: 1_000_000,
            unknown_max: 65_536,
            ttl: Period::from_secs(60),
            hard_ttl: Period::from_secs(600),
            stale_ttl: Period::from_secs(86_400),
            unknown_ttl: Period::from_secs(10),
            lookups_per_second: 1_000,
        }
    }
}

/// What the cache says of a key.
#[derive(Clone, PartialEq, Debug)]
pub enum Lookup {
    /// Use this record.
    Known(Arc<KeyRecord>),
    /// Use this record, and ask the store meanwhile.
    Refresh(Arc<KeyRecord>),
    /// Revoked: refuse.
    Revoked,
    /// No such key: refuse.
    Unknown,
    /// Ask the store; if it does not answer, use the old record while there is one.
    Ask {
        /// A record that is too old to be used unasked.
        stale: Option<Arc<KeyRecord>>,
    },
}

/// The cache, shared by all cores.
#[derive(Debug)]
pub struct KeyCache {
    spec: CacheSpec,
    shards: Vec<RwLock<Shard>>,
}

#[derive(Debug, Default)]
struct Shard {
    known: Halves<KeyId, Entry>,
    unknown: Halves<KeyId, Mono>,
}

#[derive(Clone, Debug)]
struct Entry {
    record: Option<Arc<KeyRecord>>,
    revoked: bool,
    /// Until then it is used without asking.
    fresh_until: Mono,
    /// Until then it is used without waiting.
    ready_until: Mono,
    /// Until then it is used while the store does not answer.
    stale_until: Mono,
}

impl KeyCache {
    /// An empty cache.
    #[must_use]
    pub fn new(spec: CacheSpec) -> Self {
        let shards = (0..SHARDS).map(|_| RwLock::default()).collect();
        Self { spec, shards }
    }

    fn shard(&self, kid: &KeyId) -> &RwLock<Shard> {
        let bytes = kid.as_bytes();
        &self.shards[(usize::from(bytes[8]) * 62 + usize::from(bytes[9])) % SHARDS]
    }

    /// What is known of `kid`.
    #[must_use]
    pub fn lookup(&self, kid: &KeyId, now: Mono) -> Lookup {
        let lock = self.shard(kid);
        let (found, promote) = {
            let shard = lock.read().unwrap_or_else(PoisonError::into_inner);
            (self.judge(&shard, kid, now), shard.known.is_old(kid))
        };
        if promote {
            lock.write()
                .unwrap_or_else(PoisonError::into_inner)
                .known
                .promote(kid, self.known_per_half());
        }
        found
    }

    fn judge(&self, shard: &Shard, kid: &KeyId, now: Mono) -> Lookup {
        let fresh = |since: Mono, ttl: Period| now.since(since) < ttl.get();
        if let Some(entry) = shard.known.get(kid) {
            return match &entry.record {
                _ if entry.revoked => Lookup::Revoked,
                Some(record) if now < entry.fresh_until => Lookup::Known(Arc::clone(record)),
                Some(record) if now < entry.ready_until => Lookup::Refresh(Arc::clone(record)),
                stale => Lookup::Ask {
                    stale: stale.clone().filter(|_| now < entry.stale_until),
                },
            };
        }
        match shard.unknown.get(kid) {
            Some(&since) if fresh(since, self.spec.unknown_ttl) => Lookup::Unknown,
            _ => Lookup::Ask { stale: None },
        }
    }

    /// The store's answer: the record and whether it is revoked, or that there is none.
    pub fn fill(&self, kid: KeyId, answer: Option<(Arc<KeyRecord>, bool)>, now: Mono) {
        let mut shard = self
            .shard(&kid)
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        match answer {
            Some((record, revoked)) => {
                let revoked = revoked || shard.known.get(&kid).is_some_and(|entry| entry.revoked);
                let entry = Entry {
                    record: Some(record),
                    revoked,
                    fresh_until: now + self.spec.ttl.get(),
                    ready_until: now + self.spec.hard_ttl.get(),
                    stale_until: now + self.spec.stale_ttl.get(),
                };
                shard.unknown.remove(&kid);
                shard.known.insert(kid, entry, self.known_per_half());
            }
            None => shard
                .unknown
                .insert(kid, now, per_half(self.spec.unknown_max)),
        }
    }

    /// From now on the key is refused, whether it was cached or not.
    pub fn revoke(&self, kid: KeyId, now: Mono) {
        let mut shard = self
            .shard(&kid)
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let entry = match shard.known.get(&kid) {
            Some(entry) => Entry {
                revoked: true,
                ..entry.clone()
            },
            None => Entry {
                record: None,
                revoked: true,
                fresh_until: now,
                ready_until: now,
                stale_until: now,
            },
        };
        shard.known.insert(kid, entry, self.known_per_half());
    }

    /// A key was made. It is known from now on, so that an answer of the store that was under way
    /// before does not make it unknown again.
    pub fn created(&self, record: &KeyRecord, now: Mono) {
        self.fill(record.kid, Some((Arc::new(record.clone()), false)), now);
    }

    /// Something about the key has changed in the store: it is asked before the key is judged
    /// again. While it does not answer, the old record serves on.
    pub fn changed(&self, kid: &KeyId, now: Mono) {
        let mut shard = self
            .shard(kid)
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        shard.unknown.remove(kid);
        if let Some(entry) = shard.known.get(kid) {
            let entry = Entry {
                fresh_until: now,
                ready_until: now,
                ..entry.clone()
            };
            shard.known.insert(*kid, entry, self.known_per_half());
        }
    }

    /// Takes in a copy of a record that the store gave `age` ago, in an earlier life of this node.
    /// It is asked for again with its first use, and replaces nothing.
    pub fn restore(&self, record: Arc<KeyRecord>, age: Duration, now: Mono) {
        let Some(left) = self.spec.stale_ttl.get().checked_sub(age) else {
            return;
        };
        let kid = record.kid;
        let mut shard = self
            .shard(&kid)
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if shard.known.get(&kid).is_none() {
            let entry = Entry {
                record: Some(record),
                revoked: false,
                fresh_until: now,
                ready_until: now + self.spec.hard_ttl.get().saturating_sub(age),
                stale_until: now + left,
            };
            shard.known.insert(kid, entry, self.known_per_half());
        }
    }

    /// How many known and unknown keys are held.
    #[must_use]
    pub fn len(&self) -> (usize, usize) {
        let shards = self.shards.iter().map(|shard| {
            let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
            (shard.known.len(), shard.unknown.len())
        });
        shards.fold((0, 0), |(a, b), (c, d)| (a + c, b + d))
    }

    /// Whether nothing is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == (0, 0)
    }

    fn known_per_half(&self) -> usize {
        per_half(self.spec.entries_max)
    }
}

const fn per_half(total: usize) -> usize {
    let half = total / (2 * SHARDS);
    if half == 0 { 1 } else { half }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kid(n: usize) -> KeyId {
        format!("{n:010}").parse().unwrap()
    }

    fn record(n: usize) -> Arc<KeyRecord> {
        Arc::new(KeyRecord::new(kid(n), [0; 32], "acme", 0))
    }

    fn at(secs: u64) -> Mono {
        Mono::from_millis(secs * 1_000)
    }

    #[test]
    fn a_record_is_fresh_then_refreshed_behind_requests_then_waited_for() {
        let cache = KeyCache::new(CacheSpec::default());
        assert_eq!(cache.lookup(&kid(1), at(0)), Lookup::Ask { stale: None });
        cache.fill(kid(1), Some((record(1), false)), at(0));
        assert_eq!(cache.lookup(&kid(1), at(59)), Lookup::Known(record(1)));
        for secs in [60, 599] {
            assert_eq!(
                cache.lookup(&kid(1), at(secs)),
                Lookup::Refresh(record(1)),
                "{secs}"
            );
        }
        let stale = Some(record(1));
        assert_eq!(cache.lookup(&kid(1), at(600)), Lookup::Ask { stale });
    }

    #[test]
    fn a_key_that_has_changed_is_asked_for_before_it_is_judged_again() {
        let cache = KeyCache::new(CacheSpec::default());
        cache.fill(kid(1), Some((record(1), false)), at(0));
        cache.fill(kid(2), None, at(0));
        cache.changed(&kid(1), at(1));
        cache.changed(&kid(2), at(1));
        let stale = Some(record(1));
        assert_eq!(cache.lookup(&kid(1), at(1)), Lookup::Ask { stale });
        assert_eq!(cache.lookup(&kid(2), at(1)), Lookup::Ask { stale: None });
        cache.revoke(kid(1), at(2));
        cache.changed(&kid(1), at(3));
        assert_eq!(cache.lookup(&kid(1), at(3)), Lookup::Revoked);
    }

    #[test]
    fn an_old_record_serves_no_longer_than_a_day_while_the_store_is_silent() {
        let cache = KeyCache::new(CacheSpec::default());
        cache.fill(kid(1), Some((record(1), false)), at(0));
        let stale = Some(record(1));
        assert_eq!(cache.lookup(&kid(1), at(86_399)), Lookup::Ask { stale });
        assert_eq!(
            cache.lookup(&kid(1), at(86_400)),
            Lookup::Ask { stale: None }
        );
    }

    #[test]
    fn a_copy_of_an_earlier_life_serves_for_the_rest_of_its_day_and_never_over_a_revocation() {
        let cache = KeyCache::new(CacheSpec::default());
        cache.revoke(kid(2), at(0));
        for n in 1..=3 {
            let age = if n == 3 { 86_401 } else { 86_300 };
            cache.restore(record(n), Duration::from_secs(age), at(0));
        }
        let stale = Some(record(1));
        assert_eq!(cache.lookup(&kid(1), at(99)), Lookup::Ask { stale });
        cache.restore(record(4), Duration::from_secs(30), at(0));
        let copy = cache.lookup(&kid(4), at(1));
        assert_eq!(copy, Lookup::Refresh(record(4)), "a recent one");
        assert_eq!(cache.lookup(&kid(1), at(100)), Lookup::Ask { stale: None });
        assert_eq!(cache.lookup(&kid(2), at(1)), Lookup::Revoked);
        assert_eq!(cache.lookup(&kid(3), at(1)), Lookup::Ask { stale: None });
    }

    #[test]
    fn an_unknown_key_is_not_asked_for_twice_in_a_row() {
        let cache = KeyCache::new(CacheSpec::default());
        cache.fill(kid(1), None, at(0));
        assert_eq!(cache.lookup(&kid(1), at(9)), Lookup::Unknown);
        assert_eq!(cache.lookup(&kid(1), at(10)), Lookup::Ask { stale: None });
        cache.fill(kid(1), Some((record(1), false)), at(10));
        assert_eq!(
            cache.lookup(&kid(1), at(11)),
            Lookup::Known(record(1)),
            "made meanwhile"
        );
    }

    #[test]
    fn a_key_made_while_it_was_asked_for_is_known() {
        let cache = KeyCache::new(CacheSpec::default());
        cache.created(&record(1), at(0));
        cache.fill(kid(1), None, at(1));
        assert_eq!(cache.lookup(&kid(1), at(1)), Lookup::Known(record(1)));
    }

    #[test]
    fn a_revocation_outlasts_what_a_lagging_store_says() {
        let cache = KeyCache::new(CacheSpec::default());
        cache.revoke(kid(1), at(0));
        assert_eq!(
            cache.lookup(&kid(1), at(0)),
            Lookup::Revoked,
            "even if never seen"
        );
        cache.fill(kid(1), Some((record(1), false)), at(1));
        assert_eq!(cache.lookup(&kid(1), at(1)), Lookup::Revoked);
        cache.fill(kid(1), None, at(2));
        assert_eq!(cache.lookup(&kid(1), at(2)), Lookup::Revoked);
    }

    #[test]
    fn a_flood_of_unknown_keys_is_bounded_and_evicts_no_known_one() {
        let spec = CacheSpec {
            entries_max: 6_400,
            unknown_max: 6_400,
            ..CacheSpec::default()
        };
        let cache = KeyCache::new(spec);
        cache.fill(kid(7), Some((record(7), false)), at(0));
        for n in 100_000..200_000 {
            cache.fill(kid(n), None, at(0));
        }
        assert_eq!(cache.lookup(&kid(7), at(1)), Lookup::Known(record(7)));
        assert!(cache.len().1 <= 6_400, "{:?}", cache.len());
    }

    #[test]
    fn a_key_in_use_survives_when_many_others_pass() {
        let cache = KeyCache::new(CacheSpec {
            entries_max: 1_280,
            ..CacheSpec::default()
        });
        cache.fill(kid(7), Some((record(7), false)), at(0));
        for n in 100_000..110_000 {
            cache.fill(kid(n), Some((record(n), false)), at(0));
            assert_eq!(
                cache.lookup(&kid(7), at(1)),
                Lookup::Known(record(7)),
                "after {n}"
            );
        }
        assert!(cache.len().0 <= 1_280 + SHARDS, "{:?}", cache.len());
    }
}
