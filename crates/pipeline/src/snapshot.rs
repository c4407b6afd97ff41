//! All tables of one configuration generation. A request lives and dies in the one it was born in.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use http::{HeaderMap, HeaderValue};
use serde::Deserialize;
use tidegate_balance::Pool;
use tidegate_identity::{Identity, KeysSpec, strip_fields, strip_login_cookies};
use tidegate_limit::{
    Limit, LimitIx, StoreKind, SubjectKey, Table as LimitTable, TooManyLimits, policy_field,
};
use tidegate_model::{ByteSize, Generation};
use tidegate_route::{MatchSpec, Table};

use crate::subject::{NotNamed, named};
use crate::{Caller, CallerSpec, Groups, Method, Require, Terms};

/// What the operator wrote about a route, with references resolved.
#[derive(Clone, Debug)]
pub struct RouteSpec {
    /// Its name.
    pub name: String,
    /// Which requests it takes.
    pub matches: MatchSpec,
    /// The service's place among [`SnapshotParts::pools`].
    pub upstream: usize,
    /// How callers are known, in this order.
    pub methods: Vec<Method>,
    /// Places of its limits among [`SnapshotParts::limits`].
    pub limits: Vec<usize>,
    /// The largest body that a client may send.
    pub body_max: ByteSize,
    /// Whether the service sees the credential.
    pub forward_credential: bool,
    /// What callers must have.
    pub require: Require,
}

/// Amounts that a plan changes.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanSpec {
    /// Requests a window, by the name of the limit.
    #[serde(default)]
    pub limits: BTreeMap<String, std::num::NonZeroU32>,
}

/// What a snapshot is made of.
#[derive(Debug)]
pub struct SnapshotParts {
    /// Which generation this is.
    pub generation: Generation,
    /// The routes; no two may take the same request.
    pub routes: Vec<RouteSpec>,
    /// Services, in this region.
    pub pools: Vec<Arc<Pool>>,
    /// Limits.
    pub limits: Vec<Limit>,
    /// Plans by name.
    pub plans: BTreeMap<String, PlanSpec>,
    /// How keys look and where they stand.
    pub keys: KeysSpec,
    /// What services are told of callers.
    pub caller: CallerSpec,
    /// Groups of consumers.
    pub groups: Groups,
    /// The seed that all nodes hash subjects with.
    pub subject_seed: u64,
}

/// Why no snapshot could be made. The configuration's check finds both first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SnapshotError {
    /// Two routes take the same request.
    Clash(String, String),
    /// The node has seen more limits in its life than it holds.
    TooManyLimits,
}

impl From<TooManyLimits> for SnapshotError {
    fn from(_: TooManyLimits) -> Self {
        Self::TooManyLimits
    }
}

/// All tables of one generation.
#[derive(Debug)]
pub struct Snapshot {
    /// Which generation this is.
    pub generation: Generation,
    /// Routes, by their place.
    pub routes: Vec<Route>,
    pub(crate) table: Table,
    /// Services, by their place.
    pub pools: Vec<Arc<Pool>>,
    /// Limits, by their place.
    pub limits: Vec<(Limit, LimitIx)>,
    /// For each limit, amounts by plan where they differ.
    amounts: Vec<BTreeMap<String, u32>>,
    plans: BTreeSet<String>,
    /// How keys look and where they stand.
    pub keys: KeysSpec,
    caller: Caller,
    pub(crate) groups: Groups,
    pub(crate) subject_seed: u64,
}

/// A route as it runs.
#[derive(Debug)]
pub struct Route {
    /// Its name.
    pub name: String,
    /// The pattern of its paths.
    pub path: String,
    /// Its place.
    pub ix: usize,
    /// The service.
    pub pool: Arc<Pool>,
    /// How callers are known, in this order.
    pub methods: Vec<Method>,
    /// The largest body that a client may send, in bytes.
    pub body_max: u64,
    /// Whether the service sees the credential.
    pub forward_credential: bool,
    /// What callers must have.
    pub require: Require,
    /// Its limits.
    pub terms: Terms,
    /// Other limits for callers whom nobody knows.
    pub anonymous: Option<Terms>,
}

impl Route {
    /// Whether callers may be known by API keys.
    #[must_use]
    pub fn takes_keys(&self) -> bool {
        let mut methods = self.methods.iter();
        methods.any(|method| matches!(method, Method::Key))
    }
}

