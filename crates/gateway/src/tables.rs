//! A checked configuration into the tables that requests meet.

use std::collections::BTreeMap;
use std::sync::Arc;

use tidegate_ask::{AskSpec, Askers, Logins, LoginsSpec};
use tidegate_balance::Pool;
use tidegate_config::{
    AuthenticatorSpec, BY_KEY, EVERYONE, Loaded, Methods, RequireText, Spanned, WorldSpec,
};
use tidegate_identity::{Mtls, Pepper, SignatureSpec, Wanted};
use tidegate_limit::{Dimension, Limit, Table};
use tidegate_limitstore::Store;
use tidegate_model::RegionId;
use tidegate_pipeline::{Method, Require, RouteSpec, Snapshot, SnapshotParts};
use tidegate_proxy::{Live, Reports};
use tidegate_route::MatchSpec;
use tidegate_rule::Rule;
use tidegate_telemetry::Metrics;
use tidegate_tokens::{Around, Signatures, Signer, Tokens, TokensSpec};

use crate::place::own_region;
use crate::traces::settings;

/// The methods of a route.
fn methods(names: &Methods, world: &WorldSpec, limits: &[&String], known: &Known) -> Vec<Method> {
    let place = |name: &Spanned<String>| limits.iter().position(|known| **known == name.value);
    let method = |name: &String| match name.as_str() {
        BY_KEY => Some(Method::Key),
        EVERYONE => Some(Method::Anonymous(None)),
        name => match &world.authenticators.get(name)?.value {
            AuthenticatorSpec::Mtls(spec) => Some(Method::Other(Arc::new(Mtls::new(name, spec)))),
            AuthenticatorSpec::Jwt(_) => Some(Method::Other(known.tokens.method(name)?)),
            AuthenticatorSpec::Signature(_) => Some(Method::Other(known.signatures.method(name)?)),
            AuthenticatorSpec::Oidc(_) => Some(Method::Other(known.logins.method(name)?)),
            AuthenticatorSpec::Introspection(_)
            | AuthenticatorSpec::Basic(_)
            | AuthenticatorSpec::External(_) => Some(Method::Other(known.askers.method(name)?)),
            AuthenticatorSpec::Anonymous(spec) => {
                let limits = spec.limits.iter().map(place).collect::<Option<_>>()?;
                Some(Method::Anonymous(Some(limits)))
            }
        },
    };
    let all = names.0.iter().map(method);
    all.collect::<Option<_>>().expect("references were checked")
}

/// What judges tokens, those of logins included, with the claims that somebody asks for.
fn tokens_spec(world: &WorldSpec) -> TokensSpec {
    let methods = world
        .authenticators
        .iter()
        .filter_map(|(name, spec)| match &spec.value {
            AuthenticatorSpec::Jwt(jwt) => Some((name.clone(), (**jwt).clone())),
            AuthenticatorSpec::Oidc(login) => Some((name.clone(), login.id_tokens())),
            _ => None,
        });
    TokensSpec {
        methods: methods.collect(),
        claims: wanted(world),
    }
}

/// The methods that look at signed requests.
fn signature_specs(world: &WorldSpec) -> BTreeMap<String, SignatureSpec> {
    let methods = world.authenticators.iter();
    let methods = methods.filter_map(|(name, spec)| match &spec.value {
        AuthenticatorSpec::Signature(spec) => Some((name.clone(), (**spec).clone())),
        _ => None,
    });
    methods.collect()
}

/// The methods that ask others.
fn askers_spec(world: &WorldSpec) -> tidegate_ask::Methods {
    let methods = world.authenticators.iter().filter_map(|(name, spec)| {
        let spec = match &spec.value {
            AuthenticatorSpec::Introspection(spec) => AskSpec::Introspection((**spec).clone()),
            AuthenticatorSpec::Basic(spec) => AskSpec::Basic(spec.clone()),
            AuthenticatorSpec::External(spec) => AskSpec::External((**spec).clone()),
            AuthenticatorSpec::Jwt(_)
            | AuthenticatorSpec::Mtls(_)
            | AuthenticatorSpec::Signature(_)
            | AuthenticatorSpec::Oidc(_)
            | AuthenticatorSpec::Anonymous(_) => return None,
        };
        Some((name.clone(), spec))
    });
    tidegate_ask::Methods {
        methods: methods.collect(),
        claims: wanted(world),
    }
}

/// The methods that browsers log in by.
fn logins_spec(world: &WorldSpec) -> LoginsSpec {
    let methods = world.authenticators.iter();
    let methods = methods.filter_map(|(name, spec)| match &spec.value {
        AuthenticatorSpec::Oidc(login) => Some((name.clone(), (**login).clone())),
        _ => None,
    });
    LoginsSpec {
        methods: methods.collect(),
        claims: wanted(world),
    }
}

