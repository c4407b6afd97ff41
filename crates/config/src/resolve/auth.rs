//! Checks of methods: what routes refer to, and orders in which one could never be reached.

use tidegate_identity::{LoginSpec, in_clear};
use tidegate_limit::Dimension;
use tidegate_model::Diagnostic;
use tidegate_route::HostPattern;

use super::names::{LIMIT, METHOD, must_be_known};
use crate::auth::{AuthenticatorSpec, BY_KEY, EVERYONE};
use crate::{RouteText, Source, Spanned, WorldSpec};

pub(super) fn check_authenticators(
    world: &WorldSpec,
    source: &Source,
    problems: &mut Vec<Diagnostic>,
) {
    check_logins(world, source, problems);
    for (name, spec) in &world.authenticators {
        if name == BY_KEY || name == EVERYONE {
            let message = format!("an authenticator cannot be called `{name}`");
            let label = "this name is always there and means what it means";
            let span = source.span(spec.range.clone());
            problems.push(Diagnostic::error(message, span, label).hint("choose another name"));
        }
        match &spec.value {
            AuthenticatorSpec::Jwt(jwt) => {
                complain(name, spec, jwt.contradictions(), source, problems);
                if jwt.fetches_in_clear() {
                    let what = "the keys of `{}` come without TLS";
                    warn(what, name, spec, source, problems);
                }
            }
            AuthenticatorSpec::Introspection(asked) => {
                complain(name, spec, asked.contradictions(), source, problems);
                if in_clear(&asked.url) {
                    warn(
                        "`{}` asks about tokens without TLS",
                        name,
                        spec,
                        source,
                        problems,
                    );
                }
            }
            AuthenticatorSpec::Mtls(mtls) => {
                complain(name, spec, mtls.contradictions(), source, problems);
            }
            AuthenticatorSpec::Basic(basic) => {
                complain(name, spec, basic.contradictions(), source, problems);
            }
            AuthenticatorSpec::External(asked) => {
                complain(name, spec, asked.contradictions(), source, problems);
                if in_clear(&asked.url) {
                    warn(
                        "`{}` passes credentials on without TLS",
                        name,
                        spec,
                        source,
                        problems,
                    );
                }
            }
            AuthenticatorSpec::Signature(signed) => {
                complain(name, spec, signed.contradictions(), source, problems);
            }
            AuthenticatorSpec::Oidc(login) => {
                complain(name, spec, login.contradictions(), source, problems);
                if login.in_clear() {
                    warn(
                        "logins of `{}` go without TLS",
                        name,
                        spec,
                        source,
                        problems,
                    );
                }
            }
            AuthenticatorSpec::Anonymous(anonymous) => {
                let known = || world.limits.keys().map(String::as_str);
                for limit in &anonymous.limits {
                    let who = format!("callers of `{name}` are under");
                    let at = limit.range.clone();
                    must_be_known(&who, &limit.value, at, LIMIT, known(), source, problems);
                    let spec = world.limits.get(&limit.value);
                    if spec.is_some_and(|spec| spec.value.per.needs_key()) {
                        let message = format!("`{name}` takes everyone, but is limited per caller");
                        let span = source.span(limit.range.clone());
                        let label = "counts by what only known callers have";
                        let problem = Diagnostic::error(message, span, label);
                        problems.push(problem.hint("use a limit `per: ip` here"));
                    }
                }
            }
        }
    }
}

/// Two logins at one host need paths of their own: by its callback a browser's answer is known to
/// be of one provider.
fn check_logins(world: &WorldSpec, source: &Source, problems: &mut Vec<Diagnostic>) {
    let mut taken: Vec<(Option<String>, &str, &str)> = Vec::new();
    for (name, spec) in &world.authenticators {
        let AuthenticatorSpec::Oidc(login) = &spec.value else {
            continue;
        };
        for path in [&login.callback_path, &login.logout_path] {
            let place = |(host, known, _): &&(Option<String>, &str, &str)| {
                *host == login.host() && known == path
            };
            if let Some((_, _, other)) = taken.iter().find(place).filter(|(.., by)| by != name) {
                let message = format!("the logins `{other}` and `{name}` both want `{path}`");
                let span = source.span(spec.range.clone());
                let problem = Diagnostic::error(message, span, "at the same host");
                problems
                    .push(problem.hint("give one of them another callback_path or logout_path"));
            }
            taken.push((login.host(), path, name));
        }
    }
    for (name, route) in &world.routes {
        for method in &route.value.auth.value.0 {
            let spec = world.authenticators.get(method).map(|spec| &spec.value);
            let Some(AuthenticatorSpec::Oidc(login)) = spec else {
                continue;
            };
            check_login_host(name, &route.value, method, login, source, problems);
        }
    }
}

