//! What the operator wrote about the world: `regions/world.yaml`, the same for every region.

use std::collections::BTreeMap;

use serde::Deserialize;
use tidegate_balance::PoolSpec;
use tidegate_cluster::SyncSpec;
use tidegate_identity::KeysSpec;
use tidegate_limit::{LimitSpec, RedisSpec, TableSpec};
use tidegate_model::{ByteSize, Exposure};
use tidegate_pipeline::{CallerSpec, PlanSpec};
use tidegate_route::{HostPattern, MethodSet, PathPattern};
use tidegate_steer::SteerSpec;

use crate::auth::{AuthenticatorSpec, Methods};
use crate::{GroupSpec, Location, RequireText, Spanned, ZoneSpec};

/// The world.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorldSpec {
    /// All regions by name.
    pub regions: BTreeMap<String, Spanned<PlaceSpec>>,
    /// Services behind the gateway by name: how they are treated. Where they are, each region says.
    #[serde(default)]
    pub upstreams: BTreeMap<String, Spanned<PoolSpec>>,
    /// Limits by name.
    #[serde(default)]
    pub limits: BTreeMap<String, Spanned<LimitSpec>>,
    /// Plans by name: amounts that apply to keys of that plan instead of the limits' own.
    #[serde(default)]
    pub plans: BTreeMap<String, Spanned<PlanSpec>>,
    /// Routes by name.
    pub routes: BTreeMap<String, Spanned<RouteText>>,
    /// How API keys look and where they stand.
    #[serde(default)]
    pub keys: KeysSpec,
    /// Further methods of knowing callers, by name.
    #[serde(default)]
    pub authenticators: BTreeMap<String, Spanned<AuthenticatorSpec>>,
    /// Groups of consumers by name.
    #[serde(default)]
    pub groups: BTreeMap<String, Spanned<GroupSpec>>,
    /// What services are told of callers.
    #[serde(default)]
    pub caller: Spanned<CallerSpec>,
    /// How fast nodes announce and withdraw themselves.
    #[serde(default)]
    pub steer: SteerSpec,
    /// A DNS zone whose answers are the regions that are announced.
    #[serde(default)]
    pub zone: Option<Spanned<ZoneSpec>>,
    /// The Redis that limits with `store: redis` are counted in.
    #[serde(default)]
    pub redis: Option<Spanned<RedisSpec>>,
    /// What counts may cost between nodes.
    #[serde(default)]
    pub sync: SyncSpec,
    /// Bounds of the limits' counters.
    #[serde(default)]
    pub counters: TableSpec,
    /// What metrics tell besides.
    #[serde(default)]
    pub metrics: MetricsSpec,
}

/// What metrics tell besides what all of them do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MetricsSpec {
    /// Whether answered requests are counted by consumer.
    pub by_consumer: bool,
}

impl WorldSpec {
    /// Whether some service falls back on other regions: then nodes open their relay doors.
    #[must_use]
    pub fn passes_on(&self) -> bool {
        let mut upstreams = self.upstreams.values();
        upstreams.any(|upstream| upstream.value.fallback.is_some())
    }

    /// All regions but `home`, the nearest first.
    #[must_use]
    pub fn others_by_distance(&self, home: &str) -> Vec<&str> {
        let Some(here) = self.regions.get(home).map(|place| place.value.location) else {
            return Vec::new();
        };
        let others = self.regions.iter().filter(|(name, _)| *name != home);
        let mut others: Vec<(f64, &str)> = others
            .map(|(name, place)| (here.distance_km(place.value.location), name.as_str()))
            .collect();
        others.sort_by(|a, b| a.0.total_cmp(&b.0));
        others.into_iter().map(|(_, name)| name).collect()
    }
}

/// A region's place in the world.
#[derive(Clone, Copy, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlaceSpec {
    /// Where it is: `[latitude, longitude]`.
    pub location: Location,
}

/// A route as it is written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteText {
    /// Hosts it takes, any if left out.
    #[serde(default)]
    pub hosts: Vec<HostPattern>,
    /// The path it takes.
    pub path: Spanned<PathPattern>,
    /// Methods it takes, any if left out.
    #[serde(default = "any_method")]
    pub methods: MethodSet,
    /// Which doors show it.
    #[serde(default)]
    pub exposure: Exposure,
    /// The service it leads to.
    pub upstream: Spanned<String>,
    /// How callers are known: methods in order.
    #[serde(default = "by_key")]
    pub auth: Spanned<Methods>,
    /// What callers must have.
    #[serde(default)]
    pub require: Spanned<RequireText>,
    /// Limits it is under.
    #[serde(default)]
    pub limits: Vec<Spanned<String>>,
    /// The largest body that a client may send.
    #[serde(default = "body_max")]
    pub body_max: ByteSize,
    /// Whether the service sees the credential.
    #[serde(default)]
    pub forward_credential: bool,
}

const fn any_method() -> MethodSet {
    MethodSet::ANY
}

/// Closed unless opened: a route that says nothing asks for a key.
fn by_key() -> Spanned<Methods> {
    Spanned {
        value: Methods::by_key(),
        range: 0..0,
    }
}

const fn body_max() -> ByteSize {
    ByteSize::from_kib(10 * 1_024)
}
