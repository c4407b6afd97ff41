//! What is counted, and the sums of it: a file for each noun.

mod control;
mod door;
mod labelled;
mod limit;
mod log;
mod named;
mod pool;
mod relay;
mod route;
mod trace;

use std::sync::Arc;
use std::time::Duration;

pub use control::{ClusterMetrics, KeyMetrics, MeshMetrics, ReloadMetrics, StoreMetrics};
pub use door::{Cut, DoorMetrics};
pub use labelled::Labelled;
pub use limit::{LimitCells, LimitMetrics};
pub use log::LogMetrics;
pub use pool::{Counted, PoolCells, PoolFailure, PoolMetrics};
pub use relay::{RelayMetrics, RelaySent, RelayTaken};
pub use route::{ConsumerMetrics, RouteCells, RouteMetrics, Statuses};
pub use trace::{SpansDropped, TraceMetrics};

use crate::catalog;
use crate::cells::{Cell, PerCore};
use crate::durations::Durations;
use crate::scrape::Scrape;
use named::Named;

/// All that is counted.
#[derive(Debug)]
pub struct Metrics {
    cores: usize,
    routes: Named<RouteMetrics>,
    consumers: Named<ConsumerMetrics>,
    limits: Named<LimitMetrics>,
    pools: Named<PoolMetrics>,
    doors: Named<DoorMetrics>,
    relays: Named<RelayMetrics>,
    turns: Named<[Cell; 2]>,
    /// Refusals by reason.
    pub refusals: Labelled,
    /// What carries messages between nodes.
    pub mesh: MeshMetrics,
    /// What fetches keys.
    pub keys: KeyMetrics,
    /// The Redis of limits.
    pub store: StoreMetrics,
    logs: Named<LogMetrics>,
    /// Traces.
    pub traces: Arc<TraceMetrics>,
    /// Changes of membership and of what is announced.
    pub cluster: ClusterMetrics,
    /// Configurations loaded and refused.
    pub reloads: ReloadMetrics,
    /// How late each core's loop was, and last the control plane's.
    loops: Vec<Durations>,
    /// How long the last scrape took to write, in microseconds.
    scrape_us: Cell,
}

impl Metrics {
    /// Counters for `cores` cores. `refusals` lists all reasons of refusal; the last stands for
    /// others.
    #[must_use]
    pub fn new(cores: usize, refusals: &'static [&'static str]) -> Self {
        Self {
            cores,
            routes: Named::new("route"),
            consumers: Named::new("consumer"),
            limits: Named::new("limit"),
            pools: Named::new("upstream"),
            doors: Named::new("door"),
            relays: Named::new("region"),
            turns: Named::new("upstream"),
            refusals: Labelled::new(refusals, cores),
            mesh: MeshMetrics::default(),
            keys: KeyMetrics::default(),
            store: StoreMetrics::default(),
            logs: Named::new("log"),
            traces: Arc::default(),
            cluster: ClusterMetrics::default(),
            reloads: ReloadMetrics::default(),
            loops: (0..=cores).map(|_| Durations::default()).collect(),
            scrape_us: Cell::default(),
        }
    }

    /// The counters of a route, the same for the same name in every generation.
    pub fn route(&self, name: &str) -> Arc<RouteMetrics> {
        self.routes.of(name, || PerCore::new(self.cores))
    }

    /// The counters of a consumer.
    pub fn consumer(&self, name: &str) -> Arc<ConsumerMetrics> {
        self.consumers.of(name, || PerCore::new(self.cores))
    }

    /// The counters of a limit.
    pub fn limit(&self, name: &str) -> Arc<LimitMetrics> {
        self.limits.of(name, || PerCore::new(self.cores))
    }

    /// The counters of a service.
    pub fn pool(&self, name: &str) -> Arc<PoolMetrics> {
        self.pools.of(name, || PerCore::new(self.cores))
    }

    /// The counters of a door.
    pub fn door(&self, name: &str) -> Arc<DoorMetrics> {
        self.doors.of(name, DoorMetrics::default)
    }

    /// The counters of requests passed between this region and another.
    pub fn relay(&self, region: &str) -> Arc<RelayMetrics> {
        self.relays.of(region, RelayMetrics::default)
    }

    /// The counters of a destination of the access log.
    pub fn log(&self, name: &str) -> Arc<LogMetrics> {
        self.logs.of(name, LogMetrics::default)
    }

    /// Counts that an endpoint of a service was put out of use or taken back in.
    pub fn turned(&self, upstream: &str, fit: bool) {
        self.turns.of(upstream, Default::default)[usize::from(fit)].add(1);
    }

    /// How late a core's loop was; the control plane's comes after the last core.
    #[must_use]
    pub fn loop_lag(&self, core: usize) -> &Durations {
        &self.loops[core.min(self.cores)]
    }

    /// Keeps how long a scrape took to write.
    pub fn scraped(&self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.scrape_us.set(us);
    }

    /// Requests answered and requests sent to a service, on all routes together.
    #[must_use]
    pub fn totals(&self) -> (u64, u64) {
        let mut totals = (0, 0);
        self.routes.each(|_, route| {
            totals.0 += route.sum(RouteCells::all_answered);
            totals.1 += route.sum(|cells| cells.forwarded.get());
        });
        totals
    }

    /// Adds all sums to a scrape.
    pub fn scrape(&self, scrape: &mut Scrape) {
        self.routes.each(|name, it| route::scrape(it, scrape, name));
        self.consumers
            .each(|name, it| route::scrape_consumer(it, scrape, name));
        self.limits.each(|name, it| limit::scrape(it, scrape, name));
        self.pools.each(|name, it| pool::scrape(it, scrape, name));
        self.doors.each(|name, it| it.scrape(scrape, name));
        self.relays.each(|region, it| it.scrape(scrape, region));
        self.turns.each(|upstream, counts| {
            for (cell, to) in counts.iter().zip(["unfit", "fit"]) {
                scrape.counter(&catalog::UPSTREAM_TURNS, &[upstream, to], cell.get());
            }
        });
        for reason in self.refusals.labels() {
            scrape.counter(&catalog::REFUSED, &[reason], self.refusals.total(reason));
        }
        self.mesh.scrape(scrape);
        self.keys.scrape(scrape);
        self.store.scrape(scrape);
        self.cluster.scrape(scrape);
        self.reloads.scrape(scrape);
        self.logs.each(|name, it| it.scrape(scrape, name));
        self.traces.scrape(scrape);
        self.scrape_self(scrape);
    }

    fn scrape_self(&self, scrape: &mut Scrape) {
        for (core, lag) in self.loops.iter().enumerate() {
            let name = match core {
                control if control == self.cores => "control".to_owned(),
                core => core.to_string(),
            };
            scrape.durations(&catalog::LOOP_LAG_SECONDS, &[&name], lag);
        }
        for (label, beyond) in [
            self.routes.beyond(),
            self.consumers.beyond(),
            self.limits.beyond(),
            self.pools.beyond(),
            self.doors.beyond(),
            self.relays.beyond(),
        ] {
            scrape.counter(&catalog::SERIES_OVERFLOWED, &[label], beyond);
        }
        let took = self.scrape_us.get() as f64 / 1e6;
        scrape.gauge(&catalog::SCRAPE_SECONDS, &[], took);
    }
}

#[cfg(test)]
mod tests;
