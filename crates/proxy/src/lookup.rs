//! Fetches keys that the cache does not know: once for all who wait, and not for more than can be
//! helped.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tidegate_identity::{KeyCache, KeyId};
use tidegate_keystore::KeySource;
use tidegate_runtime::Clock;
use tidegate_telemetry::Metrics;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

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
}

impl KeyLookup {
    /// Look-ups in `source` that run on `control`.
    #[must_use]
    pub fn new(
        source: Arc<dyn KeySource>,
        cache: Arc<KeyCache>,
        metrics: Arc<Metrics>,
        clock: Clock,
        control: Handle,
    ) -> Self {
        Self {
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
        let Some(answer) = self.join(kid) else {
            self.count(Outcome::TurnedAway);
            return false;
        };
        answer.await.unwrap_or(false)
    }

    /// Waits with others for a fetch that is under way, or starts one.
    fn join(&self, kid: KeyId) -> Option<oneshot::Receiver<bool>> {
        let (sender, receiver) = oneshot::channel();
        let mut under_way = self
            .under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(waiting) = under_way.get_mut(&kid) {
            waiting.push(sender);
            return Some(receiver);
        }
        if under_way.len() >= FETCHES_MAX {
            return None;
        }
        under_way.insert(kid, vec![sender]);
        let lookup = self.clone();
        self.control.spawn(async move { lookup.run(kid).await });
        Some(receiver)
    }

    async fn run(self, kid: KeyId) {
        let answer = tokio::time::timeout(TIMEOUT, self.source.fetch(kid)).await;
        let now = self.clock.mono();
        let answered = match answer {
            Ok(Ok(Some(stored))) => {
                self.count(Outcome::Found);
                self.cache
                    .fill(kid, Some((stored.record, stored.revoked)), now);
                true
            }
            Ok(Ok(None)) => {
                self.count(Outcome::Unknown);
                self.cache.fill(kid, None, now);
                true
            }
            Ok(Err(error)) => {
                self.count(Outcome::Failed);
                tracing::debug!(%error, %kid, "A key cannot be fetched.");
                false
            }
            Err(_) => {
                self.count(Outcome::Failed);
                tracing::debug!(%kid, "The key store did not answer in time.");
                false
            }
        };
        let waiting = self
            .under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&kid);
        for sender in waiting.into_iter().flatten() {
            // Whoever asked may have gone.
            let _gone = sender.send(answered);
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
                let record = KeyRecord {
                    kid,
                    digest: [0; 32],
                    consumer: "acme".to_owned(),
                    plan: None,
                    created_unix_secs: 0,
                    expires_unix_secs: None,
                };
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
}