impl Snapshot {
    /// Builds the tables. Limits are entered into `counters`, where those that are known keep their
    /// counts.
    ///
    /// # Errors
    /// [`SnapshotError`]; `counters` may then hold limits that nothing uses, which is harmless.
    pub fn build(parts: SnapshotParts, counters: &LimitTable) -> Result<Self, SnapshotError> {
        let SnapshotParts {
            generation,
            routes,
            pools,
            limits,
            plans,
            keys,
            caller,
            groups,
            subject_seed,
        } = parts;
        let (table, clashes) = Table::build(routes.iter().map(|route| &route.matches));
        if let Some(clash) = clashes.first() {
            let name = |ix: usize| routes[ix].name.clone();
            return Err(SnapshotError::Clash(name(clash.first), name(clash.second)));
        }
        let amounts: Vec<BTreeMap<String, u32>> = limits
            .iter()
            .map(|limit| amounts_of(limit, &plans))
            .collect();
        let limits = limits
            .into_iter()
            .map(|limit| counters.register(&limit).map(|ix| (limit, ix)))
            .collect::<Result<Vec<_>, _>>()?;
        let mut snapshot = Self {
            generation,
            routes: Vec::new(),
            table,
            pools,
            limits,
            amounts,
            plans: plans.keys().cloned().collect(),
            keys,
            caller: Caller::new(&caller),
            groups,
            subject_seed,
        };
        snapshot.routes = routes
            .into_iter()
            .enumerate()
            .map(|(ix, spec)| snapshot.route(ix, spec))
            .collect();
        Ok(snapshot)
    }

    fn route(&self, ix: usize, spec: RouteSpec) -> Route {
        let anonymous = spec.methods.iter().find_map(|method| match method {
            Method::Anonymous(limits) => limits.clone(),
            Method::Key | Method::Other(_) => None,
        });
        Route {
            ix,
            pool: Arc::clone(&self.pools[spec.upstream]),
            methods: spec.methods,
            body_max: spec.body_max.bytes(),
            forward_credential: spec.forward_credential,
            require: spec.require,
            terms: self.terms(spec.limits),
            anonymous: anonymous.map(|limits| self.terms(limits)),
            path: spec.matches.path.to_string(),
            name: spec.name,
        }
    }

    fn terms(&self, limits: Vec<usize>) -> Terms {
        let policy = |plan: Option<&str>| {
            let limits = limits
                .iter()
                .map(|&at| (&self.limits[at].0, self.amount(at, plan)));
            HeaderValue::from_maybe_shared(policy_field(limits))
                .expect("limit names are DNS labels")
        };
        let changes = |plan: &&String| {
            limits
                .iter()
                .any(|&at| self.amounts[at].contains_key(*plan))
        };
        let limited = limits.iter().any(|&at| !self.limits[at].0.shadow);
        let plans = self.plans.iter();
        let stored = |&at: &usize| self.limits[at].0.store == StoreKind::Redis;
        Terms {
            stored: limits.iter().any(stored),
            limit_names: limits
                .iter()
                .map(|&at| Arc::clone(&self.limits[at].0.name))
                .collect(),
            policy: limited.then(|| policy(None)),
            policy_by_plan: plans
                .filter(|plan| limited && changes(plan))
                .map(|plan| (plan.clone(), policy(Some(plan))))
                .collect(),
            limits,
        }
    }

    /// Whether there is a plan of this name.
    #[must_use]
    pub fn has_plan(&self, name: &str) -> bool {
        self.plans.contains(name)
    }

    /// The limit of this name.
    #[must_use]
    pub fn limit(&self, name: &str) -> Option<&Limit> {
        let mut limits = self.limits.iter().map(|(limit, _)| limit);
        limits.find(|limit| &*limit.name == name)
    }

    /// The subject of `limit` that operators name by these values: one for each dimension of its
    /// `per` but `all`, in their order.
    ///
    /// # Errors
    /// [`NotNamed`].
    pub fn subject(&self, limit: &Limit, values: &[&str]) -> Result<SubjectKey, NotNamed> {
        named(self.subject_seed, limit, values)
    }

    /// Makes a head that goes to a service say who is calling: what the client said of it goes, and
    /// so does the credential, unless the route forwards it; what was verified comes.
    pub fn introduce(&self, headers: &mut HeaderMap, route: &Route, caller: Option<&Identity>) {
        if !route.forward_credential {
            for method in &route.methods {
                match method {
                    Method::Key => strip_fields(headers, &self.keys),
                    Method::Other(method) => method.conceal(headers),
                    Method::Anonymous(_) => {}
                }
            }
        }
        // Browsers send these to every route of a site, also to those that know callers otherwise.
        strip_login_cookies(headers);
        self.caller.strip(headers);
        if let Some(caller) = caller {
            self.caller.tell(headers, caller);
        }
    }

    /// The amount of a limit that applies to a caller of this plan.
    #[must_use]
    pub fn amount(&self, limit: usize, plan: Option<&str>) -> u32 {
        let by_plan = plan.and_then(|plan| self.amounts[limit].get(plan));
        by_plan.copied().unwrap_or(self.limits[limit].0.amount)
    }
}

fn amounts_of(limit: &Limit, plans: &BTreeMap<String, PlanSpec>) -> BTreeMap<String, u32> {
    let changed = |(name, plan): (&String, &PlanSpec)| {
        plan.limits
            .get(&*limit.name)
            .map(|amount| (name.clone(), amount.get()))
    };
    plans.iter().filter_map(changed).collect()
}

#[cfg(test)]
mod tests;
