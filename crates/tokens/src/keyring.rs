//! The keys of one issuer, as they are at the moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use arc_swap::ArcSwapOption;
use tidegate_identity::{Algorithm, Checked, JwksSpec, Provider, Verify};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use crate::files::Files;
use crate::keyset::KeySet;

/// How a fetch may end, as counted.
pub const FETCHES: [&str; 3] = ["changed", "unchanged", "failed"];

/// The keys of one issuer. When it is dropped, they are not fetched any longer.
#[derive(Debug)]
pub struct Keyring {
    pub(crate) inner: Arc<Inner>,
    /// What its files held when it was made.
    pub(crate) files: Files,
    pub(crate) _refreshing: JoinSet<()>,
}

/// Keys, and what is agreed between those who wait for them and the task that fetches them.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) spec: JwksSpec,
    held: ArcSwapOption<Held>,
    /// Where people log in, as the last fetch found it; none if that failed.
    provider: ArcSwapOption<Provider>,
    /// The last generation that was given out: none comes twice, even if keys are forgotten.
    generations: AtomicU64,
    pub(crate) stage: watch::Sender<Stage>,
    pub(crate) wanted: Notify,
    /// By how it ended.
    pub(crate) fetches: Arc<[AtomicU64; FETCHES.len()]>,
}

#[derive(Debug)]
struct Held {
    /// What the set was read from, to see whether another is different.
    text: Vec<u8>,
    set: KeySet,
    generation: u64,
}

/// What the fetching task is at. There is one such task, so there is one fetch at a time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stage {
    /// Nobody fetches: the keys are in a file, or the last fetch was a moment ago.
    Resting,
    /// A fetch would begin if somebody asked.
    Ready,
    /// A fetch is under way.
    Fetching,
}

impl Inner {
    pub(crate) fn new(
        spec: JwksSpec,
        stage: Stage,
        fetches: Arc<[AtomicU64; FETCHES.len()]>,
    ) -> Self {
        Self {
            spec,
            held: ArcSwapOption::empty(),
            provider: ArcSwapOption::empty(),
            generations: AtomicU64::new(0),
            stage: watch::Sender::new(stage),
            wanted: Notify::new(),
            fetches,
        }
    }

    /// Takes a set over. Whether it is another than before.
    pub(crate) fn take(&self, text: &[u8]) -> Result<bool, String> {
        let held = self.held.load();
        if held.as_ref().is_some_and(|held| held.text == text) {
            return Ok(false);
        }
        let set = KeySet::parse(text, self.spec.keys_max, self.spec.file.is_some())?;
        let text = text.to_vec();
        let generation = self.generations.fetch_add(1, Relaxed) + 1;
        self.held.store(Some(Arc::new(Held {
            text,
            set,
            generation,
        })));
        Ok(true)
    }

    /// Begins with the keys of another, which serve until the first fetch.
    pub(crate) fn inherit(&self, other: &Self) {
        let held = other.held.load_full();
        let generation = held.as_ref().map_or(0, |held| held.generation);
        self.generations.store(generation, Relaxed);
        self.held.store(held);
        self.provider.store(other.provider.load_full());
    }

    pub(crate) fn set_provider(&self, provider: Option<Provider>) {
        self.provider.store(provider.map(Arc::new));
    }

    /// Whether there are keys.
    pub(crate) fn has_keys(&self) -> bool {
        self.held.load().is_some()
    }

    /// Forgets keys that are too old.
    pub(crate) fn forget(&self) -> bool {
        self.held.swap(None).is_some()
    }

    pub(crate) fn count(&self, fetch: usize) {
        self.fetches[fetch].fetch_add(1, Relaxed);
    }

    /// Zero, which no set has, while there are no keys.
    fn generation(&self) -> u64 {
        self.held.load().as_ref().map_or(0, |held| held.generation)
    }
}

impl Keyring {
    /// Sees that keys are fetched, unless they were a moment ago, and waits for a fetch under way.
    /// Whether it is worth asking again.
    pub async fn refetch(&self) -> bool {
        let mut stage = self.inner.stage.subscribe();
        let at = *stage.borrow_and_update();
        match at {
            Stage::Resting => return false,
            Stage::Ready => self.inner.wanted.notify_one(),
            Stage::Fetching => {}
        }
        // It ends: a fetch has a time limit, and rests afterwards.
        stage
            .wait_for(|stage| *stage == Stage::Resting)
            .await
            .is_ok()
    }

    /// Where people log in, if the issuer's metadata said so when they were fetched last.
    #[must_use]
    pub fn provider(&self) -> Option<Arc<Provider>> {
        self.inner.provider.load_full()
    }

    /// How fetches ended.
    pub fn fetches(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = self.inner.fetches.iter().map(|count| count.load(Relaxed));
        FETCHES.into_iter().zip(counts)
    }
}

impl Verify for Keyring {
    fn generation(&self) -> u64 {
        self.inner.generation()
    }

    fn verify(
        &self,
        kid: Option<&str>,
        algorithm: Algorithm,
        message: &[u8],
        signature: &str,
    ) -> Checked {
        match &*self.inner.held.load() {
            Some(held) => held.set.verify(kid, algorithm, message, signature),
            None => Checked::NoKeys,
        }
    }
}
