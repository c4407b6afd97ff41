//! Follows the table's stream: every write to this region's replica, wherever it was made.
//!
//! A stream has shards that come and go. A shard that is there when the tail begins is read from
//! its end (what was written before is found in the log of revocations); one that appears later is
//! read from its beginning.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodbstreams::operation::get_records::GetRecordsError;
use aws_sdk_dynamodbstreams::types::{AttributeValue, Record, ShardIteratorType};
use tidegate_identity::KeyItem;

use crate::layout::{AT, PK, RECORD, SK, fact};
use crate::{Table, Trouble};

/// Shards followed at most.
const SHARDS_MAX: usize = 1_000;
/// Records taken at a time, the service's own bound.
const RECORDS_MAX: i32 = 1_000;

/// One write that the stream told of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// What was added.
    pub fact: KeyItem,
    /// When, in seconds since the Unix epoch; the stream's own time.
    pub at_unix_secs: Option<i64>,
}

/// A reader of the stream.
#[derive(Debug)]
pub struct Tail {
    table: Table,
    arn: String,
    /// Open shards and where to read on.
    open: BTreeMap<String, String>,
    /// Shards read to their end, as long as the stream lists them.
    done: BTreeSet<String>,
}

impl Tail {
    /// Begins at the end of the stream.
    ///
    /// # Errors
    /// [`Trouble`]; also if the table has no stream.
    pub async fn begin(table: &Table) -> Result<Self, Trouble> {
        let described = table.client.describe_table().table_name(&table.name);
        let described = described.send().await.map_err(Trouble::of)?;
        let arn = described.table.and_then(|table| table.latest_stream_arn);
        let arn = arn.ok_or_else(|| {
            Trouble::Other("the table has no stream (NEW_AND_OLD_IMAGES is needed)".to_owned())
        })?;
        let mut tail = Self {
            table: table.clone(),
            arn,
            open: BTreeMap::new(),
            done: BTreeSet::new(),
        };
        tail.discover(ShardIteratorType::Latest).await?;
        Ok(tail)
    }

    /// Looks for shards that are new since.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn refresh(&mut self) -> Result<(), Trouble> {
        self.discover(ShardIteratorType::TrimHorizon).await
    }

    async fn discover(&mut self, from: ShardIteratorType) -> Result<(), Trouble> {
        let mut listed = BTreeSet::new();
        let mut last = None;
        loop {
            let page = self
                .table
                .streams
                .describe_stream()
                .stream_arn(&self.arn)
                .set_exclusive_start_shard_id(last)
                .send()
                .await
                .map_err(Trouble::of)?;
            let Some(page) = page.stream_description else {
                break;
            };
            for shard in page.shards.unwrap_or_default() {
                let Some(id) = shard.shard_id else { continue };
                // What has ended before we began tells of what the log of revocations holds.
                let ended = shard
                    .sequence_number_range
                    .is_some_and(|range| range.ending_sequence_number.is_some());
                if ended && from == ShardIteratorType::Latest {
                    self.done.insert(id.clone());
                }
                listed.insert(id);
            }
            last = page.last_evaluated_shard_id;
            if last.is_none() || listed.len() >= SHARDS_MAX {
                break;
            }
        }
        self.done.retain(|id| listed.contains(id));
        for id in listed {
            if self.open.len() < SHARDS_MAX
                && !self.done.contains(&id)
                && !self.open.contains_key(&id)
                && let Some(iterator) = self.iterator(&id, from.clone()).await?
            {
                self.open.insert(id, iterator);
            }
        }
        Ok(())
    }

    async fn iterator(
        &self,
        shard: &str,
        from: ShardIteratorType,
    ) -> Result<Option<String>, Trouble> {
        let answer = self.table.streams.get_shard_iterator();
        let answer = answer
            .stream_arn(&self.arn)
            .shard_id(shard)
            .shard_iterator_type(from);
        let answer = answer.send().await.map_err(Trouble::of)?;
        Ok(answer.shard_iterator)
    }

    /// What was added since, from all shards; what was deleted is no news. Call it four times a
    /// second at most: a shard answers five times a second.
    ///
    /// # Errors
    /// [`Trouble`]. A tail whose place was lost must begin anew.
    pub async fn poll(&mut self) -> Result<Vec<Change>, Trouble> {
        let mut changes = Vec::new();
        for (id, iterator) in self.open.clone() {
            let answer = self
                .table
                .streams
                .get_records()
                .shard_iterator(iterator)
                .limit(RECORDS_MAX)
                .send()
                .await
                .map_err(Trouble::of::<GetRecordsError>)?;
            changes.extend(answer.records().iter().filter_map(change));
            match answer.next_shard_iterator {
                Some(next) => {
                    self.open.insert(id, next);
                }
                None => {
                    self.open.remove(&id);
                    self.done.insert(id);
                    self.refresh().await?;
                }
            }
        }
        Ok(changes)
    }

    /// How many shards are open.
    #[must_use]
    pub fn shards(&self) -> usize {
        self.open.len()
    }
}

fn change(record: &Record) -> Option<Change> {
    let written = record.dynamodb.as_ref()?;
    let image = written.new_image.as_ref()?;
    let text = |name: &str| match image.get(name) {
        Some(AttributeValue::S(text) | AttributeValue::N(text)) => Some(text.as_str()),
        _ => None,
    };
    Some(Change {
        fact: fact(text(PK), text(SK), text(RECORD), text(AT))?,
        at_unix_secs: written.approximate_creation_date_time.map(|at| at.secs()),
    })
}
