//! Checks of what callers must have: names, words, rules, and whether anybody could have it.

use std::ops::Range;

use tidegate_model::Diagnostic;
use tidegate_rule::Rule;

use super::names::{GROUP, must_be_known};
use crate::auth::{AuthenticatorSpec, EVERYONE};
use crate::{RouteText, Source, WorldSpec};

/// Words of one list.
const WORDS_MAX: usize = 32;

pub(super) fn check_require(
    name: &str,
    route: &RouteText,
    world: &WorldSpec,
    source: &Source,
    problems: &mut Vec<Diagnostic>,
) {
    let require = &route.require.value;
    let whole = || source.span(route.require.range.clone());
    let lists = [&require.scopes, &require.any_scope, &require.roles];
    for words in lists {
        if words.len() > WORDS_MAX {
            let message =
                format!("the route `{name}` requires more than {WORDS_MAX} words in one list");
            problems.push(Diagnostic::error(message, whole(), "this section"));
        }
    }
    for word in lists.into_iter().flatten().filter(|word| !is_word(word)) {
        let message = format!("the route `{name}` requires `{word}`, which nobody can have");
        let problem = Diagnostic::error(message, whole(), "this section");
        problems.push(
            problem.hint("scopes and roles are words without spaces, quotes and backslashes"),
        );
    }
    for group in &require.groups {
        let who = format!("callers of the route `{name}` must be in");
        let known = world.groups.keys().map(String::as_str);
        must_be_known(
            &who,
            &group.value,
            group.range.clone(),
            GROUP,
            known,
            source,
            problems,
        );
    }
    if let Some(rule) = &require.rule
        && let Err(error) = Rule::compile(&rule.value)
    {
        let at = place(source, &rule.range, &rule.value, error.at);
        let message = format!(
            "the rule of the route `{name}` cannot be used: {}",
            error.what
        );
        let problem = Diagnostic::error(message, source.span(at), "here");
        problems.push(
            problem.hint(
                "rules are written in CEL: `claims.org == 'acme' && 'admin' in caller.roles`",
            ),
        );
    }
    check_attainable(name, route, world, source, problems);
}

/// Where a character of a rule stands in the file, if the file has it as it is.
fn place(source: &Source, range: &Range<usize>, rule: &str, at: usize) -> Range<usize> {
    let Some(begin) = source
        .text
        .get(range.clone())
        .and_then(|text| text.find(rule))
    else {
        return range.clone();
    };
    let at = rule
        .char_indices()
        .nth(at)
        .map_or(rule.len(), |(byte, _)| byte);
    // The end of a rule has nothing to point at but what stands before it.
    let at = at.min(rule.len().saturating_sub(1));
    let start = range.start + begin + at;
    let end = source.text[start..]
        .chars()
        .next()
        .map_or(start, |c| start + c.len_utf8());
    start..end
}

/// A scope token (RFC 6749 section 3.3).
fn is_word(word: &str) -> bool {
    !word.is_empty()
        && word
            .bytes()
            .all(|b| matches!(b, b'!' | b'#'..=b'[' | b']'..=b'~'))
}

/// What a method cannot find out, no caller of it can have.
fn check_attainable(
    name: &str,
    route: &RouteText,
    world: &WorldSpec,
    source: &Source,
    problems: &mut Vec<Diagnostic>,
) {
    let require = &route.require.value;
    let scopes = !require.scopes.is_empty() || !require.any_scope.is_empty();
    let roles = !require.roles.is_empty();
    let groups = !require.groups.is_empty();
    let methods = route.auth.value.0.iter().map(String::as_str);
    for method in methods {
        let lacks = match world.authenticators.get(method).map(|spec| &spec.value) {
            Some(AuthenticatorSpec::Anonymous(_)) if scopes || roles || groups => {
                "is known by nothing"
            }
            None if method == EVERYONE && (scopes || roles || groups) => "is known by nothing",
            Some(AuthenticatorSpec::Jwt(jwt)) if roles && jwt.roles_claim.is_none() => {
                "has no roles without `roles_claim`"
            }
            Some(AuthenticatorSpec::Introspection(asked))
                if roles && asked.roles_claim.is_none() =>
            {
                "has no roles without `roles_claim`"
            }
            Some(AuthenticatorSpec::Oidc(login)) if roles && login.roles_claim.is_none() => {
                "has no roles without `roles_claim`"
            }
            Some(AuthenticatorSpec::External(asked)) if roles && asked.roles_header.is_none() => {
                "has no roles without `roles_header`"
            }
            Some(AuthenticatorSpec::External(asked)) if scopes && asked.scopes_header.is_none() => {
                "has no scopes without `scopes_header`"
            }
            Some(AuthenticatorSpec::Signature(signed))
                if roles && signed.keys.values().all(|key| key.roles.is_empty()) =>
            {
                "has no roles, as no key of it has"
            }
            Some(AuthenticatorSpec::Signature(signed))
                if scopes && signed.keys.values().all(|key| key.scopes.is_empty()) =>
            {
                "has no scopes, as no key of it has"
            }
            Some(AuthenticatorSpec::Basic(_) | AuthenticatorSpec::Mtls(_)) if roles || scopes => {
                "has neither roles nor scopes"
            }
            _ => continue,
        };
        let message = format!(
            "the route `{name}` requires what callers of the method `{method}` cannot have"
        );
        let label = format!("who comes by `{method}` {lacks}");
        let span = source.span(route.require.range.clone());
        let problem = Diagnostic::error(message, span, label);
        problems.push(problem.hint("leave the method out of `auth`, or require something else"));
    }
}
