//! Fetches keys that the cache does not know: once for all who wait, and not for more than can be
//! helped.
//!
//! Before a store on a network stands a [`Brake`]; one on this machine needs none.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tidegate_identity::{Guard, KeyCache, KeyId};
use tidegate_keystore::KeySource;
use tidegate_runtime::Clock;
use tidegate_telemetry::Metrics;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::brake::{Brake, Halt};

/// Keys being fetched at a time. A flood of unknown keys waits here, not in the store.
const FETCHES_MAX: usize = 1_024;
/// Until the store has answered.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Fetches keys into the cache. Cheap to clone; all clones share what is under way.
#[derive(Clone)]
pub struct KeyLookup {
    source: Arc<dyn KeySource>,
    cache: Arc<KeyCache>,
    metrics: Arc<Metrics>,
    clock: Clock,
    /// Where fetches run: not on the core that asks.
    control: Handle,
    under_way: Arc<Mutex<HashMap<KeyId, Vec<oneshot::Sender<bool>>>>>,
    brake: Option<Arc<Brake>>,
}

impl std::fmt::Debug for KeyLookup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyLookup").finish_non_exhaustive()
    }
}

/// How a look-up may end, as counted.
#[derive(Clone, Copy)]
enum Outcome {
    Found,
    Unknown,
    Failed,
    TurnedAway,
    Guarded,
    Paused,
}

impl KeyLookup {
    /// Look-ups in `source` that run on `control`; `guard` bounds them if the store is on a
    /// network.
    #[must_use]
    pub fn new(
        source: Arc<dyn KeySource>,
        cache: Arc<KeyCache>,
        metrics: Arc<Metrics>,
        clock: Clock,
        control: Handle,
        guard: Option<Guard>,
    ) -> Self {
        Self {
            brake: guard.map(|guard| Arc::new(Brake::new(guard))),
            source,
            cache,
            metrics,
            clock,
            control,
            under_way: Arc::default(),
        }
    }

    /// Brings the cache up to date about a key. Returns whether the store answered.
    pub(crate) async fn fetch(&self, kid: KeyId) -> bool {
        let (sender, receiver) = oneshot::channel();
        self.join(kid, Some(sender)) && receiver.await.unwrap_or(false)
    }

    /// Sees to it that the cache is brought up to date about a key, without waiting for that.
    pub(crate) fn refresh(&self, kid: KeyId) {
        self.join(kid, None);
    }

    /// Whether the store answered when it was last asked.
    #[must_use]
    pub fn store_answers(&self) -> bool {
        self.brake.as_ref().is_none_or(|brake| brake.answers())
    }

    /// Why it did not; `None` if it did.
    #[must_use]
    pub fn store_trouble(&self) -> Option<String> {
        self.brake.as_ref()?.why()
    }

    /// Somebody has asked the store, and it has answered or not, and why.
    pub fn note(&self, answered: Result<(), &str>) {
        if let Some(brake) = &self.brake {
            brake.note(answered, self.clock.mono());
        }
    }

    /// Waits with others for a fetch that is under way, or starts one. Returns whether one is under
    /// way.
    fn join(&self, kid: KeyId, waiter: Option<oneshot::Sender<bool>>) -> bool {
        let mut under_way = self
            .under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(waiting) = under_way.get_mut(&kid) {
            waiting.extend(waiter);
            return true;
        }
        if under_way.len() >= FETCHES_MAX {
            self.count(Outcome::TurnedAway);
            return false;
        }
        if let Some(Err(halt)) = self
            .brake
            .as_ref()
            .map(|brake| brake.pass(self.clock.mono()))
        {
            self.count(match halt {
                Halt::Guarded => Outcome::Guarded,
                Halt::Paused => Outcome::Paused,
            });
            return false;
        }
        under_way.insert(kid, waiter.into_iter().collect());
        let lookup = self.clone();
        self.control.spawn(async move { lookup.run(kid).await });
        true
    }

