//! What a global table does between regions: each write is carried to the others after a delay, and
//! of two writes of the same item the later one stays, by the time at which it was read.
//!
//! What a real global table does beyond that is not here: its order of writes within milliseconds,
//! its throttling, its strong consistency.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::dynamo::{Caller, Dynamo};

/// How often each region's stream is read.
const POLL: Duration = Duration::from_millis(20);

/// Carries writes between regions until it is dropped.
#[derive(Debug)]
pub struct Replication {
    _tasks: JoinSet<()>,
}

/// One item in one region: which write it holds, as far as was seen.
type Versions = BTreeMap<(String, String), (Instant, Option<Value>)>;

struct Carried {
    key: Value,
    image: Option<Value>,
    read: Instant,
    due: Instant,
}

impl Replication {
    /// Begins with what is written from now on. `delay` is the way from one region to another.
    ///
    /// # Panics
    /// If a region has no table.
    pub async fn start(dynamo: &Dynamo, regions: &[&str], delay: Duration) -> Self {
        let versions: Arc<Mutex<Versions>> = Arc::default();
        let mut tasks = JoinSet::new();
        for from in regions {
            let to: Vec<String> = regions
                .iter()
                .filter(|region| *region != from)
                .map(|region| (*region).to_owned())
                .collect();
            let mut stream = Stream::begin(dynamo.caller(from), &dynamo.table).await;
            let mut targets: Vec<(String, Caller)> = to
                .into_iter()
                .map(|region| (region.clone(), dynamo.caller(&region)))
                .collect();
            let (from, table, versions) = (
                (*from).to_owned(),
                dynamo.table.clone(),
                Arc::clone(&versions),
            );
            tasks.spawn(async move {
                let mut under_way: Vec<Carried> = Vec::new();
                loop {
                    let now = Instant::now();
                    for (key, image) in stream.read().await {
                        let name = (from.clone(), key.to_string());
                        let mut versions = versions.lock().unwrap_or_else(PoisonError::into_inner);
                        // Our own write, seen in the stream of the region it was carried to.
                        if versions.get(&name).is_some_and(|(_, held)| *held == image) {
                            continue;
                        }
                        versions.insert(name, (now, image.clone()));
                        under_way.push(Carried {
                            key,
                            image,
                            read: now,
                            due: now + delay,
                        });
                    }
                    let (due, later) = under_way
                        .into_iter()
                        .partition(|carried| carried.due <= now);
                    under_way = later;
                    for carried in due {
                        for (region, caller) in &mut targets {
                            apply(caller, region, &table, &carried, &versions).await;
                        }
                    }
                    tokio::time::sleep(POLL).await;
                }
            });
        }
        Self { _tasks: tasks }
    }
}

async fn apply(
    caller: &mut Caller,
    region: &str,
    table: &str,
    carried: &Carried,
    versions: &Mutex<Versions>,
) {
    let name = (region.to_owned(), carried.key.to_string());
    {
        let mut versions = versions.lock().unwrap_or_else(PoisonError::into_inner);
        if versions
            .get(&name)
            .is_some_and(|(read, _)| *read > carried.read)
        {
            return;
        }
        versions.insert(name, (carried.read, carried.image.clone()));
    }
    let done = match &carried.image {
        Some(item) => {
            let body = json!({ "TableName": table, "Item": item });
            caller.call("PutItem", body).await
        }
        None => {
            let body = json!({ "TableName": table, "Key": carried.key });
            caller.call("DeleteItem", body).await
        }
    };
    // An emulator that was stopped answers nobody: the test knows.
    if let Err(error) = done {
        crate::report(&format!("a write was not carried to {region}: {error}"));
    }
}

/// A reader of one region's stream.
struct Stream {
    caller: Caller,
    iterators: Vec<String>,
}

impl Stream {
    async fn begin(mut caller: Caller, table: &str) -> Self {
        let described = caller
            .call("DescribeTable", json!({ "TableName": table }))
            .await;
        let described = described.expect("a table in each region");
        let arn = described["Table"]["LatestStreamArn"].clone();
        let described = caller
            .call("DescribeStream", json!({ "StreamArn": arn }))
            .await;
        let shards = described.expect("a stream")["StreamDescription"]["Shards"].clone();
        let mut iterators = Vec::new();
        for shard in shards.as_array().into_iter().flatten() {
            let body = json!({
                "StreamArn": arn,
                "ShardId": shard["ShardId"],
                "ShardIteratorType": "LATEST",
            });
            let answer = caller
                .call("GetShardIterator", body)
                .await
                .expect("a shard");
            iterators.extend(answer["ShardIterator"].as_str().map(str::to_owned));
        }
        Self { caller, iterators }
    }

    /// Keys and new images, in order; no image if the item was deleted.
    async fn read(&mut self) -> Vec<(Value, Option<Value>)> {
        let mut changes = Vec::new();
        for iterator in &mut self.iterators {
            let body = json!({ "ShardIterator": iterator });
            let Ok(answer) = self.caller.call("GetRecords", body).await else {
                continue;
            };
            if let Some(next) = answer["NextShardIterator"].as_str() {
                *iterator = next.to_owned();
            }
            for record in answer["Records"].as_array().into_iter().flatten() {
                let written = &record["dynamodb"];
                changes.push((written["Keys"].clone(), written.get("NewImage").cloned()));
            }
        }
        changes
    }
}