/// A browser that is never at the login's host has no cookie of it.
fn check_login_host(
    name: &str,
    route: &RouteText,
    method: &str,
    login: &LoginSpec,
    source: &Source,
    problems: &mut Vec<Diagnostic>,
) {
    let Some(host) = login.host() else {
        return;
    };
    // A host that is no pattern is an address; routes cannot name those.
    let at = host.parse::<HostPattern>();
    let reached = |at: &HostPattern| route.hosts.iter().any(|pattern| at.within(pattern));
    if !route.hosts.is_empty() && !at.as_ref().is_ok_and(reached) {
        let message = format!("nobody can log in by `{method}` on the route `{name}`");
        let span = source.span(route.auth.range.clone());
        let label = format!("logs in at {host}, which is none of the route's hosts");
        let problem = Diagnostic::error(message, span, label);
        problems.push(problem.hint("add the host to the route, or mend `origin`"));
    }
}

/// What cannot be meant in a method.
fn complain(
    name: &str,
    spec: &Spanned<AuthenticatorSpec>,
    contradictions: Vec<(String, &'static str)>,
    source: &Source,
    problems: &mut Vec<Diagnostic>,
) {
    for (what, hint) in contradictions {
        let message = format!("the authenticator `{name}` cannot be meant: {what}");
        let span = source.span(spec.range.clone());
        problems.push(Diagnostic::error(message, span, "this authenticator").hint(hint));
    }
}

/// What goes over a network for everyone to read. `what` has a place for the name.
fn warn(
    what: &str,
    name: &str,
    spec: &Spanned<AuthenticatorSpec>,
    source: &Source,
    problems: &mut Vec<Diagnostic>,
) {
    let span = source.span(spec.range.clone());
    let label = "who is on the way can read it, and put in what they like";
    let problem = Diagnostic::error(what.replace("{}", name), span, label).warning();
    problems.push(problem.hint("use https, with ca_file for a CA of your own"));
}

/// Whether a route also takes callers whom nobody knows, under the route's own limits.
pub(super) fn takes_everyone(route: &RouteText) -> bool {
    route.auth.value.0.iter().any(|name| name == EVERYONE)
}

/// A limit by a claim needs methods that find claims out: others would all count together.
pub(super) fn check_claim_limits(
    name: &str,
    route: &RouteText,
    world: &WorldSpec,
    source: &Source,
    problems: &mut Vec<Diagnostic>,
) {
    let finds_claims = |method: &&String| {
        let spec = world.authenticators.get(*method).map(|spec| &spec.value);
        match spec {
            // Callers whom nobody knows are under limits of their own.
            None => *method == EVERYONE,
            Some(
                AuthenticatorSpec::Basic(_)
                | AuthenticatorSpec::External(_)
                | AuthenticatorSpec::Mtls(_)
                | AuthenticatorSpec::Signature(_),
            ) => false,
            Some(_) => true,
        }
    };
    let Some(other) = route
        .auth
        .value
        .0
        .iter()
        .find(|method| !finds_claims(method))
    else {
        return;
    };
    for limit in &route.limits {
        let spec = world.limits.get(&limit.value);
        let mut dimensions = spec
            .into_iter()
            .flat_map(|spec| spec.value.per.dimensions());
        if dimensions.any(|dimension| matches!(dimension, Dimension::Claim(_))) {
            let message = format!(
                "the route `{name}` is limited by a claim, which the method `{other}` does not find out"
            );
            let span = source.span(limit.range.clone());
            let problem = Diagnostic::error(message, span, "such callers would count together");
            problems.push(problem.hint("use `per: consumer`, or only methods that take tokens"));
        }
    }
}

pub(super) fn check_methods(
    name: &str,
    route: &RouteText,
    world: &WorldSpec,
    source: &Source,
    problems: &mut Vec<Diagnostic>,
) {
    let methods = &route.auth.value.0;
    let span = || source.span(route.auth.range.clone());
    let anonymous = |method: &String| {
        let spec = world.authenticators.get(method).map(|spec| &spec.value);
        method == EVERYONE || matches!(spec, Some(AuthenticatorSpec::Anonymous(_)))
    };
    for (i, method) in methods.iter().enumerate() {
        let who = format!("callers of the route `{name}` are known by");
        let known = world.authenticators.keys().map(String::as_str);
        let known = known.chain([BY_KEY, EVERYONE]);
        let at = route.auth.range.clone();
        must_be_known(&who, method, at, METHOD, known, source, problems);
        if methods[..i].contains(method) {
            let message = format!("the route `{name}` lists the method `{method}` twice");
            problems.push(Diagnostic::error(message, span(), "twice in this list"));
        }
        if anonymous(method) && i + 1 < methods.len() {
            let message =
                format!("the route `{name}` never comes to what stands behind `{method}`");
            let problem = Diagnostic::error(message, span(), "takes everyone before the last");
            problems.push(problem.hint(format!("write `{method}` last")));
        }
    }
}
