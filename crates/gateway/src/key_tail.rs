//! How this node hears of revocations from the table of keys: one node a region follows the stream,
//! and every node reads the recent log of revocations once a minute, should anything have been
//! missed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tidegate_cluster::ClusterStatus;
use tidegate_dynamo::{Change, Table, Tail, Trouble};
use tidegate_identity::KeyItem;
use tidegate_model::{Mono, NodeId};

use crate::services::Services;

/// How often a shard is read: a shard answers five times a second.
const POLL: Duration = Duration::from_millis(250);
/// How often new shards are looked for, beside those that follow one that ended.
const REFRESH: Duration = Duration::from_secs(10);
/// After a failure.
const RETRY: Duration = Duration::from_secs(1);
/// How often the log is read.
const LOG_EVERY: Duration = Duration::from_secs(60);
/// How far back: longer than a replica lags unless its region is cut off.
const LOG_BACK: Duration = Duration::from_secs(86_400);
/// Pages of the log at a time: a million revocations.
const LOG_PAGES_MAX: usize = 1_000;
/// A log read longer ago than this may lack a revocation.
const LOG_STALE: Duration = Duration::from_secs(120);

/// What can be seen of it.
#[derive(Debug, Default)]
pub(crate) struct TailState {
    elected: AtomicBool,
    lag_ms: AtomicU64,
    /// When the log was last read to its end, in nanoseconds of the monotonic clock; zero if it
    /// never was.
    log_read: AtomicU64,
}

impl TailState {
    /// Whether this node follows the stream.
    pub(crate) fn elected(&self) -> bool {
        self.elected.load(Ordering::Relaxed)
    }

    /// How long the last change was under way.
    pub(crate) fn lag(&self) -> Duration {
        Duration::from_millis(self.lag_ms.load(Ordering::Relaxed))
    }

    /// How long ago the log was read; `None` if it never was.
    pub(crate) fn log_age(&self, now: Mono) -> Option<Duration> {
        match self.log_read.load(Ordering::Relaxed) {
            0 => None,
            at => Some(now.since(Mono::from_nanos(at))),
        }
    }

    /// Whether a revocation may have been missed.
    pub(crate) fn stale(&self, now: Mono) -> bool {
        self.log_age(now).is_none_or(|age| age > LOG_STALE)
    }
}

/// Whether `me` follows the stream for its region: the first by name of those taken for alive. Two
/// that cannot hear each other both do, which is one reader more than needed.
fn elected(status: &ClusterStatus, me: &NodeId) -> bool {
    let mates = status
        .regions
        .iter()
        .filter(|region| region.region == me.region)
        .flat_map(|region| &region.nodes);
    !mates.filter(|node| node.alive).any(|node| node.node < *me)
}

/// Stands for election and follows the stream while elected, until the process ends.
pub(crate) async fn follow(services: Arc<Services>, table: Table) {
    let state = &services.tail;
    loop {
        let chosen = is_elected(&services).await;
        state.elected.store(chosen, Ordering::Relaxed);
        if chosen {
            tracing::info!("This node follows the stream of keys for its region.");
            if let Err(trouble) = follow_once(&services, &table).await {
                services.metrics.keys.tail_reads[1].add(1);
                tracing::warn!(%trouble, "The stream of keys cannot be followed.");
            }
        }
        tokio::time::sleep(RETRY).await;
    }
}

async fn is_elected(services: &Services) -> bool {
    let status = services.cluster.look(tidegate_cluster::Node::status).await;
    status.is_some_and(|status| elected(&status, &services.node))
}

/// Follows until another is elected.
async fn follow_once(services: &Services, table: &Table) -> Result<(), Trouble> {
    let mut tail = Tail::begin(table).await?;
    // What was written before the tail began.
    read_log(services, table).await?;
    let (mut rounds, per_second) = (0_u32, 4);
    loop {
        let changes = tail.poll().await?;
        services.metrics.keys.tail_reads[0].add(1);
        hand_on(services, changes).await;
        rounds += 1;
        if rounds.is_multiple_of(per_second) && !is_elected(services).await {
            tracing::info!("Another node follows the stream of keys from now on.");
            return Ok(());
        }
        if rounds.is_multiple_of(per_second * REFRESH.as_secs() as u32) {
            tail.refresh().await?;
        }
        tokio::time::sleep(POLL).await;
    }
}

async fn hand_on(services: &Services, changes: Vec<Change>) {
    let now_secs = services.clock.now().wall.unix_secs();
    if let Some(at) = changes
        .iter()
        .filter_map(|change| change.at_unix_secs)
        .max()
    {
        let lag_ms = now_secs.saturating_sub(u64::try_from(at).unwrap_or(0)) * 1_000;
        services.tail.lag_ms.store(lag_ms, Ordering::Relaxed);
    }
    let facts: Vec<KeyItem> = changes.into_iter().map(|change| change.fact).collect();
    if !facts.is_empty() {
        services.keys.heard(facts).await;
    }
}

/// Reads the recent log of revocations again and again, until the process ends. What this node
/// knows beyond it is then brought there by the node that follows the stream: it was told while the
/// table could not be reached, and whoever told may be gone.
pub(crate) async fn repair(services: Arc<Services>, table: Table) {
    loop {
        let read = read_log(&services, &table).await;
        let why = read.as_ref().map(|_| ()).map_err(ToString::to_string);
        let why = why.as_ref().map(|_| ()).map_err(String::as_str);
        services.shared.keys.note(why);
        let pause = match read {
            Ok(()) => {
                if services.tail.elected() {
                    store_told(&services, true).await;
                }
                LOG_EVERY
            }
            Err(trouble) => {
                services.metrics.keys.tail_reads[1].add(1);
                tracing::debug!(%trouble, "The log of revocations cannot be read.");
                RETRY
            }
        };
        tokio::time::sleep(pause).await;
    }
}

/// Brings revocations that were made here into the table once it can be reached, until the process
/// ends.
pub(crate) async fn settle(services: Arc<Services>) {
    loop {
        tokio::time::sleep(RETRY).await;
        store_told(&services, false).await;
    }
}

async fn store_told(services: &Services, all: bool) {
    if let Err(error) = services.keys.store_told(all).await {
        tracing::debug!(%error, "Revocations that were told cannot be stored yet.");
    }
}

/// Reads the log of the last day; all of it the first time.
async fn read_log(services: &Services, table: &Table) -> Result<(), Trouble> {
    let first = services.tail.log_read.load(Ordering::Relaxed) == 0;
    let now_secs = services.clock.now().wall.unix_secs();
    let since = if first {
        0
    } else {
        now_secs.saturating_sub(LOG_BACK.as_secs())
    };
    let mut from = None;
    for _ in 0..LOG_PAGES_MAX {
        let page = table.revoked_since(since, from).await?;
        services.metrics.keys.tail_reads[0].add(1);
        services.keys.heard(page.items).await;
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    let now = services.clock.mono().as_nanos();
    services.tail.log_read.store(now, Ordering::Relaxed);
    Ok(())
}
