//! Checks of routes: what they refer to, and whether two take the same request.

use tidegate_model::Diagnostic;
use tidegate_route::{MatchSpec, Table};

use super::auth::{check_claim_limits, check_methods, takes_everyone};
use super::names::{LIMIT, UPSTREAM, must_be_known};
use super::require::check_require;
use crate::{RouteText, Source, WorldSpec};

pub(super) fn check_routes(world: &WorldSpec, source: &Source, problems: &mut Vec<Diagnostic>) {
    for (name, route) in &world.routes {
        check_references(name, &route.value, world, source, problems);
        check_methods(name, &route.value, world, source, problems);
        check_claim_limits(name, &route.value, world, source, problems);
        check_key_limits(name, &route.value, world, source, problems);
        check_require(name, &route.value, world, source, problems);
    }
    check_clashes(world, source, problems);
}

fn check_references(
    name: &str,
    route: &RouteText,
    world: &WorldSpec,
    source: &Source,
    problems: &mut Vec<Diagnostic>,
) {
    let upstream = &route.upstream;
    let who = format!("the route `{name}` sends traffic to");
    let known = world.upstreams.keys().map(String::as_str);
    must_be_known(
        &who,
        &upstream.value,
        upstream.range.clone(),
        UPSTREAM,
        known,
        source,
        problems,
    );
    for (i, limit) in route.limits.iter().enumerate() {
        let who = format!("the route `{name}` is under");
        let known = world.limits.keys().map(String::as_str);
        must_be_known(
            &who,
            &limit.value,
            limit.range.clone(),
            LIMIT,
            known,
            source,
            problems,
        );
        if route.limits[..i]
            .iter()
            .any(|earlier| earlier.value == limit.value)
        {
            let message = format!(
                "the route `{name}` is under the limit `{}` twice",
                limit.value
            );
            let problem = Diagnostic::error(message, source.span(limit.range.clone()), "again");
            problems.push(problem.hint("each request would count twice; remove one"));
        }
    }
}

/// A limit per key on a route that knows no keys would count everyone together.
fn check_key_limits(
    name: &str,
    route: &RouteText,
    world: &WorldSpec,
    source: &Source,
    problems: &mut Vec<Diagnostic>,
) {
    if !takes_everyone(route) {
        return;
    }
    for limit in &route.limits {
        if world
            .limits
            .get(&limit.value)
            .is_some_and(|spec| spec.value.per.needs_key())
        {
            let message = format!("the route `{name}` takes everyone, but is limited per caller");
            let problem = Diagnostic::error(
                message,
                source.span(limit.range.clone()),
                "counts by what only known callers have",
            );
            problems.push(problem.hint("use a limit `per: ip` here, or write `auth: key`; callers whom nobody knows can have limits of their own (`anonymous`)"));
        }
    }
}

/// Which requests a route takes.
pub(super) fn matches(route: &RouteText) -> MatchSpec {
    MatchSpec {
        hosts: route.hosts.clone(),
        path: route.path.value.clone(),
        methods: route.methods,
        exposure: route.exposure,
    }
}

fn check_clashes(world: &WorldSpec, source: &Source, problems: &mut Vec<Diagnostic>) {
    let routes: Vec<(&String, &RouteText)> = world
        .routes
        .iter()
        .map(|(name, r)| (name, &r.value))
        .collect();
    let matches: Vec<MatchSpec> = routes.iter().map(|(_, route)| matches(route)).collect();
    let (_, clashes) = Table::build(&matches);
    for clash in clashes {
        let ((first, _), (second, route)) = (routes[clash.first], routes[clash.second]);
        let message = format!("the routes `{first}` and `{second}` take the same requests");
        let label = format!("`{first}` has this path, too, for the same host and method");
        let problem = Diagnostic::error(message, source.span(route.path.range.clone()), label);
        problems.push(
            problem.hint(
                "make them differ in host, path or method; names of {parameters} do not count",
            ),
        );
    }
}
