//! Making, listing and revoking keys: the store, the cache and the cluster's ledger, kept in step.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tidegate_cluster::{Entry, Event, Node};
use tidegate_identity::{KeyCache, KeyId, KeyItem, KeyRecord, KeyText, Minted, Pepper};
use tidegate_keystore::{FetchError, Stored};
use tidegate_model::{Secret, Wall};
use tidegate_runtime::{Clock, Handle};

use crate::key_store::KeyStore;

/// Names of consumers and plans in records.
const NAME_LEN_MAX: usize = 128;

/// What is asked for when a key is made.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewKey {
    pub(crate) consumer: String,
    #[serde(default)]
    pub(crate) plan: Option<String>,
    /// From now.
    #[serde(default)]
    pub(crate) expires_in_secs: Option<u64>,
}

/// A key as it is listed: nothing that opens anything.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct ListedKey {
    pub(crate) kid: KeyId,
    pub(crate) consumer: String,
    pub(crate) plan: Option<String>,
    pub(crate) state: KeyState,
    pub(crate) created_unix_secs: u64,
    pub(crate) expires_unix_secs: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum KeyState {
    Active,
    Revoked,
    Expired,
}

/// Why a key was not made or revoked.
#[derive(Debug)]
pub(crate) enum KeyError {
    /// The wish is wrong, in a sentence.
    Wrong(String),
    /// There is no such key.
    Unknown,
    /// The store failed.
    Store(FetchError),
}

/// A new record and the key that opens it.
pub(crate) fn mint(
    new: NewKey,
    env: &str,
    pepper: &Pepper,
    now: Wall,
) -> Result<(KeyRecord, Secret), KeyError> {
    let named = |name: &str| {
        !name.is_empty() && name.len() <= NAME_LEN_MAX && !name.contains(char::is_control)
    };
    if !named(&new.consumer) || !new.plan.as_deref().is_none_or(named) {
        return Err(KeyError::Wrong(format!(
            "a consumer and a plan have 1 to {NAME_LEN_MAX} plain characters"
        )));
    }
    let Minted { kid, text } = Minted::new(env, &mut tidegate_runtime::fill);
    let key = KeyText::parse(text.reveal()).expect("a key that was just made");
    let record = KeyRecord {
        kid,
        digest: pepper.digest(&key),
        consumer: new.consumer,
        plan: new.plan,
        created_unix_secs: now.unix_secs(),
        expires_unix_secs: new
            .expires_in_secs
            .map(|secs| now.unix_secs().saturating_add(secs)),
    };
    Ok((record, text))
}

/// How a key is listed.
pub(crate) fn listed(stored: &Stored, now: Wall) -> ListedKey {
    let KeyRecord {
        kid,
        consumer,
        plan,
        created_unix_secs,
        expires_unix_secs,
        ..
    } = &*stored.record;
    ListedKey {
        kid: *kid,
        consumer: consumer.clone(),
        plan: plan.clone(),
        state: match (stored.revoked, stored.record.expired(now)) {
            (true, _) => KeyState::Revoked,
            (false, true) => KeyState::Expired,
            (false, false) => KeyState::Active,
        },
        created_unix_secs: *created_unix_secs,
        expires_unix_secs: *expires_unix_secs,
    }
}

/// The keys of a running node.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    store: KeyStore,
    cache: Arc<KeyCache>,
    pepper: Pepper,
    cluster: Handle<Node>,
    clock: Clock,
}

impl Keys {
    pub(crate) fn new(
        store: KeyStore,
        cache: Arc<KeyCache>,
        pepper: Pepper,
        cluster: Handle<Node>,
        clock: Clock,
    ) -> Self {
        Self {
            store,
            cache,
            pepper,
            cluster,
            clock,
        }
    }

    /// Makes a key, keeps it, and tells all nodes.
    pub(crate) async fn create(
        &self,
        new: NewKey,
        env: &str,
    ) -> Result<(KeyRecord, Secret), KeyError> {
        let (record, text) = mint(new, env, &self.pepper, self.clock.now().wall)?;
        self.record(vec![KeyItem::Created(record.clone())]).await?;
        Ok((record, text))
    }

    /// Revokes a key here at once, and everywhere as fast as news travels.
    pub(crate) async fn revoke(&self, kid: KeyId) -> Result<(), KeyError> {
        if self
            .store
            .get(kid)
            .await
            .map_err(KeyError::Store)?
            .is_none()
        {
            return Err(KeyError::Unknown);
        }
        self.cache.revoke(kid, self.clock.mono());
        let at_unix_secs = self.clock.now().wall.unix_secs();
        self.record(vec![KeyItem::Revoked { kid, at_unix_secs }])
            .await
    }

    pub(crate) async fn list(&self) -> Result<Vec<ListedKey>, KeyError> {
        let now = self.clock.now().wall;
        let keys = self.store.list().await.map_err(KeyError::Store)?;
        Ok(keys.iter().map(|stored| listed(stored, now)).collect())
    }

    /// Keeps facts that were made here, and tells all nodes.
    async fn record(&self, items: Vec<KeyItem>) -> Result<(), KeyError> {
        self.revoke_cached(&items);
        // Word of a revocation goes out even if the store cannot be written to.
        let entries = self.told(&items);
        self.cluster.send(Event::Record(entries)).await;
        let result = self.store.add(items.clone()).await;
        if result.is_ok() {
            self.cache_created(&items);
        }
        result.map_err(KeyError::Store)
    }

    /// Facts that the table told of, for this node and its mates. What was known already is not
    /// told again: the ledger sees to that.
    pub(crate) async fn heard(&self, items: Vec<KeyItem>) {
        self.revoke_cached(&items);
        self.cache_created(&items);
        let entries = self.told(&items);
        self.cluster.send(Event::Record(entries)).await;
        self.keep(items).await;
    }

    fn told(&self, items: &[KeyItem]) -> Vec<Entry> {
        let told = items.iter().filter(|item| self.store.is_told(item));
        told.filter_map(entry).collect()
    }

    async fn keep(&self, items: Vec<KeyItem>) {
        if let Err(error) = self.store.keep(items).await {
            tracing::error!(%error, "Keys that others told of cannot be kept; they count until this node stops.");
        }
    }

    fn cache_created(&self, items: &[KeyItem]) {
        for item in items {
            if let KeyItem::Created(record) = item {
                self.cache.created(record, self.clock.mono());
            }
        }
    }

    /// Refuses revoked keys from now on. That does not wait for the disk.
    fn revoke_cached(&self, items: &[KeyItem]) {
        for item in items {
            if let KeyItem::Revoked { kid, .. } = item {
                self.cache.revoke(*kid, self.clock.mono());
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
        self.cache_created(&items);
        self.keep(items).await;
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

fn entry(item: &KeyItem) -> Option<Entry> {
    Entry::new(serde_json::to_vec(item).ok()?).ok()
}
