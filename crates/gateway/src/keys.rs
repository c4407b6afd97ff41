//! Making, listing and revoking keys: the store, the cache and the cluster's ledger, kept in step.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tidegate_cluster::{Entry, Event, NEWS_BYTES_MAX, Node};
use tidegate_identity::{KeyCache, KeyId, KeyItem, KeyRecord, Lookup, Pepper};
use tidegate_keystore::{FetchError, Stored};
use tidegate_model::{Secret, Wall};
use tidegate_runtime::{Clock, Handle};
use tidegate_telemetry::Metrics;

use crate::key_record::{ListedKey, NewKey, listed, mint, rotated};
use crate::key_store::KeyStore;

/// Why a key was not made or revoked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyError {
    /// The wish is wrong, in a sentence.
    #[error("{0}")]
    Wrong(String),
    /// There is no such key.
    #[error("there is no such key")]
    Unknown,
    /// The store failed.
    #[error("{0}")]
    Store(FetchError),
}

/// The keys of a running node.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    store: KeyStore,
    cache: Arc<KeyCache>,
    pepper: Pepper,
    cluster: Handle<Node>,
    clock: Clock,
    metrics: Arc<Metrics>,
    started: Wall,
    /// Keys that were revoked here and that the shared store does not have yet.
    own: Arc<Mutex<BTreeSet<KeyId>>>,
}

/// How far a revocation has come.
#[derive(Debug)]
pub(crate) enum Revoked {
    /// All nodes are told, and the store has it.
    Stored,
    /// All nodes are told, and keep it; the store does not have it yet, and why.
    Told(String),
}

