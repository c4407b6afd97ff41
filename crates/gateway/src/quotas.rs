//! Counts of quotas in a file of this node (redb): they outlive the restart of all nodes at once.
//!
//! What a node knows of a quota, its own counts and those of others, is written within a fifth of a
//! second. After a restart the counts of former lives are taken in like words of peers: larger
//! numbers win, so an old file harms nothing.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use tidegate_limit::{Batch, Delta, Group};
use tidegate_model::Wall;

/// By limit, window, subject and actor: when it was written, and a batch of that one row.
const ROWS: TableDefinition<'_, &[u8], (u64, &[u8])> = TableDefinition::new("quotas");
/// A row that has not changed for longer than any window lasts is over.
const OVER_AFTER_S: u64 = 32 * 86_400;

/// A quota file cannot be used, in words.
#[derive(Debug, thiserror::Error)]
#[error("the quota file {} cannot be {what}: {why}", path.display())]
pub(crate) struct QuotaError {
    path: PathBuf,
    what: &'static str,
    why: String,
}

/// The file. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Quotas {
    db: Arc<Database>,
    path: PathBuf,
}

impl Quotas {
    /// Opens the file, or makes it.
    pub(crate) fn open(path: &Path) -> Result<Self, QuotaError> {
        let failed = |why: redb::Error| QuotaError {
            path: path.to_owned(),
            what: "opened",
            why: why.to_string(),
        };
        let db = Database::create(path).map_err(|error| failed(error.into()))?;
        let quotas = Self {
            db: Arc::new(db),
            path: path.to_owned(),
        };
        quotas.make_table().map_err(failed)?;
        Ok(quotas)
    }

    fn make_table(&self) -> Result<(), redb::Error> {
        let write = self.db.begin_write()?;
        write.open_table(ROWS)?;
        write.commit()?;
        Ok(())
    }

    /// Keeps rows, in one transaction. When it returns they are on disk.
    pub(crate) fn keep(&self, batch: &Batch, now: Wall) -> Result<(), QuotaError> {
        self.try_keep(batch, now)
            .map_err(|why| self.failed("written", &why))
    }

    fn try_keep(&self, batch: &Batch, now: Wall) -> Result<(), redb::Error> {
        let write = self.db.begin_write()?;
        {
            let mut rows = write.open_table(ROWS)?;
            for row in rows_of(batch) {
                let bytes = postcard::to_allocvec(&row).expect("a Vec takes all that is written");
                rows.insert(key_of(&row).as_slice(), (now.unix_secs(), bytes.as_slice()))?;
            }
        }
        write.commit()?;
        Ok(())
    }

    /// All rows that may still count, and forgets the others.
    pub(crate) fn load(&self, now: Wall) -> Result<Batch, QuotaError> {
        self.try_load(now).map_err(|why| self.failed("read", &why))
    }

    fn try_load(&self, now: Wall) -> Result<Batch, redb::Error> {
        let write = self.db.begin_write()?;
        let oldest = now.unix_secs().saturating_sub(OVER_AFTER_S);
        {
            let mut rows = write.open_table(ROWS)?;
            rows.retain(|_, (written, _)| written >= oldest)?;
        }
        write.commit()?;
        let read = self.db.begin_read()?;
        let rows = read.open_table(ROWS)?;
        let mut batch = Batch::default();
        for entry in rows.iter()? {
            let (_, value) = entry?;
            // A row of a later version is not for us.
            if let Ok(row) = postcard::from_bytes::<Delta>(value.value().1) {
                batch.deltas.push(row);
            }
        }
        Ok(batch)
    }

    fn failed(&self, what: &'static str, why: &redb::Error) -> QuotaError {
        QuotaError {
            path: self.path.clone(),
            what,
            why: why.to_string(),
        }
    }
}

/// Each row by itself.
fn rows_of(batch: &Batch) -> impl Iterator<Item = Delta> {
    let groups = batch
        .deltas
        .iter()
        .flat_map(|delta| delta.groups.iter().map(move |group| (delta, group)));
    let updates =
        groups.flat_map(|(delta, group)| group.updates.iter().map(move |row| (delta, group, row)));
    updates.map(|(delta, group, row)| Delta {
        actor: delta.actor.clone(),
        groups: vec![Group {
            updates: vec![*row],
            ..*group
        }],
    })
}

/// A row's name: a later word of the same actor takes its place.
fn key_of(row: &Delta) -> Vec<u8> {
    let mut key = Vec::with_capacity(96);
    for group in &row.groups {
        key.extend_from_slice(&group.limit.0.to_be_bytes());
        for update in &group.updates {
            key.extend_from_slice(&update.subject);
        }
    }
    key.extend_from_slice(&row.actor.epoch.0.to_be_bytes());
    key.extend_from_slice(row.actor.node.to_string().as_bytes());
    key
}

#[cfg(test)]
mod tests {
    use tidegate_limit::{Actor, LimitId, Update, WindowIx};
    use tidegate_model::Epoch;

    use super::*;

    fn batch(subject: u8, admitted: u32) -> Batch {
        let update = Update {
            subject: [subject; 8],
            admitted,
            refused: 0,
            rate_deci: 0,
            age_ms: 0,
        };
        Batch {
            deltas: vec![Delta {
                actor: Actor {
                    node: "us/a".parse().expect("a node"),
                    epoch: Epoch(7),
                },
                groups: vec![Group {
                    limit: LimitId(1),
                    window: WindowIx(5),
                    updates: vec![update],
                }],
            }],
        }
    }

    #[test]
    fn what_was_kept_is_there_again_and_what_is_over_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("quotas.redb");
        let day = Wall::from_unix_secs;
        {
            let quotas = Quotas::open(&path).expect("opens");
            quotas.keep(&batch(1, 3), day(1_000)).expect("kept");
            quotas
                .keep(&batch(2, 4), day(1_000 + OVER_AFTER_S))
                .expect("kept");
            quotas
                .keep(&batch(2, 9), day(1_001 + OVER_AFTER_S))
                .expect("kept");
        }
        let quotas = Quotas::open(&path).expect("opens again");
        let loaded = quotas.load(day(1_002 + OVER_AFTER_S)).expect("read");
        assert_eq!(loaded, batch(2, 9), "the later word, and not the old row");
    }
}
