//! What is counted, and the sums of it.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use crate::catalog;
use crate::cells::{Cell, PerCore};
use crate::expose::Scrape;

/// Upper bounds of the duration histogram, in microseconds: from what a gateway alone takes to what
/// nobody waits for.
const BOUNDS_US: [u64; 14] = [
    250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    5_000_000, 30_000_000,
];
const STATUS_CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// All that is counted.
#[derive(Debug)]
pub struct Metrics {
    cores: usize,
    routes: RwLock<BTreeMap<String, Arc<RouteMetrics>>>,
    limits: RwLock<BTreeMap<String, Arc<LimitMetrics>>>,
    pools: RwLock<BTreeMap<String, Arc<PoolMetrics>>>,
    doors: RwLock<BTreeMap<String, Arc<DoorMetrics>>>,
    relays: RwLock<BTreeMap<String, Arc<RelayMetrics>>>,
    /// Refusals by reason.
    pub refusals: Labelled,
    /// What carries messages between nodes.
    pub mesh: MeshMetrics,
    /// What fetches keys.
    pub keys: KeyMetrics,
    /// The Redis of limits.
    pub store: StoreMetrics,
    /// The access log.
    pub log: LogMetrics,
    /// Configurations loaded and refused.
    pub reloads: [Cell; 2],
}

/// What is counted of a route, on each core.
#[derive(Debug, Default)]
pub struct RouteCells {
    statuses: [Cell; 5],
    durations: [Cell; BOUNDS_US.len() + 1],
    duration_us: Cell,
    /// Bytes of bodies received.
    pub bytes_in: Cell,
    /// Bytes of bodies sent.
    pub bytes_out: Cell,
    /// Requests sent to the service.
    pub forwarded: Cell,
}

/// What is counted of a route.
pub type RouteMetrics = PerCore<RouteCells>;

impl RouteCells {
    /// Counts an answered request.
    pub fn answered(&self, status: u16, took: Duration) {
        let class = usize::from(status / 100).clamp(1, 5) - 1;
        self.statuses[class].add(1);
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.durations[BOUNDS_US.partition_point(|bound| *bound < us)].add(1);
        self.duration_us.add(us);
    }
}

/// What is counted of a limit, on each core.
pub type LimitMetrics = PerCore<LimitCells>;

/// What one core counts of a limit.
#[derive(Debug, Default)]
pub struct LimitCells {
    /// Let through.
    pub admitted: Cell,
    /// Refused.
    pub refused: Cell,
    /// What it would have refused, in shadow mode.
    pub shadowed: Cell,
    /// Decided while a region could not be heard.
    pub partitioned: Cell,
    /// Decided without the limit's store.
    pub unstored: Cell,
    /// Waited for room.
    pub delayed: Cell,
    /// Could not wait, because too many did.
    pub queue_full: Cell,
}

/// What is counted of a service, on each core.
#[derive(Debug, Default)]
pub struct PoolCells {
    /// Connections made.
    pub connected: Cell,
    /// Requests sent on a connection that was used before.
    pub reused: Cell,
    failures: [Cell; POOL_FAILURES.len()],
}

/// Why an attempt at a service failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PoolFailure {
    /// Refused, unreachable, or no address.
    Connect,
    /// No connection in time.
    ConnectTimeout,
    /// No first byte in time.
    FirstByteTimeout,
    /// A body that stalled, or an exchange that took too long.
    BodyTimeout,
    /// Broken off, or no HTTP.
    Broken,
}

const POOL_FAILURES: [&str; 5] = [
    "connect",
    "connect_timeout",
    "first_byte_timeout",
    "body_timeout",
    "broken",
];

impl PoolCells {
    /// Counts a failed attempt.
    pub fn failed(&self, why: PoolFailure) {
        self.failures[why as usize].add(1);
    }
}

/// What is counted of a service.
pub type PoolMetrics = PerCore<PoolCells>;

/// Why a client's connection was ended by us, or broke.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cut {
    /// The door has as many as it takes.
    Full,
    /// No byte, or no TLS handshake, in time.
    FirstByteTimeout,
    /// No complete header section in time.
    HeaderTimeout,
    /// No further request in time.
    Idle,
    /// The TLS handshake failed.
    Tls,
    /// A header section larger than the door takes.
    HeaderTooLarge,
    /// No HTTP.
    Malformed,
    /// Broken off by the client or the network.
    Broken,
    /// The node was being stopped and did not wait any longer.
    Stopped,
}

const CUTS: [&str; 9] = [
    "full",
    "first_byte_timeout",
    "header_timeout",
    "idle",
    "tls",
    "header_too_large",
    "malformed",
    "broken",
    "stopped",
];

