//! What all cores share.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tidegate_ask::{Askers, Logins};
use tidegate_dns::Dns;
use tidegate_identity::{KeyCache, Pepper};
use tidegate_limit::Table;
use tidegate_limitstore::Store;
use tidegate_pipeline::Snapshot;
use tidegate_runtime::Clock;
use tidegate_telemetry::Metrics;
use tidegate_telemetry::metrics::{LimitMetrics, PoolMetrics, RouteMetrics};
use tidegate_tokens::{Signatures, Signer, Tokens};

use crate::patience::Queue;
use crate::{KeyLookup, OwnWord, Relays, TraceSettings, Traces};

/// What is reported of requests besides what always is.
#[derive(Clone, Debug, Default)]
pub struct Reports {
    /// How traces are kept, if they are.
    pub traces: Option<Arc<TraceSettings>>,
    /// Whether answers are counted by consumer.
    pub by_consumer: bool,
}

/// A generation's tables, with the counters that belong to them.
#[derive(Debug)]
pub struct Live {
    /// The tables.
    pub snapshot: Snapshot,
    /// Methods that take tokens.
    pub tokens: Tokens,
    /// Methods that look at signed requests.
    pub signatures: Signatures,
    /// Methods that ask others.
    pub askers: Askers,
    /// Methods that browsers log in by.
    pub logins: Logins,
    /// Signs what services are told of callers.
    pub signer: Option<Arc<Signer>>,
    /// What is reported of requests besides what always is.
    pub reports: Reports,
    /// Counters of routes, by their place.
    pub(crate) routes: Vec<RouteCounters>,
    /// Counters of limits, by their place.
    pub(crate) limits: Vec<Arc<LimitMetrics>>,
    /// Requests that wait for limits, by their place.
    pub(crate) queues: Vec<Arc<Queue>>,
    /// The Redis that some limits are counted in.
    pub store: Option<Arc<Store>>,
    /// Counters of what never found a route.
    pub(crate) nowhere: Arc<RouteMetrics>,
}

/// Counters of a route and of its service.
#[derive(Debug)]
pub(crate) struct RouteCounters {
    pub(crate) route: Arc<RouteMetrics>,
    pub(crate) pool: Arc<PoolMetrics>,
}

/// Requests without a route are counted under this name, which no route can have.
const NOWHERE: &str = "-";

impl Live {
    /// A generation that is ready to serve.
    #[must_use]
    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of a generation, each once"
    )]
    pub fn new(
        snapshot: Snapshot,
        tokens: Tokens,
        signatures: Signatures,
        askers: Askers,
        logins: Logins,
        signer: Option<Arc<Signer>>,
        metrics: &Metrics,
        store: Option<Arc<Store>>,
        reports: Reports,
    ) -> Self {
        let counters = |route: &tidegate_pipeline::Route| RouteCounters {
            route: metrics.route(&route.name),
            pool: metrics.pool(&route.pool.name),
        };
        Self {
            routes: snapshot.routes.iter().map(counters).collect(),
            limits: snapshot
                .limits
                .iter()
                .map(|(limit, _)| metrics.limit(&limit.name))
                .collect(),
            queues: snapshot.limits.iter().map(|_| Arc::default()).collect(),
            store,
            nowhere: metrics.route(NOWHERE),
            snapshot,
            tokens,
            signatures,
            askers,
            logins,
            signer,
            reports,
        }
    }
}

/// What all cores share.
pub struct Shared {
    /// The generation that new requests are born in.
    pub live: ArcSwap<Live>,
    /// Keys that were looked up lately.
    pub cache: Arc<KeyCache>,
    /// What the node says when it asks its own doors.
    pub own_word: OwnWord,
    /// What stored digests depend on.
    pub pepper: Pepper,
    /// Counts of limits.
    pub counters: Arc<Table>,
    /// Called when the counters have news for other nodes.
    pub news: Box<dyn Fn() + Send + Sync>,
    /// Fetches keys that the cache does not know.
    pub keys: KeyLookup,
    /// Names into addresses.
    pub dns: Dns,
    /// The way to nodes of other regions, if requests are passed on to them.
    pub relays: Option<Arc<Relays>>,
    /// Who takes traces.
    pub traces: Traces,
    /// All counters.
    pub metrics: Arc<Metrics>,
    /// The clocks.
    pub clock: Clock,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}
