//! The store of keys that the configuration chose, behind one face.
//!
//! With DynamoDB the file of this node is the second line: it holds what was heard of revocations,
//! which nothing undoes, and copies of records that the table gave, so that a node that starts
//! while the table does not answer knows its callers.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tidegate_dynamo::{Table, Trouble};
use tidegate_identity::{KeyCache, KeyId, KeyItem};
use tidegate_keystore::{Copied, Embedded, FetchError, KeySource, Stored};
use tidegate_runtime::Clock;
use tidegate_telemetry::Metrics;
use tokio::sync::mpsc;

/// Writes to a table that are under way together, of one operator's import.
const PUTS_AT_A_TIME: usize = 16;
/// Copies that wait for the disk.
const COPIES_WAITING_MAX: usize = 4_096;
/// How often copies go to disk.
const COPIES_EVERY: Duration = Duration::from_millis(500);

/// The store of keys. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) enum KeyStore {
    /// A file of this node, replicated by the cluster.
    Embedded(Embedded),
    /// A DynamoDB table, and the file of this node behind it.
    Dynamo(Box<Remote>),
}

/// A table and what this node keeps of it.
#[derive(Clone, Debug)]
pub(crate) struct Remote {
    pub(crate) table: Table,
    file: Embedded,
    copies: mpsc::Sender<Copied>,
    metrics: Arc<Metrics>,
    clock: Clock,
}

fn failed(trouble: Trouble) -> FetchError {
    FetchError(trouble.to_string())
}

impl Remote {
    /// A table with `file` behind it, and the task that brings copies to disk.
    pub(crate) fn new(
        table: Table,
        file: Embedded,
        copies_max: usize,
        metrics: Arc<Metrics>,
        clock: Clock,
    ) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (sender, waiting) = mpsc::channel(COPIES_WAITING_MAX);
        let keep = keep_copies(
            file.clone(),
            waiting,
            copies_max as u64,
            Arc::clone(&metrics),
        );
        let remote = Self {
            table,
            file,
            copies: sender,
            metrics,
            clock,
        };
        (remote, keep)
    }

    async fn get(&self, kid: KeyId) -> Result<Option<Stored>, FetchError> {
        let Some(mut stored) = self.table.get(kid).await.map_err(failed)? else {
            return Ok(None);
        };
        // What was heard of a revocation counts before the table's own replica has it.
        stored.revoked = stored.revoked || self.file.is_revoked(kid)?;
        let copy = Copied {
            record: Arc::clone(&stored.record),
            at_unix_secs: self.clock.now().wall.unix_secs(),
        };
        if self.copies.try_send(copy).is_err() {
            self.metrics.keys.copies_dropped.add(1);
        }
        Ok(Some(stored))
    }
}

async fn keep_copies(
    file: Embedded,
    mut waiting: mpsc::Receiver<Copied>,
    copies_max: u64,
    metrics: Arc<Metrics>,
) {
    loop {
        let mut batch = Vec::new();
        if waiting.recv_many(&mut batch, COPIES_WAITING_MAX).await == 0 {
            // The store is gone, and the process ends.
            return std::future::pending().await;
        }
        let (file, many) = (file.clone(), batch.len() as u64);
        let kept = tokio::task::spawn_blocking(move || file.remember(&batch, copies_max)).await;
        match kept {
            Ok(Ok(left_out)) => metrics.keys.copies_dropped.add(left_out as u64),
            Ok(Err(error)) => {
                metrics.keys.copies_dropped.add(many);
                tracing::warn!(%error, "Copies of keys cannot be kept.");
            }
            Err(_) => metrics.keys.copies_dropped.add(many),
        }
        tokio::time::sleep(COPIES_EVERY).await;
    }
}

impl KeyStore {
    /// Whether all regions share it.
    pub(crate) const fn is_shared(&self) -> bool {
        matches!(self, Self::Dynamo(_))
    }

    /// The file of this node.
    fn file(&self) -> &Embedded {
        match self {
            Self::Embedded(file) => file,
            Self::Dynamo(remote) => &remote.file,
        }
    }

    /// Keeps a fact that was made here, where all regions will find it.
    pub(crate) async fn add(&self, fact: KeyItem) -> Result<(), FetchError> {
        let added = self.add_all(vec![fact]).await?;
        added
            .into_iter()
            .next()
            .map_or(Ok(()), |one| one.map(|_| ()))
    }

    /// Keeps facts that were made here. Says of each whether it was new.
    pub(crate) async fn add_all(
        &self,
        facts: Vec<KeyItem>,
    ) -> Result<Vec<Result<bool, FetchError>>, FetchError> {
        match self {
            Self::Embedded(file) => {
                let file = file.clone();
                let new = blocking(move || file.keep_each(&facts)).await?;
                Ok(new.into_iter().map(Ok).collect())
            }
            Self::Dynamo(remote) => {
                let mut added = Vec::with_capacity(facts.len());
                for some in facts.chunks(PUTS_AT_A_TIME) {
                    let puts: Vec<_> = some
                        .iter()
                        .map(|fact| {
                            let (table, fact) = (remote.table.clone(), fact.clone());
                            tokio::spawn(async move { table.add(&fact).await })
                        })
                        .collect();
                    for put in puts {
                        let put = put.await.map_err(|error| FetchError(error.to_string()))?;
                        added.push(put.map_err(failed));
                    }
                }
                Ok(added)
            }
        }
    }