/// What is counted of a door.
#[derive(Debug, Default)]
pub struct DoorMetrics {
    /// Connections accepted.
    pub accepted: Cell,
    /// Connections open.
    pub open: Cell,
    /// Connections that may be open at a time.
    pub open_max: Cell,
    cuts: [Cell; CUTS.len()],
}

impl DoorMetrics {
    /// Counts a connection that was ended by us, or broke.
    pub fn cut(&self, why: Cut) {
        self.cuts[why as usize].add(1);
    }
}

/// What became of a request that was passed on to another region.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RelaySent {
    /// A service there answered it, or the gateway there for it.
    Answered,
    /// No service there saw it.
    NotServed,
    /// No node there could be reached.
    Unreachable,
    /// It was sent and no answer came.
    Failed,
}

const RELAY_SENT: [&str; 4] = ["answered", "not_served", "unreachable", "failed"];

/// What became of a request that another region passed on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RelayTaken {
    /// A service here answered it.
    Served,
    /// No service here saw it.
    NotServed,
    /// It was passed on too often.
    Loop,
    /// A service saw it and gave no answer, or its body was not taken.
    Failed,
}

const RELAY_TAKEN: [&str; 4] = ["served", "not_served", "loop", "failed"];

/// What is counted of requests that are passed between this region and another.
#[derive(Debug, Default)]
pub struct RelayMetrics {
    sent: [Cell; RELAY_SENT.len()],
    taken: [Cell; RELAY_TAKEN.len()],
}

impl RelayMetrics {
    /// Counts a request that was passed on to there.
    pub fn sent(&self, result: RelaySent) {
        self.sent[result as usize].add(1);
    }

    /// Counts a request that came from there.
    pub fn taken(&self, result: RelayTaken) {
        self.taken[result as usize].add(1);
    }
}

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
}

/// What is counted of commands to the Redis of limits: answered, failed, timed out, and not sent
/// because too many were under way.
#[derive(Debug, Default)]
pub struct StoreMetrics {
    /// By outcome.
    pub commands: [Cell; 4],
}

/// What is counted of the access log.
#[derive(Debug, Default)]
pub struct LogMetrics {
    /// Lines written.
    pub written: Cell,
    /// Lines dropped.
    pub dropped: Cell,
}

/// One counter for each of a fixed list of words, on each core.
#[derive(Debug)]
pub struct Labelled {
    labels: &'static [&'static str],
    cores: Vec<Vec<Cell>>,
}

impl Labelled {
    fn new(labels: &'static [&'static str], cores: usize) -> Self {
        let row = || labels.iter().map(|_| Cell::default()).collect();
        Self {
            labels,
            cores: (0..cores.max(1)).map(|_| row()).collect(),
        }
    }

    /// Counts a word. One that is not on the list counts as the last, which should be a word for
    /// others.
    pub fn count(&self, core: usize, label: &str) {
        let known = self.labels.iter().position(|known| *known == label);
        let row = &self.cores[core.min(self.cores.len() - 1)];
        row[known.unwrap_or(self.labels.len() - 1)].add(1);
    }

    /// How often a word was counted.
    #[must_use]
    pub fn total(&self, label: &str) -> u64 {
        let Some(at) = self.labels.iter().position(|known| *known == label) else {
            return 0;
        };
        self.cores.iter().map(|row| row[at].get()).sum()
    }
}

