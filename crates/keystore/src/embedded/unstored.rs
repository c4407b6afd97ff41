//! Revocations that the store which all regions share may not have yet: word of them has gone out,
//! and they are brought there again until it is known to have them.

use redb::{ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition};
use tidegate_identity::{KeyId, KeyItem};

use super::{Embedded, REVOKED, failed, json};
use crate::FetchError;

/// By the key's public part: the `Revoked` item as JSON.
pub(super) const UNSTORED: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("unstored");

impl Embedded {
    /// Keeps revocations, in one transaction; those that are new as not known to be in the shared
    /// store.
    ///
    /// # Errors
    /// If the file cannot be written; then none was kept.
    pub fn keep_unstored(&self, revocations: &[KeyItem]) -> Result<(), FetchError> {
        let write = self.db.begin_write().map_err(failed)?;
        {
            let mut revoked = write.open_table(REVOKED).map_err(failed)?;
            let mut unstored = write.open_table(UNSTORED).map_err(failed)?;
            for item in revocations {
                let kid = item.kid();
                let is_revocation = matches!(item, KeyItem::Revoked { .. });
                if is_revocation && revoked.get(kid.as_str()).map_err(failed)?.is_none() {
                    let json = json(item)?;
                    for table in [&mut revoked, &mut unstored] {
                        table
                            .insert(kid.as_str(), json.as_slice())
                            .map_err(failed)?;
                    }
                }
            }
        }
        write.commit().map_err(failed)
    }

    /// The shared store has the revocations of these keys.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn stored(&self, kids: &[KeyId]) -> Result<(), FetchError> {
        if self.unstored_len()? == 0 {
            return Ok(());
        }
        let write = self.db.begin_write().map_err(failed)?;
        {
            let mut unstored = write.open_table(UNSTORED).map_err(failed)?;
            for kid in kids {
                unstored.remove(kid.as_str()).map_err(failed)?;
            }
        }
        write.commit().map_err(failed)
    }

    /// Revocations that the shared store is not known to have.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn unstored(&self) -> Result<Vec<KeyItem>, FetchError> {
        let read = self.db.begin_read().map_err(failed)?;
        let table = read.open_table(UNSTORED).map_err(failed)?;
        let mut items = Vec::new();
        for entry in table.iter().map_err(failed)? {
            let (_, json) = entry.map_err(failed)?;
            items.extend(serde_json::from_slice::<KeyItem>(json.value()));
        }
        Ok(items)
    }

    /// How many there are.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn unstored_len(&self) -> Result<u64, FetchError> {
        let read = self.db.begin_read().map_err(failed)?;
        let table = read.open_table(UNSTORED).map_err(failed)?;
        table.len().map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revocation_is_unstored_until_the_shared_store_is_known_to_have_it() {
        let folder = tempfile::tempdir().unwrap();
        let store = Embedded::open(&folder.path().join("keys.redb")).unwrap();
        let revoked = |kid: &str| KeyItem::Revoked {
            kid: kid.parse().unwrap(),
            at_unix_secs: 5,
        };
        let (a, b, c) = (
            revoked("aaaaaaaaaa"),
            revoked("bbbbbbbbbb"),
            revoked("cccccccccc"),
        );
        store.keep(std::slice::from_ref(&c)).unwrap();
        store.keep_unstored(&[a.clone(), b.clone(), c]).unwrap();
        assert_eq!(store.unstored().unwrap(), [a.clone(), b.clone()]);
        assert!(store.is_revoked(a.kid()).unwrap());
        store.stored(&[a.kid()]).unwrap();
        assert_eq!(store.unstored().unwrap(), [b]);
        store.keep_unstored(std::slice::from_ref(&a)).unwrap();
        assert_eq!(store.unstored_len().unwrap(), 1, "it is known already");
        assert!(store.is_revoked(a.kid()).unwrap());
    }
}
