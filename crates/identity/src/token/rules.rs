//! What a token's claims must say, and what they make of its bearer.

use std::collections::BTreeMap;
use std::sync::Arc;

use tidegate_model::Wall;

use super::json::{Json, Object};
use super::{JwtSpec, TokenDenied};
use crate::{Verified, Wanted};

/// A name of a caller, consumer or plan is at most so long.
const NAME_BYTES_MAX: usize = 256;
/// Scopes, and roles, that are kept at most.
const WORDS_MAX: usize = 64;

/// What claims must say, whoever vouches for them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules<'s> {
    pub(crate) audiences: &'s [String],
    pub(crate) client_ids: &'s [String],
    pub(crate) required_claims: &'s BTreeMap<String, Vec<String>>,
    pub(crate) consumer_claim: Option<&'s str>,
    pub(crate) plan_claim: Option<&'s str>,
    pub(crate) roles_claim: Option<&'s str>,
    pub(crate) leeway_secs: u64,
    /// Whether a token that never expires is accepted.
    pub(crate) for_ever: bool,
}

impl<'s> From<&'s JwtSpec> for Rules<'s> {
    fn from(spec: &'s JwtSpec) -> Self {
        Self {
            audiences: &spec.audiences,
            client_ids: &spec.client_ids,
            required_claims: &spec.required_claims,
            consumer_claim: spec.consumer_claim.as_deref(),
            plan_claim: spec.plan_claim.as_deref(),
            roles_claim: spec.roles_claim.as_deref(),
            leeway_secs: spec.leeway.get().as_secs(),
            for_ever: false,
        }
    }
}

/// Judges claims of the right issuer.
pub(crate) fn judge(
    method: &Arc<str>,
    rules: Rules<'_>,
    wanted: &Wanted,
    claims: &Object,
    now: Wall,
) -> Result<Verified, TokenDenied> {
    let over = check_times(rules, claims, now)?;
    check_audience(rules, claims)?;
    for (name, values) in rules.required_claims {
        let claim = find(claims, name).ok_or(TokenDenied::Claim)?;
        if !values.is_empty() && !values.iter().any(|value| holds(claim, value)) {
            return Err(TokenDenied::Claim);
        }
    }
    let subject = ["sub", "client_id", "azp"]
        .into_iter()
        .find_map(|name| claims.get(name));
    let account = format!("{method}:{}", name_in(subject)?);
    let consumer = match rules.consumer_claim {
        Some(claim) => name_in(find(claims, claim))?,
        None => account.clone(),
    };
    // A caller without a plan is under the limits' own amounts.
    let plan = rules.plan_claim.and_then(|claim| find(claims, claim));
    let plan = plan.map(|plan| name_in(Some(plan))).transpose()?;
    let roles = words(rules.roles_claim.and_then(|claim| find(claims, claim)));
    let carried = |name: &String| {
        let value = find(claims, name)?.spelled();
        Some((name.clone(), value))
    };
    Ok(Verified {
        method: Arc::clone(method),
        account,
        consumer,
        plan,
        scopes: scopes(claims),
        roles,
        claims: wanted
            .names
            .iter()
            .filter_map(carried)
            .collect::<BTreeMap<_, _>>(),
        all_claims: wanted
            .all
            .then(|| serde_json::to_value(claims).unwrap_or_default()),
        expires_unix_secs: over,
        body: None,
        renew_unix_secs: None,
    })
}

/// The claim of this name; if there is none and the name has dots, what it leads to.
fn find<'c>(claims: &'c Object, name: &str) -> Option<&'c Json> {
    if let Some(claim) = claims.get(name) {
        return Some(claim);
    }
    let (first, rest) = name.split_once('.')?;
    match claims.get(first)? {
        Json::Object(inner) => find(inner, rest),
        _ => None,
    }
}