/// Which claims somebody asks for.
fn wanted(world: &WorldSpec) -> Wanted {
    let dimensions = world
        .limits
        .values()
        .flat_map(|limit| limit.value.per.dimensions());
    let claims = dimensions.filter_map(|dimension| match dimension {
        Dimension::Claim(name) => Some(name.clone()),
        _ => None,
    });
    let claims = claims.chain(world.caller.value.claims().cloned());
    let rules = world
        .routes
        .values()
        .filter_map(|route| rule(&route.value.require.value));
    Wanted {
        names: claims.collect(),
        all: rules.into_iter().any(|rule| rule.wants_claims()),
    }
}

fn rule(text: &RequireText) -> Option<Rule> {
    let rule = text.rule.as_ref()?;
    Some(Rule::compile(&rule.value).expect("rules were checked"))
}

/// What callers of a route must have.
fn require(text: &RequireText) -> Require {
    Require {
        allow: text.allow.clone(),
        deny: text.deny.clone(),
        scopes: text.scopes.clone(),
        any_scope: text.any_scope.clone(),
        roles: text.roles.clone(),
        groups: text
            .groups
            .iter()
            .map(|group| group.value.clone())
            .collect(),
        rule: rule(text).map(Arc::new),
    }
}

/// What knows callers, and what tells services of them. Reads files.
#[derive(Debug)]
pub(crate) struct Known {
    tokens: Tokens,
    signatures: Signatures,
    askers: Askers,
    logins: Logins,
    signer: Option<Arc<Signer>>,
}

impl Known {
    /// As the configuration says, going on with what `old` has.
    ///
    /// # Errors
    /// A sentence, if a file cannot be used.
    pub(crate) fn build(
        world: &WorldSpec,
        old: Option<&Live>,
        around: &Around,
    ) -> Result<Self, String> {
        let (no_tokens, no_askers) = (Tokens::default(), Askers::default());
        let no_signatures = Signatures::default();
        let signatures = old.map_or(&no_signatures, |live| &live.signatures);
        let no_logins = Logins::default();
        let tokens = old.map_or(&no_tokens, |live| &live.tokens);
        let askers = old.map_or(&no_askers, |live| &live.askers);
        let logins = old.map_or(&no_logins, |live| &live.logins);
        let spec = world.caller.value.assertion.clone();
        let signer = old.and_then(|live| live.signer.as_ref());
        let signer = spec
            .map(|spec| Signer::reload(spec, &around.folder, signer))
            .transpose();
        let tokens = Tokens::build(tokens_spec(world), tokens, around)?;
        Ok(Self {
            logins: Logins::build(logins_spec(world), logins, &tokens, around)?,
            tokens,
            signatures: Signatures::build(signature_specs(world), signatures, &around.folder)?,
            askers: Askers::build(askers_spec(world), askers, around, random)?,
            signer: signer.map_err(|why| format!("the keys of assertions: {why}"))?,
        })
    }
}

/// A key of this process.
fn random() -> [u8; 32] {
    let mut key = [0; 32];
    tidegate_runtime::fill(&mut key);
    key
}

/// A generation's tables.
pub(crate) fn live(
    loaded: &Loaded,
    known: Known,
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
                exposure: text.exposure,
            },
            upstream: place(&upstreams, &text.upstream.value)?,
            methods: methods(&text.auth.value, world, &limits, &known),
            limits: text
                .limits
                .iter()
                .map(|limit| place(&limits, &limit.value))
                .collect::<Option<_>>()?,
            body_max: text.body_max,
            forward_credential: text.forward_credential,
            require: require(&text.require.value),
        })
    };
    let others: Vec<RegionId> = world
        .others_by_distance(region.id.as_str())
        .into_iter()
        .filter_map(|name| name.parse().ok())
        .collect();
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
        let pool = Pool::new(name, world.upstreams[*name].value.clone(), endpoints);
        Arc::new(pool.with_regions(others.iter().cloned()))
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
        caller: world.caller.value.clone(),
        groups: world
            .groups
            .iter()
            .map(|(name, group)| (name.clone(), group.value.consumers.clone()))
            .collect(),
        subject_seed: pepper.derive("limit subjects"),
    };
    let snapshot = Snapshot::build(parts, counters)
        .map_err(|error| format!("the configuration cannot run: {error:?}"))?;
    let Known {
        tokens,
        signatures,
        askers,
        logins,
        signer,
    } = known;
    let traces = region.spec.traces.as_ref();
    let reports = Reports {
        traces: traces.map(|spec| Arc::new(settings(&spec.value))),
        by_consumer: world.metrics.by_consumer,
    };
    Ok(Live::new(
        snapshot, tokens, signatures, askers, logins, signer, metrics, store, reports,
    ))
}