impl Keys {
    pub(crate) fn new(
        store: KeyStore,
        cache: Arc<KeyCache>,
        pepper: Pepper,
        cluster: Handle<Node>,
        clock: Clock,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            store,
            cache,
            pepper,
            cluster,
            clock,
            metrics,
            started: clock.now().wall,
            own: Arc::default(),
        }
    }

    /// Makes a key, keeps it, and tells all nodes.
    pub(crate) async fn create(
        &self,
        new: NewKey,
        env: &str,
    ) -> Result<(KeyRecord, Secret), KeyError> {
        let (record, text) = mint(new, env, &self.pepper, self.clock.now().wall)?;
        self.add(KeyItem::Created(record.clone())).await?;
        Ok((record, text))
    }

    /// Gives a key a further secret. The one before it goes on for `overlap_secs`.
    pub(crate) async fn rotate(
        &self,
        kid: KeyId,
        overlap_secs: u64,
        env: &str,
    ) -> Result<Secret, KeyError> {
        let stored = self.store.get(kid).await.map_err(KeyError::Store)?;
        let stored = stored.ok_or(KeyError::Unknown)?;
        let now = self.clock.now().wall;
        let (secret, text) = rotated(&stored, overlap_secs, env, &self.pepper, now)?;
        self.add(KeyItem::Secret(secret)).await?;
        Ok(text)
    }

    /// A key as it is listed.
    pub(crate) async fn show(&self, kid: KeyId) -> Result<ListedKey, KeyError> {
        let stored = self.store.get(kid).await.map_err(KeyError::Store)?;
        let stored = stored.ok_or(KeyError::Unknown)?;
        Ok(listed(&stored, self.clock.now().wall))
    }

    /// Revokes a key here at once, and everywhere as fast as news travels. Neither waits for the
    /// store: it may be down.
    pub(crate) async fn revoke(&self, kid: KeyId) -> Result<Revoked, KeyError> {
        if !self.may_exist(kid).await? {
            return Err(KeyError::Unknown);
        }
        let at_unix_secs = self.clock.now().wall.unix_secs();
        let item = KeyItem::Revoked { kid, at_unix_secs };
        let items = vec![item.clone()];
        self.revoke_cached(&items);
        self.tell(&items).await;
        // First the file: should this process end now, the revocation is found there.
        let kept = self.store.keep_told(items).await;
        match kept.and(self.store.add(item.clone()).await) {
            Ok(()) => {
                self.keep_stored(vec![item]).await;
                Ok(Revoked::Stored)
            }
            Err(error) => {
                tracing::warn!(%kid, %error, "A revocation is told to all nodes, but not stored yet.");
                self.own
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .insert(kid);
                Ok(Revoked::Told(error.to_string()))
            }
        }
    }

    /// Whether there may be such a key. A store that does not answer does not say that there is
    /// none.
    async fn may_exist(&self, kid: KeyId) -> Result<bool, KeyError> {
        let known = match self.cache.lookup(&kid, self.clock.mono()) {
            Lookup::Known(_) | Lookup::Refresh(_) | Lookup::Revoked => true,
            Lookup::Ask { stale } => stale.is_some(),
            // It may have been made since.
            Lookup::Unknown => false,
        };
        if known {
            return Ok(true);
        }
        match self.store.get(kid).await {
            Ok(found) => Ok(found.is_some()),
            Err(error) if self.store.is_shared() => {
                tracing::warn!(%kid, %error, "A key is revoked without knowing whether it exists.");
                Ok(true)
            }
            Err(error) => Err(KeyError::Store(error)),
        }
    }

    /// Brings revocations into the shared store that it may not have: those that were made here, or
    /// all of which this node knows.
    pub(crate) async fn store_told(&self, all: bool) -> Result<(), FetchError> {
        let own = self
            .own
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if own.is_empty() && !all {
            return Ok(());
        }
        for item in self.store.unstored().await? {
            if all || own.contains(&item.kid()) {
                self.store.add(item.clone()).await?;
                tracing::info!(kid = %item.kid(), "A revocation that was told is now stored as well.");
                self.keep_stored(vec![item]).await;
            }
        }
        let mut waiting = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|kid| !own.contains(kid));
        Ok(())
    }

    /// How many revocations the shared store is not known to have.
    pub(crate) fn unstored(&self) -> u64 {
        self.store.unstored_len()
    }

    pub(crate) async fn list(&self) -> Result<Vec<ListedKey>, KeyError> {
        let now = self.clock.now().wall;
        let keys = self.store.list().await.map_err(KeyError::Store)?;
        Ok(keys.iter().map(|stored| listed(stored, now)).collect())
    }

    /// Keeps a fact that was made here. Only what the store has is told.
    async fn add(&self, item: KeyItem) -> Result<(), KeyError> {
        self.store
            .add(item.clone())
            .await
            .map_err(KeyError::Store)?;
        let items = vec![item];
        self.apply(&items);
        self.tell(&items).await;
        Ok(())
    }

    /// Keeps facts that an import brought. Returns which keys were refused, and why.
    pub(crate) async fn add_all(
        &self,
        items: Vec<KeyItem>,
    ) -> Result<BTreeMap<KeyId, String>, KeyError> {
        let added = self.store.add_all(items.clone()).await;
        let added = added.map_err(KeyError::Store)?;
        let (mut refused, mut kept) = (BTreeMap::new(), Vec::new());
        for (item, added) in items.into_iter().zip(added) {
            match (added, &item) {
                (Err(error), _) => {
                    refused.insert(item.kid(), error.to_string());
                }
                // A revocation that was there already is as good as a new one.
                (Ok(false), KeyItem::Created(_)) => {
                    let why = "there is a key of this identifier already";
                    refused.insert(item.kid(), why.to_owned());
                }
                (Ok(_), _) => kept.push(item),
            }
        }
        self.apply(&kept);
        self.tell(&kept).await;
        if self.store.is_shared() {
            self.keep_stored(kept).await;
        }
        Ok(refused)
    }

    /// All keys as they are stored.
    pub(crate) async fn all(&self) -> Result<Vec<Stored>, KeyError> {
        self.store.list().await.map_err(KeyError::Store)
    }

    /// What digests depend on.
    pub(crate) const fn pepper(&self) -> &Pepper {
        &self.pepper
    }

    /// Facts that the shared store told of, for this node and its mates. What was known already is
    /// not told again: the ledger sees to that.
    pub(crate) async fn heard(&self, items: Vec<KeyItem>) {
        let now = self.clock.mono();
        self.revoke_cached(&items);
        self.count_way(&items);
        for item in items.iter().filter(|item| !is_revocation(item)) {
            self.cache.changed(&item.kid(), now);
        }
        self.tell(&items).await;
        self.keep_stored(items).await;
    }

    /// Tells other nodes: what ledgers keep goes to all, and of the rest the nodes of this region
    /// are told that something about these keys has changed.
    async fn tell(&self, items: &[KeyItem]) {
        let (told, rest): (Vec<&KeyItem>, _) =
            items.iter().partition(|item| self.store.is_told(item));
        let entries: Vec<Entry> = told.into_iter().filter_map(entry).collect();
        if !entries.is_empty() {
            self.cluster.send(Event::Record(entries)).await;
        }
        let kids: Vec<KeyId> = rest.into_iter().map(KeyItem::kid).collect();
        for news in news(&kids) {
            self.cluster.send(Event::News(news)).await;
        }
    }

    /// Keys that have changed, as a mate says.
    pub(crate) fn hear_news(&self, news: &[u8]) {
        let now = self.clock.mono();
        for kid in kids_of(news) {
            self.cache.changed(&kid, now);
        }
    }

    async fn keep_stored(&self, items: Vec<KeyItem>) {
        if let Err(error) = self.store.keep_stored(items).await {
            tracing::error!(%error, "Revocations cannot be kept in this node's file.");
        }
    }

    /// Lets the cache know of what was made here.
    fn apply(&self, items: &[KeyItem]) {
        let now = self.clock.mono();
        self.revoke_cached(items);
        for item in items {
            match item {
                KeyItem::Created(record) => self.cache.created(record, now),
                KeyItem::Secret(secret) => self.cache.changed(&secret.kid, now),
                KeyItem::Revoked { .. } => {}
            }
        }
    }

    /// Refuses revoked keys from now on.
    fn revoke_cached(&self, items: &[KeyItem]) {
        for item in items {
            if let KeyItem::Revoked { kid, .. } = item {
                self.cache.revoke(*kid, self.clock.mono());
            }
        }
    }

    /// Counts how long revocations were under way. The time of one is in whole seconds, of the
    /// clock of whom it was told; what is older than this life is no news but history.
    fn count_way(&self, items: &[KeyItem]) {
        let now = self.clock.now().wall;
        for item in items {
            if let KeyItem::Revoked { at_unix_secs, .. } = item
                && *at_unix_secs >= self.started.unix_secs()
            {
                let at = at_unix_secs.saturating_mul(1_000_000);
                let way = Duration::from_micros(now.unix_micros().saturating_sub(at));
                self.metrics.keys.revocations.record(way);
            }
        }
    }

    /// Keeps facts that other nodes told of. What is no fact about a key is dropped.
    pub(crate) async fn learn(&self, entries: Vec<Entry>) {
        let items: Vec<KeyItem> = entries
            .iter()
            .filter_map(|entry| serde_json::from_slice(entry.bytes()).ok())
            .collect();
        self.revoke_cached(&items);
        self.count_way(&items);
        if let Err(error) = self.store.keep_told(items.clone()).await {
            tracing::error!(%error, "Keys that others told of cannot be kept; they count until this node stops.");
        }
        let now = self.clock.mono();
        for item in items.iter().filter(|item| !is_revocation(item)) {
            // As it is in the file, with secrets that may have come before the record. It is known
            // from now on, whatever look-ups that are under way will say.
            let found = match self.store.is_shared() {
                true => None,
                false => self.store.get(item.kid()).await.ok().flatten(),
            };
            match found {
                Some(Stored { record, revoked }) => {
                    self.cache.fill(item.kid(), Some((record, revoked)), now);
                }
                None => self.cache.changed(&item.kid(), now),
            }
        }
    }

    /// All facts of the store, as entries of the ledger.
    pub(crate) fn entries(&self) -> Result<Vec<Entry>, FetchError> {
        Ok(self.store.told()?.iter().filter_map(entry).collect())
    }

    /// How many known and unknown keys the cache holds.
    pub(crate) fn cached(&self) -> (usize, usize) {
        self.cache.len()
    }
}

