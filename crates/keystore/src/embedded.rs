//! The key store in a file of this node (redb).
//!
//! Two kinds of facts, both only ever added: a key was created, a key was revoked. They stand
//! apart, so that neither can overwrite the other, whichever comes first.

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use redb::{
    Database, DatabaseError, ReadableDatabase, ReadableTable, ReadableTableMetadata,
    TableDefinition,
};
use serde::{Deserialize, Serialize};
use tidegate_identity::{KeyId, KeyItem, KeyRecord};

use crate::{FetchError, KeySource, Stored};

/// By the key's public part: the `Created` item as JSON.
const CREATED: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("created");
/// By the key's public part: the `Revoked` item as JSON.
const REVOKED: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("revoked");

/// Records that another store gave, by the key's public part: a [`Copied`] as JSON.
const COPIES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("copies");

/// What another store said of a key, kept for the time when it does not answer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Copied {
    /// The record.
    pub record: Arc<KeyRecord>,
    /// When the store said so, in seconds since the Unix epoch.
    pub at_unix_secs: u64,
}

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error("{} is in use by another process: ask that node instead (--admin), or stop it", .0.display())]
    InUse(PathBuf),
    /// It cannot be read or made, or is no key store.
    #[error("{} cannot be opened as a key store: {why}", .path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// Why not.
        why: String,
    },
}

/// A store in a file. Cheap to clone; all clones share the file.
#[derive(Clone)]
pub struct Embedded {
    db: Arc<Database>,
}

impl std::fmt::Debug for Embedded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Embedded").finish_non_exhaustive()
    }
}

fn failed(error: impl Into<redb::Error>) -> FetchError {
    FetchError(error.into().to_string())
}