/// Whether a claim is this value, or lists it: as a list, or with spaces between as `scope` does.
fn holds(claim: &Json, value: &str) -> bool {
    match claim {
        Json::Text(text) => text == value || text.split(' ').any(|word| word == value),
        Json::List(items) => items.iter().any(|item| item.text() == Some(value)),
        other => other.spelled() == value,
    }
}

/// A claim that names somebody: a text or a number, plain and not too long.
fn name_in(claim: Option<&Json>) -> Result<String, TokenDenied> {
    let name = match claim {
        Some(Json::Text(name)) => name.clone(),
        Some(Json::Number(number)) => number.to_string(),
        _ => return Err(TokenDenied::Claim),
    };
    let plain = !name.is_empty() && !name.chars().any(char::is_control);
    if plain && name.len() <= NAME_BYTES_MAX {
        Ok(name)
    } else {
        Err(TokenDenied::Claim)
    }
}

/// Seconds since the Unix epoch, whole or not (RFC 7519 section 2).
fn date(claims: &Object, name: &str) -> Result<Option<u64>, TokenDenied> {
    match claims.get(name) {
        None => Ok(None),
        Some(Json::Number(number)) => match (number.as_u64(), number.as_f64()) {
            (Some(secs), _) => Ok(Some(secs)),
            (None, Some(secs)) if secs >= 0.0 => Ok(Some(secs as u64)),
            _ => Err(TokenDenied::Claim),
        },
        Some(_) => Err(TokenDenied::Claim),
    }
}

/// From when on the token is refused.
fn check_times(rules: Rules<'_>, claims: &Object, now: Wall) -> Result<Option<u64>, TokenDenied> {
    let (now, leeway) = (now.unix_secs(), rules.leeway_secs);
    let over = date(claims, "exp")?.map(|expires| expires.saturating_add(leeway));
    if over.is_none() && !rules.for_ever {
        return Err(TokenDenied::Claim);
    }
    if over.is_some_and(|over| now >= over) {
        return Err(TokenDenied::Expired);
    }
    for name in ["nbf", "iat"] {
        if date(claims, name)?.is_some_and(|begins| begins > now.saturating_add(leeway)) {
            return Err(TokenDenied::NotYet);
        }
    }
    Ok(over)
}

fn check_audience(rules: Rules<'_>, claims: &Object) -> Result<(), TokenDenied> {
    let meant = |name: &str| rules.audiences.iter().any(|audience| audience == name);
    let for_us = match claims.get("aud") {
        _ if rules.audiences.is_empty() => true,
        Some(Json::Text(audience)) => meant(audience),
        Some(Json::List(list)) => list.iter().filter_map(Json::text).any(meant),
        _ => false,
    };
    let client = ["client_id", "azp"]
        .into_iter()
        .find_map(|name| claims.get(name));
    let client = client.and_then(Json::text);
    let by_client = rules.client_ids.is_empty()
        || client.is_some_and(|client| rules.client_ids.iter().any(|known| known == client));
    if for_us && by_client {
        Ok(())
    } else {
        Err(TokenDenied::Audience)
    }
}

/// `scope` (RFC 8693 section 4.2), or `scp` as some issuers call it.
fn scopes(claims: &Object) -> Vec<String> {
    words(claims.get("scope").or_else(|| claims.get("scp")))
}

/// The words of a text with spaces between, or of a list. A word of a list that has a space in it
/// would read as two further on, so it is none.
fn words(claim: Option<&Json>) -> Vec<String> {
    let words: Vec<&str> = match claim {
        Some(Json::Text(text)) => text.split(' ').collect(),
        Some(Json::List(list)) => list.iter().filter_map(Json::text).collect(),
        _ => Vec::new(),
    };
    let plain = |word: &&str| {
        let strange = |c: char| c.is_control() || c.is_whitespace();
        !word.is_empty() && word.len() <= NAME_BYTES_MAX && !word.contains(strange)
    };
    let plain = words.into_iter().filter(plain).take(WORDS_MAX);
    plain.map(str::to_owned).collect()
}