impl Metrics {
    /// Counters for `cores` cores. `refusals` lists all reasons of refusal; the last stands for
    /// others.
    #[must_use]
    pub fn new(cores: usize, refusals: &'static [&'static str]) -> Self {
        Self {
            cores,
            routes: RwLock::default(),
            limits: RwLock::default(),
            pools: RwLock::default(),
            doors: RwLock::default(),
            relays: RwLock::default(),
            refusals: Labelled::new(refusals, cores),
            mesh: MeshMetrics::default(),
            keys: KeyMetrics::default(),
            store: StoreMetrics::default(),
            log: LogMetrics::default(),
            reloads: Default::default(),
        }
    }

    /// The counters of a route, the same for the same name in every generation.
    pub fn route(&self, name: &str) -> Arc<RouteMetrics> {
        entry(&self.routes, name, || PerCore::new(self.cores))
    }

    /// The counters of a limit.
    pub fn limit(&self, name: &str) -> Arc<LimitMetrics> {
        entry(&self.limits, name, || PerCore::new(self.cores))
    }

    /// The counters of a service.
    pub fn pool(&self, name: &str) -> Arc<PoolMetrics> {
        entry(&self.pools, name, || PerCore::new(self.cores))
    }

    /// The counters of a door.
    pub fn door(&self, name: &str) -> Arc<DoorMetrics> {
        entry(&self.doors, name, DoorMetrics::default)
    }

    /// The counters of requests passed between this region and another.
    pub fn relay(&self, region: &str) -> Arc<RelayMetrics> {
        entry(&self.relays, region, RelayMetrics::default)
    }

    /// Requests answered and requests sent to a service, on all routes together.
    #[must_use]
    pub fn totals(&self) -> (u64, u64) {
        let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
        let answered = |cells: &RouteCells| cells.statuses.iter().map(Cell::get).sum();
        let sum =
            |read: &dyn Fn(&RouteCells) -> u64| routes.values().map(|route| route.sum(read)).sum();
        (sum(&answered), sum(&|cells| cells.forwarded.get()))
    }

    /// Adds all sums to a scrape.
    pub fn scrape(&self, scrape: &mut Scrape) {
        for (name, route) in &*self.routes.read().unwrap_or_else(PoisonError::into_inner) {
            scrape_route(scrape, name, route);
        }
        for (name, limit) in &*self.limits.read().unwrap_or_else(PoisonError::into_inner) {
            scrape.counter(
                &catalog::LIMIT_ADMITTED,
                &[name],
                limit.sum(|cells| cells.admitted.get()),
            );
            scrape.counter(
                &catalog::LIMIT_REFUSED,
                &[name],
                limit.sum(|cells| cells.refused.get()),
            );
            scrape.counter(
                &catalog::LIMIT_SHADOWED,
                &[name],
                limit.sum(|cells| cells.shadowed.get()),
            );
            scrape.counter(
                &catalog::LIMIT_PARTITIONED,
                &[name],
                limit.sum(|cells| cells.partitioned.get()),
            );
            scrape.counter(
                &catalog::LIMIT_UNSTORED,
                &[name],
                limit.sum(|cells| cells.unstored.get()),
            );
            scrape.counter(
                &catalog::LIMIT_DELAYED,
                &[name],
                limit.sum(|cells| cells.delayed.get()),
            );
            scrape.counter(
                &catalog::LIMIT_QUEUE_FULL,
                &[name],
                limit.sum(|cells| cells.queue_full.get()),
            );
        }
        for (name, pool) in &*self.pools.read().unwrap_or_else(PoisonError::into_inner) {
            scrape.counter(
                &catalog::UPSTREAM_CONNECTIONS,
                &[name],
                pool.sum(|cells| cells.connected.get()),
            );
            scrape.counter(
                &catalog::UPSTREAM_REUSED,
                &[name],
                pool.sum(|cells| cells.reused.get()),
            );
            for (i, reason) in POOL_FAILURES.iter().enumerate() {
                let failures = pool.sum(|cells| cells.failures[i].get());
                scrape.counter(&catalog::UPSTREAM_FAILURES, &[name, reason], failures);
            }
        }
        for (name, door) in &*self.doors.read().unwrap_or_else(PoisonError::into_inner) {
            scrape.counter(&catalog::CONNECTIONS, &[name], door.accepted.get());
            scrape.gauge(&catalog::CONNECTIONS_OPEN, &[name], door.open.get() as f64);
            scrape.gauge(
                &catalog::CONNECTIONS_MAX,
                &[name],
                door.open_max.get() as f64,
            );
            for (cell, reason) in door.cuts.iter().zip(CUTS) {
                scrape.counter(&catalog::CONNECTIONS_CUT, &[name, reason], cell.get());
            }
        }
        for (region, relay) in &*self.relays.read().unwrap_or_else(PoisonError::into_inner) {
            for (cell, result) in relay.sent.iter().zip(RELAY_SENT) {
                scrape.counter(&catalog::RELAY_SENT, &[region, result], cell.get());
            }
            for (cell, result) in relay.taken.iter().zip(RELAY_TAKEN) {
                scrape.counter(&catalog::RELAY_TAKEN, &[region, result], cell.get());
            }
        }
        for reason in self.refusals.labels {
            scrape.counter(&catalog::REFUSED, &[reason], self.refusals.total(reason));
        }
        for (i, by) in ["datagram", "stream"].iter().enumerate() {
            scrape.counter(&catalog::MESH_SENT_BYTES, &[by], self.mesh.sent[i].get());
            scrape.counter(
                &catalog::MESH_RECEIVED_BYTES,
                &[by],
                self.mesh.received[i].get(),
            );
        }
        for (cell, reason) in self
            .mesh
            .dropped
            .iter()
            .zip(["queue_full", "no_link", "busy"])
        {
            scrape.counter(&catalog::MESH_DROPPED, &[reason], cell.get());
        }
        scrape.gauge(&catalog::MESH_LINKS, &[], self.mesh.links.get() as f64);
        for (cell, outcome) in self.keys.lookups.iter().zip([
            "found",
            "unknown",
            "failed",
            "turned_away",
            "guarded",
            "paused",
        ]) {
            scrape.counter(&catalog::KEY_LOOKUPS, &[outcome], cell.get());
        }
        let store_seconds = self.keys.store_us.get() as f64 / 1e6;
        scrape.counter_float(&catalog::KEY_STORE_SECONDS, &[], store_seconds);
        scrape.counter(&catalog::KEYS_STALE_USED, &[], self.keys.stale.get());
        scrape.counter(
            &catalog::KEY_COPIES_DROPPED,
            &[],
            self.keys.copies_dropped.get(),
        );
        for (cell, result) in self.keys.audited.iter().zip(["written", "failed"]) {
            scrape.counter(&catalog::AUDIT_RECORDS, &[result], cell.get());
        }
        for (cell, result) in self.keys.tail_reads.iter().zip(["good", "failed"]) {
            scrape.counter(&catalog::KEY_TAIL_READS, &[result], cell.get());
        }
        let outcomes = ["answered", "failed", "timed_out", "full"];
        for (cell, outcome) in self.store.commands.iter().zip(outcomes) {
            scrape.counter(&catalog::LIMIT_STORE_COMMANDS, &[outcome], cell.get());
        }
        scrape.counter(&catalog::LOG_WRITTEN, &[], self.log.written.get());
        scrape.counter(&catalog::LOG_DROPPED, &[], self.log.dropped.get());
        for (cell, result) in self.reloads.iter().zip(["loaded", "refused"]) {
            scrape.counter(&catalog::RELOADS, &[result], cell.get());
        }
    }
}

