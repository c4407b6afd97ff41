//! Copies of records that another store gave, for the time when it does not answer.

use std::sync::Arc;

use redb::{ReadableTable, ReadableTableMetadata, TableDefinition};
use serde::{Deserialize, Serialize};
use tidegate_identity::KeyRecord;

use super::{Embedded, failed, json};
use crate::FetchError;

/// By the key's public part: a [`Copied`] as JSON.
pub(super) const COPIES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("copies");

/// What another store said of a key.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Copied {
    /// The record.
    pub record: Arc<KeyRecord>,
    /// When the store said so, in seconds since the Unix epoch.
    pub at_unix_secs: u64,
}

impl Embedded {
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
                let json = json(copy)?;
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
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kid: &str, created: u64) -> KeyRecord {
        KeyRecord::new(kid.parse().unwrap(), [7; 32], "acme", created)
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
        assert_eq!(store.copies(5).unwrap(), std::slice::from_ref(&b));
        assert_eq!(store.copies(0).unwrap(), [b], "the old one is gone");
        assert_eq!(store.list().unwrap(), [], "a copy is no key of this store");
    }
}