const fn is_revocation(item: &KeyItem) -> bool {
    matches!(item, KeyItem::Revoked { .. })
}

fn entry(item: &KeyItem) -> Option<Entry> {
    Entry::new(serde_json::to_vec(item).ok()?).ok()
}

/// Identifiers of keys side by side, in parts of a bounded size.
fn news(kids: &[KeyId]) -> impl Iterator<Item = Vec<u8>> {
    let part = NEWS_BYTES_MAX / size_of::<KeyId>();
    kids.chunks(part)
        .map(|kids| kids.iter().flat_map(KeyId::as_bytes).copied().collect())
}

/// What is no identifier is dropped.
fn kids_of(news: &[u8]) -> impl Iterator<Item = KeyId> {
    let texts = news.chunks_exact(size_of::<KeyId>());
    texts.filter_map(|text| std::str::from_utf8(text).ok()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_names_keys_in_parts_and_rubbish_is_dropped() {
        let kids: Vec<KeyId> = (0..1_000)
            .map(|n| format!("{n:010}").parse().unwrap())
            .collect();
        let parts: Vec<Vec<u8>> = news(&kids).collect();
        assert!(parts.len() > 1 && parts.iter().all(|part| part.len() <= NEWS_BYTES_MAX));
        let read: Vec<KeyId> = parts.iter().flat_map(|part| kids_of(part)).collect();
        assert_eq!(read, kids);
        assert_eq!(
            kids_of(b"_________/0000000001abc").collect::<Vec<_>>(),
            [kids[1]]
        );
    }
}
