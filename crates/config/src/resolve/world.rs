//! Checks within `world.yaml`.

use tidegate_limit::{Cost, Dimension, LIMITS_PER_REQUEST_MAX, LimitSpec, StoreKind};
use tidegate_model::{Diagnostic, Period};

use super::auth::check_authenticators;
use super::caller::check_caller;
use super::names::{LIMIT, must_be_known, must_be_name};
use super::routes::check_routes;
use super::zone::check_zone;
use crate::auth::AuthenticatorSpec;
use crate::{Source, Spanned, WorldSpec};

pub(crate) fn check_world(world: &WorldSpec, source: &Source, problems: &mut Vec<Diagnostic>) {
    if world.regions.is_empty() {
        let problem = Diagnostic::error(
            "the world has no region",
            source.span(0..0),
            "nothing under `regions:`",
        );
        problems.push(
            problem
                .hint("list at least one: `regions: { us-east-1: { location: [38.9, -77.4] } }`"),
        );
    }
    check_names(world, source, problems);
    check_limits(world, source, problems);
    check_redis(world, source, problems);
    check_zone(world, source, problems);
    check_plans(world, source, problems);
    check_upstreams(world, source, problems);
    check_authenticators(world, source, problems);
    check_caller(world, source, problems);
    check_routes(world, source, problems);
}

fn check_names(world: &WorldSpec, source: &Source, problems: &mut Vec<Diagnostic>) {
    let regions = world
        .regions
        .iter()
        .map(|(name, spec)| ("region", name, &spec.range));
    let upstreams = world
        .upstreams
        .iter()
        .map(|(name, spec)| ("upstream", name, &spec.range));
    let limits = world
        .limits
        .iter()
        .map(|(name, spec)| ("limit", name, &spec.range));
    let plans = world
        .plans
        .iter()
        .map(|(name, spec)| ("plan", name, &spec.range));
    let routes = world
        .routes
        .iter()
        .map(|(name, spec)| ("route", name, &spec.range));
    let authenticators = world
        .authenticators
        .iter()
        .map(|(name, spec)| ("authenticator", name, &spec.range));
    for (noun, name, range) in regions
        .chain(upstreams)
        .chain(limits)
        .chain(plans)
        .chain(routes)
        .chain(authenticators)
    {
        must_be_name(noun, name, range.clone(), source, problems);
    }
}

fn check_limits(world: &WorldSpec, source: &Source, problems: &mut Vec<Diagnostic>) {
    for (name, limit) in &world.limits {
        for (what, hint) in limit.value.contradictions() {
            let message = format!("the limit `{name}` contradicts itself: {what}");
            let span = source.span(limit.range.clone());
            problems.push(Diagnostic::error(message, span, "this limit").hint(hint));
        }
        let cost = match &limit.value.cost {
            Cost::Constant(_) => None,
            Cost::Header { name, .. } | Cost::Response { name, .. } => Some(name),
        };
        if let Some(word) = cost.filter(|word| word.parse::<http_name::HeaderName>().is_err()) {
            let message =
                format!("the limit `{name}` reads its cost from `{word}`, which is no header name");
            let span = source.span(limit.range.clone());
            problems.push(Diagnostic::error(message, span, "this limit"));
        }
        for dimension in limit.value.per.dimensions() {
            let (what, word) = match dimension {
                Dimension::Header(word) => ("header", word),
                Dimension::Cookie(word) => ("cookie", word),
                _ => continue,
            };
            // Names of both are tokens (RFC 9110 section 5.6.2, RFC 6265 section 4.1.1).
            if word.parse::<http_name::HeaderName>().is_err() {
                let message =
                    format!("the limit `{name}` counts by `{word}`, which is no {what} name");
                let span = source.span(limit.range.clone());
                problems.push(Diagnostic::error(message, span, "this limit"));
            }
        }
    }
    let of_routes = world
        .routes
        .iter()
        .map(|(name, route)| ("route", name, &route.value.limits));
    let of_methods = world
        .authenticators
        .iter()
        .filter_map(|(name, spec)| match &spec.value {
            AuthenticatorSpec::Anonymous(spec) => Some(("authenticator", name, &spec.limits)),
            _ => None,
        });
    for (noun, name, limits) in of_routes.chain(of_methods) {
        if let Some(first_too_many) = limits.get(LIMITS_PER_REQUEST_MAX) {
            let message = format!("the {noun} `{name}` is under {} limits", limits.len());
            let label = format!("a {noun} is under at most {LIMITS_PER_REQUEST_MAX}");
            problems.push(Diagnostic::error(
                message,
                source.span(first_too_many.range.clone()),
                label,
            ));
        }
    }
}

fn check_redis(world: &WorldSpec, source: &Source, problems: &mut Vec<Diagnostic>) {
    let Some(redis) = &world.redis else {
        let in_redis = |limit: &&Spanned<LimitSpec>| limit.value.store == StoreKind::Redis;
        for limit in world.limits.values().filter(in_redis) {
            let span = source.span(limit.range.clone());
            let message = "`store: redis`, and no Redis is described";
            let problem = Diagnostic::error(message, span, "this limit");
            problems.push(problem.hint("add `redis: { nodes: [redis.internal:6379] }`"));
        }
        return;
    };
    for (what, hint) in redis.value.contradictions() {
        let span = source.span(redis.range.clone());
        let problem = Diagnostic::error(format!("the Redis: {what}"), span, "this section");
        problems.push(problem.hint(hint));
    }
}

fn check_plans(world: &WorldSpec, source: &Source, problems: &mut Vec<Diagnostic>) {
    for (name, plan) in &world.plans {
        for limit in plan.value.limits.keys() {
            let who = format!("the plan `{name}` changes");
            let known = world.limits.keys().map(String::as_str);
            must_be_known(
                &who,
                limit,
                plan.range.clone(),
                LIMIT,
                known,
                source,
                problems,
            );
        }
    }
}

fn check_upstreams(world: &WorldSpec, source: &Source, problems: &mut Vec<Diagnostic>) {
    for (name, upstream) in &world.upstreams {
        let spec = &upstream.value;
        let mut complain = |message: String, hint: &str| {
            let problem = Diagnostic::error(
                message,
                source.span(upstream.range.clone()),
                "this upstream",
            );
            problems.push(problem.hint(hint));
        };
        if spec.total_timeout < spec.first_byte_timeout {
            let (total, first) = (spec.total_timeout, spec.first_byte_timeout);
            complain(
                format!(
                    "`{name}` gives a whole exchange {total}, but waits {first} for its first byte"
                ),
                "make total_timeout at least as long as first_byte_timeout",
            );
        }
        if spec.health.interval == Period::from_millis(0)
            || spec.health.rise == 0
            || spec.health.fall == 0
        {
            complain(
                format!("`{name}` has a health check that can never decide"),
                "interval, rise and fall start at 1",
            );
        }
        if spec.attempts_max == 0 {
            complain(
                format!("`{name}` is never tried"),
                "attempts_max starts at 1",
            );
        }
        if spec.fallback.is_some() && world.regions.len() == 1 {
            complain(
                format!("`{name}` has no other region to fall back on"),
                "remove `fallback`, or list a second region under `regions:`",
            );
        }
    }
}

/// Header names are checked by the http crate, which routes bring along.
mod http_name {
    pub(super) struct HeaderName;

    impl std::str::FromStr for HeaderName {
        type Err = ();

        /// RFC 9110 section 5.1: a token.
        fn from_str(text: &str) -> Result<Self, ()> {
            let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
            if !text.is_empty() && text.bytes().all(token) {
                Ok(Self)
            } else {
                Err(())
            }
        }
    }
}