fn scrape_route(scrape: &mut Scrape, name: &str, route: &RouteMetrics) {
    for (i, class) in STATUS_CLASSES.iter().enumerate() {
        scrape.counter(
            &catalog::REQUESTS,
            &[name, class],
            route.sum(|cells| cells.statuses[i].get()),
        );
    }
    let mut buckets: Vec<(f64, u64)> = Vec::with_capacity(BOUNDS_US.len() + 1);
    for i in 0..=BOUNDS_US.len() {
        let bound = BOUNDS_US
            .get(i)
            .map_or(f64::INFINITY, |us| *us as f64 / 1e6);
        buckets.push((bound, route.sum(|cells| cells.durations[i].get())));
    }
    let sum = route.sum(|cells| cells.duration_us.get()) as f64 / 1e6;
    scrape.histogram(&catalog::REQUEST_SECONDS, &[name], sum, buckets);
    scrape.counter(
        &catalog::REQUEST_BYTES,
        &[name],
        route.sum(|cells| cells.bytes_in.get()),
    );
    scrape.counter(
        &catalog::RESPONSE_BYTES,
        &[name],
        route.sum(|cells| cells.bytes_out.get()),
    );
    scrape.counter(
        &catalog::FORWARDED,
        &[name],
        route.sum(|cells| cells.forwarded.get()),
    );
}

fn entry<T>(
    map: &RwLock<BTreeMap<String, Arc<T>>>,
    name: &str,
    make: impl FnOnce() -> T,
) -> Arc<T> {
    if let Some(known) = map.read().unwrap_or_else(PoisonError::into_inner).get(name) {
        return Arc::clone(known);
    }
    let mut map = map.write().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(
        map.entry(name.to_owned())
            .or_insert_with(|| Arc::new(make())),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cores_count_is_summed_and_exposed() {
        let metrics = Metrics::new(2, &["no-route", "other"]);
        let route = metrics.route("orders");
        route.of(0).answered(200, Duration::from_micros(300));
        route.of(1).answered(503, Duration::from_secs(60));
        metrics.route("orders").of(1).forwarded.add(1);
        metrics.refusals.count(0, "no-route");
        metrics.refusals.count(1, "never heard of");
        assert_eq!(metrics.totals(), (2, 1));
        let mut scrape = Scrape::default();
        metrics.scrape(&mut scrape);
        let text = scrape.text();
        for line in [
            "tidegate_requests_total{route=\"orders\",status=\"2xx\"} 1",
            "tidegate_requests_total{route=\"orders\",status=\"5xx\"} 1",
            "tidegate_request_seconds_bucket{le=\"0.0005\",route=\"orders\"} 1",
            "tidegate_request_seconds_bucket{le=\"+Inf\",route=\"orders\"} 2",
            "tidegate_request_seconds_count{route=\"orders\"} 2",
            "tidegate_refused_total{reason=\"no-route\"} 1",
            "tidegate_refused_total{reason=\"other\"} 1",
            "# EOF",
        ] {
            assert!(text.lines().any(|l| l == line), "{line}\n{text}");
        }
    }
}