    /// Keeps facts that other nodes told of. With a table those are revocations, which it may not
    /// have yet.
    pub(crate) async fn keep_told(&self, facts: Vec<KeyItem>) -> Result<(), FetchError> {
        let file = self.file().clone();
        match self {
            Self::Embedded(_) => blocking(move || file.keep(&facts)).await.map(|_| ()),
            Self::Dynamo(_) => blocking(move || file.keep_unstored(&facts)).await,
        }
    }

    /// Keeps revocations that the table holds.
    pub(crate) async fn keep_stored(&self, mut facts: Vec<KeyItem>) -> Result<(), FetchError> {
        facts.retain(|fact| matches!(fact, KeyItem::Revoked { .. }));
        if facts.is_empty() {
            return Ok(());
        }
        let file = self.file().clone();
        blocking(move || {
            file.keep(&facts)?;
            let kids: Vec<KeyId> = facts.iter().map(KeyItem::kid).collect();
            file.stored(&kids)
        })
        .await
    }

    /// Revocations that the table is not known to hold.
    pub(crate) async fn unstored(&self) -> Result<Vec<KeyItem>, FetchError> {
        let file = self.file().clone();
        blocking(move || file.unstored()).await
    }

    /// How many there are.
    pub(crate) fn unstored_len(&self) -> u64 {
        self.file().unstored_len().unwrap_or_default()
    }

    /// Whether all nodes shall keep this fact in their ledgers. With a table only revocations are:
    /// they may not wait for it.
    pub(crate) const fn is_told(&self, fact: &KeyItem) -> bool {
        matches!(
            (self, fact),
            (Self::Embedded(_), _) | (Self::Dynamo(_), KeyItem::Revoked { .. })
        )
    }

    pub(crate) async fn get(&self, kid: KeyId) -> Result<Option<Stored>, FetchError> {
        match self {
            Self::Embedded(file) => {
                let file = file.clone();
                blocking(move || file.get(kid)).await
            }
            Self::Dynamo(remote) => remote.get(kid).await,
        }
    }

    pub(crate) async fn list(&self) -> Result<Vec<Stored>, FetchError> {
        match self {
            Self::Embedded(file) => {
                let file = file.clone();
                blocking(move || file.list()).await
            }
            Self::Dynamo(remote) => remote.table.list().await.map_err(failed),
        }
    }

    /// What nodes shall tell each other of what this one knows.
    pub(crate) fn told(&self) -> Result<Vec<KeyItem>, FetchError> {
        let mut facts = self.file().items()?;
        facts.retain(|fact| self.is_told(fact));
        Ok(facts)
    }

    /// Fills the cache with what an earlier life of this node knew. Returns how many records.
    pub(crate) fn restore(
        &self,
        cache: &KeyCache,
        stale_ttl: Duration,
        clock: Clock,
    ) -> Result<usize, FetchError> {
        let Self::Dynamo(remote) = self else {
            return Ok(0);
        };
        let now = clock.now();
        for fact in remote.file.items()? {
            if let KeyItem::Revoked { kid, .. } = fact {
                cache.revoke(kid, now.mono);
            }
        }
        let now_secs = now.wall.unix_secs();
        let copies = remote
            .file
            .copies(now_secs.saturating_sub(stale_ttl.as_secs()))?;
        for copy in &copies {
            let age = Duration::from_secs(now_secs.saturating_sub(copy.at_unix_secs));
            cache.restore(Arc::clone(&copy.record), age, now.mono);
        }
        Ok(copies.len())
    }
}

impl KeySource for KeyStore {
    fn fetch(
        &self,
        kid: KeyId,
    ) -> Pin<Box<dyn Future<Output = Result<Option<Stored>, FetchError>> + Send + '_>> {
        match self {
            Self::Embedded(file) => file.fetch(kid),
            Self::Dynamo(remote) => Box::pin(remote.get(kid)),
        }
    }
}

/// Runs what waits for the disk where it makes nobody else wait.
async fn blocking<T: Send + 'static>(
    task: impl FnOnce() -> Result<T, FetchError> + Send + 'static,
) -> Result<T, FetchError> {
    let ended =
        tokio::time::timeout(Duration::from_secs(10), tokio::task::spawn_blocking(task)).await;
    match ended {
        Ok(Ok(result)) => result,
        Ok(Err(error)) => Err(FetchError(error.to_string())),
        Err(_) => Err(FetchError("the disk does not answer".to_owned())),
    }
}