impl Embedded {
    /// Opens the file, or makes it.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let unusable = |error: redb::Error| OpenError::Unusable {
            path: path.to_owned(),
            why: error.to_string(),
        };
        let db = Database::create(path).map_err(|error| match error {
            DatabaseError::DatabaseAlreadyOpen => OpenError::InUse(path.to_owned()),
            other => unusable(other.into()),
        })?;
        let make_tables = || -> Result<(), redb::Error> {
            let write = db.begin_write()?;
            write.open_table(CREATED)?;
            write.open_table(REVOKED)?;
            write.open_table(COPIES)?;
            write.commit()?;
            Ok(())
        };
        make_tables().map_err(unusable)?;
        Ok(Self { db: Arc::new(db) })
    }

    /// Keeps facts, in one transaction. Returns how many were new. A second record for the same key
    /// is ignored: the first one stands.
    ///
    /// # Errors
    /// If the file cannot be written; then none was kept.
    pub fn keep(&self, items: &[KeyItem]) -> Result<usize, FetchError> {
        let write = self.db.begin_write().map_err(failed)?;
        let mut new = 0;
        {
            let mut created = write.open_table(CREATED).map_err(failed)?;
            let mut revoked = write.open_table(REVOKED).map_err(failed)?;
            for item in items {
                let table = match item {
                    KeyItem::Created(_) => &mut created,
                    KeyItem::Revoked { .. } => &mut revoked,
                };
                let kid = item.kid();
                if table.get(kid.as_str()).map_err(failed)?.is_none() {
                    let json =
                        serde_json::to_vec(item).map_err(|error| FetchError(error.to_string()))?;
                    table
                        .insert(kid.as_str(), json.as_slice())
                        .map_err(failed)?;
                    new += 1;
                }
            }
        }
        write.commit().map_err(failed)?;
        Ok(new)
    }

    /// What is known of a key.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn get(&self, kid: KeyId) -> Result<Option<Stored>, FetchError> {
        let read = self.db.begin_read().map_err(failed)?;
        let created = read.open_table(CREATED).map_err(failed)?;
        let Some(record) = created
            .get(kid.as_str())
            .map_err(failed)?
            .and_then(|json| record(json.value()))
        else {
            return Ok(None);
        };
        let revoked = read.open_table(REVOKED).map_err(failed)?;
        let revoked = revoked.get(kid.as_str()).map_err(failed)?.is_some();
        Ok(Some(Stored {
            record: Arc::new(record),
            revoked,
        }))
    }

    /// All keys, oldest first.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn list(&self) -> Result<Vec<Stored>, FetchError> {
        let read = self.db.begin_read().map_err(failed)?;
        let revoked = read.open_table(REVOKED).map_err(failed)?;
        let mut keys = Vec::new();
        for entry in read
            .open_table(CREATED)
            .map_err(failed)?
            .iter()
            .map_err(failed)?
        {
            let (kid, json) = entry.map_err(failed)?;
            if let Some(record) = record(json.value()) {
                let revoked = revoked.get(kid.value()).map_err(failed)?.is_some();
                keys.push(Stored {
                    record: Arc::new(record),
                    revoked,
                });
            }
        }
        keys.sort_by(|a, b| {
            let age = |key: &Stored| (key.record.created_unix_secs, key.record.kid);
            age(a).cmp(&age(b))
        });
        Ok(keys)
    }

    /// Whether a revocation is known.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn is_revoked(&self, kid: KeyId) -> Result<bool, FetchError> {
        let read = self.db.begin_read().map_err(failed)?;
        let revoked = read.open_table(REVOKED).map_err(failed)?;
        Ok(revoked.get(kid.as_str()).map_err(failed)?.is_some())
    }

    /// Keeps copies, in one transaction. When there are `copies_max`, only those that are there
    /// already are renewed. Returns how many found no room.
    ///
    /// # Errors
    /// If the file cannot be written; then none was kept.
    pub fn remember(&self, copies: &[Copied], copies_max: u64) -> Result<usize, FetchError> {
        let write = self.db.begin_write().map_err(failed)?;
        let mut left_out = 0;
        {
            let mut table = write.open_table(COPIES).map_err(failed)?;
            let mut held = table.len().map_err(failed)?;
            for copy in copies {
                let kid = copy.record.kid;
                let is_new = table.get(kid.as_str()).map_err(failed)?.is_none();
                if is_new && held >= copies_max {
                    left_out += 1;
                    continue;
                }
                held += u64::from(is_new);
                let json =
                    serde_json::to_vec(copy).map_err(|error| FetchError(error.to_string()))?;
                table
                    .insert(kid.as_str(), json.as_slice())
                    .map_err(failed)?;
            }
        }
        write.commit().map_err(failed)?;
        Ok(left_out)
    }

    /// All copies made since `since_unix_secs`; older ones are deleted on the way.
    ///
    /// # Errors
    /// If the file cannot be used.
    pub fn copies(&self, since_unix_secs: u64) -> Result<Vec<Copied>, FetchError> {
        let write = self.db.begin_write().map_err(failed)?;
        let mut copies = Vec::new();
        {
            let mut table = write.open_table(COPIES).map_err(failed)?;
            table
                .retain(|_, json| match serde_json::from_slice::<Copied>(json) {
                    Ok(copy) if copy.at_unix_secs >= since_unix_secs => {
                        copies.push(copy);
                        true
                    }
                    Ok(_) | Err(_) => false,
                })
                .map_err(failed)?;
        }
        write.commit().map_err(failed)?;
        Ok(copies)
    }

    /// All facts, for the ledger.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn items(&self) -> Result<Vec<KeyItem>, FetchError> {
        let read = self.db.begin_read().map_err(failed)?;
        let mut items = Vec::new();
        for table in [CREATED, REVOKED] {
            for entry in read
                .open_table(table)
                .map_err(failed)?
                .iter()
                .map_err(failed)?
            {
                let (_, json) = entry.map_err(failed)?;
                items.extend(serde_json::from_slice::<KeyItem>(json.value()));
            }
        }
        Ok(items)
    }
}

