//! A checked configuration into the tables that requests meet.

use std::sync::Arc;

use tidegate_balance::Pool;
use tidegate_config::{AuthenticatorSpec, BY_KEY, EVERYONE, Loaded, Methods, Spanned, WorldSpec};
use tidegate_identity::Pepper;
use tidegate_limit::{Dimension, Limit, Table};
use tidegate_limitstore::Store;
use tidegate_pipeline::{Method, RouteSpec, Snapshot, SnapshotParts};
use tidegate_proxy::Live;
use tidegate_route::MatchSpec;
use tidegate_telemetry::Metrics;
use tidegate_tokens::{Tokens, TokensSpec};

use crate::place::own_region;

/// The methods of a route.
fn methods(names: &Methods, world: &WorldSpec, limits: &[&String], tokens: &Tokens) -> Vec<Method> {
    let place = |name: &Spanned<String>| limits.iter().position(|known| **known == name.value);
    let method = |name: &String| match name.as_str() {
        BY_KEY => Some(Method::Key),
        EVERYONE => Some(Method::Anonymous(None)),
        name => match &world.authenticators.get(name)?.value {
            AuthenticatorSpec::Jwt(_) => Some(Method::Other(tokens.method(name)?)),
            AuthenticatorSpec::Anonymous(spec) => {
                let limits = spec.limits.iter().map(place).collect::<Option<_>>()?;
                Some(Method::Anonymous(Some(limits)))
            }
        },
    };
    let all = names.0.iter().map(method);
    all.collect::<Option<_>>().expect("references were checked")
}

/// The methods that take tokens, with the claims that limits ask for.
pub(crate) fn tokens_spec(world: &WorldSpec) -> TokensSpec {
    let methods = world
        .authenticators
        .iter()
        .filter_map(|(name, spec)| match &spec.value {
            AuthenticatorSpec::Jwt(jwt) => Some((name.clone(), (**jwt).clone())),
            AuthenticatorSpec::Anonymous(_) => None,
        });
    let dimensions = world
        .limits
        .values()
        .flat_map(|limit| limit.value.per.dimensions());
    let claims = dimensions.filter_map(|dimension| match dimension {
        Dimension::Claim(name) => Some(name.clone()),
        _ => None,
    });
    TokensSpec {
        methods: methods.collect(),
        claims: claims.collect(),
    }
}

/// A generation's tables.
pub(crate) fn live(
    loaded: &Loaded,
    tokens: Tokens,
    pepper: &Pepper,
    counters: &Table,
    metrics: &Metrics,
    store: Option<Arc<Store>>,
) -> Result<Live, String> {
    let world = &loaded.world;
    let region = own_region(loaded);
    let upstreams: Vec<&String> = world.upstreams.keys().collect();
    let limits: Vec<&String> = world.limits.keys().collect();
    let place = |names: &[&String], name: &str| names.iter().position(|known| *known == name);
    let route = |(name, text): (&String, &Spanned<tidegate_config::RouteText>)| {
        let text = &text.value;
        Some(RouteSpec {
            name: name.clone(),
            matches: MatchSpec {
                hosts: text.hosts.clone(),
                path: text.path.value.clone(),
                methods: text.methods,
            },
            upstream: place(&upstreams, &text.upstream.value)?,
            methods: methods(&text.auth.value, world, &limits, &tokens),
            limits: text
                .limits
                .iter()
                .map(|limit| place(&limits, &limit.value))
                .collect::<Option<_>>()?,
            body_max: text.body_max,
        })
    };
    let pool = |name: &&String| {
        let endpoints = region
            .spec
            .upstreams
            .get(*name)
            .map(|e| e.value.as_slice())
            .unwrap_or_default();
        let endpoints = endpoints
            .iter()
            .map(|endpoint| endpoint.value.clone())
            .collect();
        Arc::new(Pool::new(
            name,
            world.upstreams[*name].value.clone(),
            endpoints,
        ))
    };
    let parts = SnapshotParts {
        generation: loaded.generation,
        routes: world
            .routes
            .iter()
            .map(route)
            .collect::<Option<_>>()
            .expect("references were checked"),
        pools: upstreams.iter().map(pool).collect(),
        limits: world
            .limits
            .iter()
            .map(|(name, spec)| Limit::new(name, &spec.value))
            .collect(),
        plans: world
            .plans
            .iter()
            .map(|(name, plan)| (name.clone(), plan.value.clone()))
            .collect(),
        keys: world.keys.clone(),
        subject_seed: pepper.derive("limit subjects"),
    };
    let snapshot = Snapshot::build(parts, counters)
        .map_err(|error| format!("the configuration cannot run: {error:?}"))?;
    Ok(Live::new(snapshot, tokens, metrics, store))
}
