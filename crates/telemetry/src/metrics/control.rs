//! What the control plane counts: mesh, keys, membership, announcements, the Redis of limits.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use tidegate_model::Wall;

use crate::catalog;
use crate::cells::Cell;
use crate::durations::Durations;
use crate::scrape::Scrape;

/// What is counted of the mesh.
#[derive(Debug, Default)]
pub struct MeshMetrics {
    /// Bytes sent as datagrams and by streams.
    pub sent: [Cell; 2],
    /// Bytes received as datagrams and by streams.
    pub received: [Cell; 2],
    /// Messages dropped because a queue was full, because no link could be made, and because the
    /// node had no time.
    pub dropped: [Cell; 3],
    /// Links that are up.
    pub links: Cell,
}

/// What is counted of keys.
#[derive(Debug, Default)]
pub struct KeyMetrics {
    /// Look-ups by outcome: found, unknown, failed, turned away because too many waited, because
    /// the guard's rate was used up, and because the store had just failed.
    pub lookups: [Cell; 6],
    /// Time that the store took to answer, in microseconds, all answers together.
    pub store_us: Cell,
    /// Requests that an old record served.
    pub stale: Cell,
    /// Copies of records that did not go to disk: the queue was full, or the file.
    pub copies_dropped: Cell,
    /// Records of changes of keys: written, and not.
    pub audited: [Cell; 2],
    /// Reads of the table's stream and log: good ones and failed ones.
    pub tail_reads: [Cell; 2],
    /// How long revocations were under way to this node.
    pub revocations: Durations,
}

/// What is counted of commands to the Redis of limits: answered, failed, timed out, and not sent
/// because too many were under way.
#[derive(Debug, Default)]
pub struct StoreMetrics {
    /// By outcome.
    pub commands: [Cell; 4],
}

/// What is counted of the cluster's changes.
#[derive(Debug, Default)]
pub struct ClusterMetrics {
    /// Nodes that came up, nodes declared down, and how often others had taken this node for dead.
    pub nodes: [Cell; 3],
    /// Plans to be announced, to be the second choice, and to withdraw, that differed from the one
    /// before.
    pub announced: [Cell; 3],
    /// How often regions fell silent and were heard again. As many as world.yaml lists.
    regions: Mutex<BTreeMap<String, [u64; 2]>>,
}

impl ClusterMetrics {
    /// Counts that a region fell silent, or is heard again.
    pub fn region(&self, region: &str, heard: bool) {
        let mut regions = self.regions.lock().unwrap_or_else(PoisonError::into_inner);
        let counts = regions.entry(region.to_owned()).or_default();
        counts[usize::from(heard)] += 1;
    }

    pub(super) fn scrape(&self, scrape: &mut Scrape) {
        for (cell, to) in self.nodes.iter().zip(["up", "down", "rejoined"]) {
            scrape.counter(&catalog::NODE_CHANGES, &[to], cell.get());
        }
        let plans = ["announced", "second", "withdrawn"];
        for (cell, to) in self.announced.iter().zip(plans) {
            scrape.counter(&catalog::ANNOUNCED_CHANGES, &[to], cell.get());
        }
        let regions = self.regions.lock().unwrap_or_else(PoisonError::into_inner);
        for (region, counts) in &*regions {
            for (count, to) in counts.iter().zip(["silent", "heard"]) {
                scrape.counter(&catalog::REGION_CHANGES, &[region, to], *count);
            }
        }
    }
}

/// Configurations that were loaded and refused.
#[derive(Debug, Default)]
pub struct ReloadMetrics {
    results: [Cell; 2],
    loaded_at: AtomicU64,
}

impl ReloadMetrics {
    /// The configuration that a node started with.
    pub fn started(&self, at: Wall) {
        self.loaded_at.store(at.unix_micros(), Relaxed);
    }

    /// Counts a reload.
    pub fn reloaded(&self, well: bool, at: Wall) {
        self.results[usize::from(!well)].add(1);
        if well {
            self.started(at);
        }
    }

    pub(super) fn scrape(&self, scrape: &mut Scrape) {
        for (cell, result) in self.results.iter().zip(["loaded", "refused"]) {
            scrape.counter(&catalog::RELOADS, &[result], cell.get());
        }
        let at = self.loaded_at.load(Relaxed) as f64 / 1e6;
        scrape.gauge(&catalog::CONFIG_LOADED, &[], at);
    }
}

impl MeshMetrics {
    pub(super) fn scrape(&self, scrape: &mut Scrape) {
        for (i, by) in ["datagram", "stream"].iter().enumerate() {
            scrape.counter(&catalog::MESH_SENT_BYTES, &[by], self.sent[i].get());
            let received = self.received[i].get();
            scrape.counter(&catalog::MESH_RECEIVED_BYTES, &[by], received);
        }
        let reasons = ["queue_full", "no_link", "busy"];
        for (cell, reason) in self.dropped.iter().zip(reasons) {
            scrape.counter(&catalog::MESH_DROPPED, &[reason], cell.get());
        }
        scrape.gauge(&catalog::MESH_LINKS, &[], self.links.get() as f64);
    }
}

const LOOKUPS: [&str; 6] = [
    "found",
    "unknown",
    "failed",
    "turned_away",
    "guarded",
    "paused",
];

impl KeyMetrics {
    pub(super) fn scrape(&self, scrape: &mut Scrape) {
        for (cell, outcome) in self.lookups.iter().zip(LOOKUPS) {
            scrape.counter(&catalog::KEY_LOOKUPS, &[outcome], cell.get());
        }
        let seconds = self.store_us.get() as f64 / 1e6;
        scrape.counter_float(&catalog::KEY_STORE_SECONDS, &[], seconds);
        scrape.counter(&catalog::KEYS_STALE_USED, &[], self.stale.get());
        let dropped = self.copies_dropped.get();
        scrape.counter(&catalog::KEY_COPIES_DROPPED, &[], dropped);
        for (cell, result) in self.audited.iter().zip(["written", "failed"]) {
            scrape.counter(&catalog::AUDIT_RECORDS, &[result], cell.get());
        }
        for (cell, result) in self.tail_reads.iter().zip(["good", "failed"]) {
            scrape.counter(&catalog::KEY_TAIL_READS, &[result], cell.get());
        }
        scrape.durations(&catalog::REVOCATION_SECONDS, &[], &self.revocations);
    }
}

impl StoreMetrics {
    pub(super) fn scrape(&self, scrape: &mut Scrape) {
        let outcomes = ["answered", "failed", "timed_out", "full"];
        for (cell, outcome) in self.commands.iter().zip(outcomes) {
            scrape.counter(&catalog::LIMIT_STORE_COMMANDS, &[outcome], cell.get());
        }
    }
}