/// A stored record; `None` if it was written by something else.
fn record(json: &[u8]) -> Option<KeyRecord> {
    match serde_json::from_slice(json) {
        Ok(KeyItem::Created(record)) => Some(record),
        Ok(KeyItem::Revoked { .. }) | Err(_) => None,
    }
}

impl KeySource for Embedded {
    fn fetch(
        &self,
        kid: KeyId,
    ) -> Pin<Box<dyn Future<Output = Result<Option<Stored>, FetchError>> + Send + '_>> {
        // A look-up in a file of this machine, mostly in memory: a few microseconds.
        Box::pin(async move { self.get(kid) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kid: &str, created: u64) -> KeyRecord {
        KeyRecord {
            kid: kid.parse().unwrap(),
            digest: [7; 32],
            consumer: "acme".to_owned(),
            plan: None,
            created_unix_secs: created,
            expires_unix_secs: None,
        }
    }

    #[test]
    fn facts_are_kept_once_and_survive() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.redb");
        let (a, b) = (record("aaaaaaaaaa", 2), record("bbbbbbbbbb", 1));
        let revoked = KeyItem::Revoked {
            kid: a.kid,
            at_unix_secs: 3,
        };
        {
            let store = Embedded::open(&path).unwrap();
            assert!(
                matches!(Embedded::open(&path), Err(OpenError::InUse(_))),
                "one process at a time"
            );
            // The revocation comes first: order does not matter.
            assert_eq!(store.keep(std::slice::from_ref(&revoked)).unwrap(), 1);
            assert_eq!(store.get(a.kid).unwrap(), None);
            let items = [
                KeyItem::Created(a.clone()),
                KeyItem::Created(b.clone()),
                revoked.clone(),
            ];
            assert_eq!(store.keep(&items).unwrap(), 2);
            let other = KeyItem::Created(KeyRecord {
                consumer: "evil".to_owned(),
                ..a.clone()
            });
            assert_eq!(store.keep(&[other]).unwrap(), 0, "the first record stands");
        }
        let store = Embedded::open(&path).unwrap();
        let stored = store.get(a.kid).unwrap().unwrap();
        assert_eq!(
            (stored.record.consumer.as_str(), stored.revoked),
            ("acme", true)
        );
        let kids: Vec<_> = store
            .list()
            .unwrap()
            .iter()
            .map(|key| key.record.kid)
            .collect();
        assert_eq!(kids, [b.kid, a.kid]);
        assert_eq!(store.items().unwrap().len(), 3);
    }

    #[test]
    fn copies_are_bounded_renewed_and_dropped_when_they_are_old() {
        let folder = tempfile::tempdir().unwrap();
        let store = Embedded::open(&folder.path().join("keys.redb")).unwrap();
        let copy = |kid: &str, at_unix_secs| Copied {
            record: record(kid, 1).into(),
            at_unix_secs,
        };
        let (a, b, c) = (
            copy("aaaaaaaaaa", 1),
            copy("bbbbbbbbbb", 5),
            copy("cccccccccc", 5),
        );
        assert_eq!(store.remember(&[a, b.clone(), c], 2).unwrap(), 1);
        let renewed = copy("aaaaaaaaaa", 4);
        assert_eq!(
            store.remember(std::slice::from_ref(&renewed), 2).unwrap(),
            0
        );
        assert_eq!(store.copies(4).unwrap(), [renewed, b.clone()]);
        assert_eq!(store.copies(5).unwrap(), [b.clone()]);
        assert_eq!(store.copies(0).unwrap(), [b], "the old one is gone");
        assert_eq!(store.list().unwrap(), [], "a copy is no key of this store");
    }

    #[test]
    fn a_file_that_is_no_store_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.redb");
        std::fs::write(&path, "hello").unwrap();
        assert!(matches!(
            Embedded::open(&path),
            Err(OpenError::Unusable { .. })
        ));
    }
}