    async fn run(self, kid: KeyId) {
        let begun = self.clock.mono();
        let answer = tokio::time::timeout(TIMEOUT, self.source.fetch(kid)).await;
        let now = self.clock.mono();
        let took = u64::try_from(now.since(begun).as_micros()).unwrap_or(u64::MAX);
        self.metrics.keys.store_us.add(took);
        let answered = match answer {
            Ok(Ok(Some(stored))) => {
                self.count(Outcome::Found);
                self.cache
                    .fill(kid, Some((stored.record, stored.revoked)), now);
                Ok(())
            }
            Ok(Ok(None)) => {
                self.count(Outcome::Unknown);
                self.cache.fill(kid, None, now);
                Ok(())
            }
            Ok(Err(error)) => Err(error.0),
            Err(_) => Err(format!("no answer within {} ms", TIMEOUT.as_millis())),
        };
        if let Err(why) = &answered {
            self.count(Outcome::Failed);
            tracing::debug!(why, %kid, "A key cannot be fetched.");
        }
        self.note(answered.as_ref().map(|_| ()).map_err(String::as_str));
        let waiting = self
            .under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&kid);
        for sender in waiting.into_iter().flatten() {
            // Whoever asked may have gone.
            let _gone = sender.send(answered.is_ok());
        }
    }

    fn count(&self, outcome: Outcome) {
        self.metrics.keys.lookups[outcome as usize].add(1);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tidegate_identity::{CacheSpec, KeyRecord, Lookup};
    use tidegate_keystore::{FetchError, Stored};

    use super::*;

    struct Slow {
        asked: AtomicUsize,
    }

    impl KeySource for Slow {
        fn fetch(
            &self,
            kid: KeyId,
        ) -> Pin<Box<dyn Future<Output = Result<Option<Stored>, FetchError>> + Send + '_>> {
            self.asked.fetch_add(1, Ordering::SeqCst);
            Box::pin(async move {
                tokio::time::sleep(Duration::from_millis(20)).await;
                let record = KeyRecord::new(kid, [0; 32], "acme", 0);
                Ok(Some(Stored {
                    record: Arc::new(record),
                    revoked: false,
                }))
            })
        }
    }

    #[tokio::test]
    async fn many_who_wait_for_one_key_ask_once() {
        let source = Arc::new(Slow {
            asked: AtomicUsize::new(0),
        });
        let cache = Arc::new(KeyCache::new(CacheSpec::default()));
        let metrics = Arc::new(Metrics::new(1, &["other"]));
        let clock = Clock::start();
        let shared = Arc::clone(&source) as Arc<dyn KeySource>;
        let lookup = KeyLookup::new(
            shared,
            Arc::clone(&cache),
            metrics,
            clock,
            Handle::current(),
            Some(Guard::new(1_000)),
        );
        let kid: KeyId = "abcdefghij".parse().unwrap();
        let waiting = (0..50).map(|_| {
            let lookup = lookup.clone();
            tokio::spawn(async move { lookup.fetch(kid).await })
        });
        for answer in waiting.collect::<Vec<_>>() {
            assert!(answer.await.unwrap());
        }
        assert_eq!(source.asked.load(Ordering::SeqCst), 1);
        assert!(matches!(cache.lookup(&kid, clock.mono()), Lookup::Known(_)));
    }

    struct Down {
        asked: AtomicUsize,
    }

    impl KeySource for Down {
        fn fetch(
            &self,
            _: KeyId,
        ) -> Pin<Box<dyn Future<Output = Result<Option<Stored>, FetchError>> + Send + '_>> {
            self.asked.fetch_add(1, Ordering::SeqCst);
            Box::pin(async { Err(FetchError("down".to_owned())) })
        }
    }

    fn lookup(source: Arc<Down>, per_second: u32) -> KeyLookup {
        KeyLookup::new(
            source,
            Arc::new(KeyCache::new(CacheSpec::default())),
            Arc::new(Metrics::new(1, &["other"])),
            Clock::start(),
            Handle::current(),
            Some(Guard::new(per_second)),
        )
    }

    #[tokio::test]
    async fn a_store_that_is_down_is_not_asked_again_at_once() {
        let down = Arc::new(Down {
            asked: AtomicUsize::new(0),
        });
        let lookup = lookup(Arc::clone(&down), 1_000_000);
        for n in 0..1_000 {
            let kid: KeyId = format!("{n:010}").parse().unwrap();
            assert!(!lookup.fetch(kid).await);
        }
        assert_eq!(down.asked.load(Ordering::SeqCst), 1);
        assert!(!lookup.store_answers());
        assert_eq!(
            lookup.metrics.keys.lookups[Outcome::Paused as usize].get(),
            999
        );
    }

    #[tokio::test]
    async fn a_store_on_this_machine_is_asked_whatever_it_said_before() {
        let down = Arc::new(Down {
            asked: AtomicUsize::new(0),
        });
        let mut lookup = lookup(Arc::clone(&down), 1);
        lookup.brake = None;
        for n in 0..100 {
            let kid: KeyId = format!("{n:010}").parse().unwrap();
            assert!(!lookup.fetch(kid).await);
        }
        assert_eq!(down.asked.load(Ordering::SeqCst), 100);
        assert!(lookup.store_answers());
    }

    #[tokio::test]
    async fn a_key_is_refreshed_while_nobody_waits() {
        let source = Arc::new(Slow {
            asked: AtomicUsize::new(0),
        });
        let down = Arc::new(Down {
            asked: AtomicUsize::new(0),
        });
        let mut lookup = lookup(down, 100);
        lookup.source = Arc::clone(&source) as Arc<dyn KeySource>;
        let kid: KeyId = "abcdefghij".parse().unwrap();
        lookup.refresh(kid);
        lookup.refresh(kid);
        assert!(lookup.fetch(kid).await, "and who asks then waits for it");
        assert_eq!(source.asked.load(Ordering::SeqCst), 1);
        assert_eq!(lookup.cache.len(), (1, 0));
    }

    #[tokio::test]
    async fn a_flood_of_made_up_keys_reaches_the_store_no_faster_than_the_guard_allows() {
        let source = Arc::new(Slow {
            asked: AtomicUsize::new(0),
        });
        let down = Arc::new(Down {
            asked: AtomicUsize::new(0),
        });
        let mut lookup = lookup(down, 100);
        lookup.source = Arc::clone(&source) as Arc<dyn KeySource>;
        let flood = (0..10_000).map(|n| {
            let (lookup, kid) = (lookup.clone(), format!("{n:010}").parse().unwrap());
            tokio::spawn(async move { lookup.fetch(kid).await })
        });
        for answer in flood.collect::<Vec<_>>() {
            answer.await.unwrap();
        }
        // A second's worth at once, and what came back meanwhile: the flood takes below ten
        // seconds.
        let asked = source.asked.load(Ordering::SeqCst);
        assert!((100..1_100).contains(&asked), "{asked}");
    }
}
