//! The key store in a file of this node (redb).
//!
//! Three kinds of facts, which are only ever added: a key was created, it got a further secret, it
//! was revoked. They stand apart, so that none can overwrite another, whichever comes first.
//!
//! For a store elsewhere the file also keeps `copies` of records, and revocations that are
//! `unstored` there.

mod copies;
mod unstored;

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use redb::{
    Database, DatabaseError, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition,
};
use tidegate_identity::{KeyId, KeyItem, KeyRecord, KeySecret};

use self::copies::COPIES;
pub use self::copies::Copied;
use self::unstored::UNSTORED;
use crate::{FetchError, KeySource, Stored};

/// By the key's public part: the `Created` item as JSON.
const CREATED: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("created");
/// By the key's public part: the `Revoked` item as JSON.
const REVOKED: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("revoked");

/// By the key's public part, `/`, and what makes a secret of it unique: the `Secret` item as JSON.
const SECRETS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("secrets");

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
            write.open_table(SECRETS)?;
            write.open_table(COPIES)?;
            write.open_table(UNSTORED)?;
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
        let new = self.keep_each(items)?;
        Ok(new.into_iter().filter(|new| *new).count())
    }

    /// As [`Embedded::keep`]; says of each fact whether it was new.
    ///
    /// # Errors
    /// If the file cannot be written; then none was kept.
    pub fn keep_each(&self, items: &[KeyItem]) -> Result<Vec<bool>, FetchError> {
        let write = self.db.begin_write().map_err(failed)?;
        let mut new = Vec::with_capacity(items.len());
        {
            let mut created = write.open_table(CREATED).map_err(failed)?;
            let mut revoked = write.open_table(REVOKED).map_err(failed)?;
            let mut secrets = write.open_table(SECRETS).map_err(failed)?;
            for item in items {
                let kid = item.kid().to_string();
                let (table, name) = match item {
                    KeyItem::Created(_) => (&mut created, kid),
                    KeyItem::Revoked { .. } => (&mut revoked, kid),
                    KeyItem::Secret(secret) => (&mut secrets, name_of(secret)),
                };
                let is_new = table.get(name.as_str()).map_err(failed)?.is_none();
                if is_new {
                    let json = json(item)?;
                    table
                        .insert(name.as_str(), json.as_slice())
                        .map_err(failed)?;
                }
                new.push(is_new);
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
        let record = record.with_secrets(secrets(&read, kid.as_str())?);
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
                let record = record.with_secrets(secrets(&read, kid.value())?);
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

    /// All facts, for the ledger.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn items(&self) -> Result<Vec<KeyItem>, FetchError> {
        let read = self.db.begin_read().map_err(failed)?;
        let mut items = Vec::new();
        for table in [CREATED, SECRETS, REVOKED] {
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
        Ok(_) | Err(_) => None,
    }
}

fn json(value: &impl serde::Serialize) -> Result<Vec<u8>, FetchError> {
    serde_json::to_vec(value).map_err(|error| FetchError(error.to_string()))
}

/// What a secret is kept under. Two that were made in the same second differ in their digests.
fn name_of(secret: &KeySecret) -> String {
    let KeySecret {
        made_unix_secs,
        digest,
        kid,
        ..
    } = secret;
    let digest: String = digest[..8].iter().map(|b| format!("{b:02x}")).collect();
    format!("{kid}/{made_unix_secs:020}/{digest}")
}

/// The secrets that a key got since it was made.
fn secrets(read: &ReadTransaction, kid: &str) -> Result<Vec<KeySecret>, FetchError> {
    // `0` follows `/`.
    let (from, to) = (format!("{kid}/"), format!("{kid}0"));
    let table = read.open_table(SECRETS).map_err(failed)?;
    let mut secrets = Vec::new();
    for entry in table.range(from.as_str()..to.as_str()).map_err(failed)? {
        let (_, json) = entry.map_err(failed)?;
        if let Ok(KeyItem::Secret(secret)) = serde_json::from_slice(json.value()) {
            secrets.push(secret);
        }
    }
    Ok(secrets)
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
        KeyRecord::new(kid.parse().unwrap(), [7; 32], "acme", created)
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
    fn secrets_belong_to_their_key_and_are_kept_once() {
        let folder = tempfile::tempdir().unwrap();
        let store = Embedded::open(&folder.path().join("keys.redb")).unwrap();
        let (a, b) = (record("aaaaaaaaaa", 1), record("aaaaaaaaab", 1));
        let secret = KeyItem::Secret(KeySecret {
            made_unix_secs: 2,
            digest: [8; 32],
            kid: a.kid,
            previous_until_unix_secs: 3,
        });
        let items = [secret.clone(), KeyItem::Created(a), KeyItem::Created(b)];
        assert_eq!(store.keep(&items).unwrap(), 3);
        assert_eq!(store.keep(&[secret]).unwrap(), 0);
        let digest = |kid: &str| {
            let stored = store.get(kid.parse().unwrap()).unwrap().unwrap();
            (stored.record.digest[0], stored.record.retiring)
        };
        let (newest, before) = digest("aaaaaaaaaa");
        assert_eq!((newest, before.unwrap().digest), (8, [7; 32]));
        assert_eq!(digest("aaaaaaaaab"), (7, None));
        assert_eq!(store.items().unwrap().len(), 3);
        assert_eq!(store.list().unwrap()[0].record.digest, [8; 32]);
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
