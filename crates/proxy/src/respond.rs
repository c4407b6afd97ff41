//! Refusals and answers as HTTP.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CONNECTION, CONTENT_TYPE, RETRY_AFTER, SET_COOKIE, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use tidegate_identity::{Denied, LoginDenied, SignatureDenied, TokenDenied};
use tidegate_limit::{Decision, ratelimit_field};
use tidegate_net::Busy;
use tidegate_pipeline::{Forbidden, Method, Refusal, Route, Snapshot, Terms};

use crate::body::Answer;
use crate::observe::Story;

const BEARER: &str = "Bearer";
const REALM: &str = "tidegate";
const ACCEPT_SIGNATURE: HeaderName = HeaderName::from_static("accept-signature");
const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATELIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const TIDEGATE_LIMITS: HeaderName = HeaderName::from_static("tidegate-limits");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// A client that is told to come back is told when.
const RETRY_SOON: HeaderValue = HeaderValue::from_static("1");

/// Turns a refusal into problem+json (RFC 9457).
pub(crate) fn refuse(
    refusal: &Refusal,
    snapshot: &Snapshot,
    limits: Option<HeaderMap>,
    mut story: Story,
    busy: Busy,
    http1: bool,
) -> Response<Answer> {
    let problem = refusal.problem();
    story.status = problem.status.as_u16();
    story.refusal = refusal.label();
    let mut headers = limits.unwrap_or_default();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/problem+json"),
    );
    if let Ok(id) = HeaderValue::from_str(story.id.as_str()) {
        headers.insert(REQUEST_ID, id);
    }
    match refusal {
        Refusal::MethodNotAllowed(allowed) => {
            if let Ok(allowed) = HeaderValue::from_maybe_shared(allowed.to_string()) {
                headers.insert(ALLOW, allowed);
            }
        }
        Refusal::Limited {
            retry_after_secs, ..
        } => {
            headers.insert(RETRY_AFTER, HeaderValue::from(*retry_after_secs));
        }
        Refusal::Denied(
            Denied::StoreDown
            | Denied::PasswordBusy
            | Denied::AuthorizerDown
            | Denied::Signature(SignatureDenied::NoncesFull | SignatureDenied::BodiesFull)
            | Denied::Login(LoginDenied::ProviderDown)
            | Denied::Token(TokenDenied::KeysDown | TokenDenied::IssuerDown),
        )
        | Refusal::NoEndpoint
        | Refusal::Overloaded => {
            headers.insert(RETRY_AFTER, RETRY_SOON);
        }
        // Another credential would not help: it is a 403.
        Refusal::Denied(Denied::Elsewhere) => {}
        // RFC 9110 section 15.5.2: a 401 says how to do better.
        Refusal::Denied(why) if problem.status == StatusCode::UNAUTHORIZED => {
            if let Some(route) = story.route.map(|ix| &snapshot.routes[ix]) {
                challenge(&mut headers, *why, route, snapshot);
            }
        }
        // RFC 6750 section 3.1: a 403 for want of a scope names those that are needed.
        Refusal::Forbidden(Forbidden::Scope) => {
            if let Some(route) = story.route.map(|ix| &snapshot.routes[ix]) {
                name_scopes(&mut headers, route);
            }
        }
        _ => {}
    }
    if let Some(told) = story.told.take() {
        headers.append(SET_COOKIE, told);
    }
    // HTTP/2 knows no connection fields; a stream that ends early ends alone.
    if refusal.closes() && http1 {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    let body = Bytes::from(refusal.body(story.id.as_str()));
    let mut response = Response::new(Answer::own(body, story, busy));
    *response.status_mut() = problem.status;
    *response.headers_mut() = headers;
    response
}

/// One challenge for each scheme that the route takes. What was wrong with a token is said in the
/// words of RFC 6750 section 3.1, which tell nothing about who exists.
fn challenge(headers: &mut HeaderMap, why: Denied, route: &Route, snapshot: &Snapshot) {
    let mut offered = Vec::new();
    for method in &route.methods {
        let text = match method {
            Method::Key => {
                let header = &snapshot.keys.header;
                format!("ApiKey realm=\"{REALM}\", header=\"{header}\"")
            }
            Method::Other(method) => {
                if let Some(accept) = method.accept_signature() {
                    headers.append(ACCEPT_SIGNATURE, accept.clone());
                }
                let scheme = method.scheme();
                let more = match scheme {
                    BEARER => error_of(why),
                    // RFC 7617 section 2.1: names and passwords are read as UTF-8.
                    "Basic" => ", charset=\"UTF-8\"",
                    _ => "",
                };
                format!("{scheme} realm=\"{REALM}\"{more}")
            }
            Method::Anonymous(_) => continue,
        };
        if offered.contains(&text) {
            continue;
        }
        if let Ok(value) = HeaderValue::from_str(&text) {
            headers.append(WWW_AUTHENTICATE, value);
        }
        offered.push(text);
    }
}

/// Callers by token are told in their scheme's words; others have none for it.
fn name_scopes(headers: &mut HeaderMap, route: &Route) {
    let bearer = |method: &Method| matches!(method, Method::Other(one) if one.scheme() == BEARER);
    if !route.methods.iter().any(bearer) {
        return;
    }
    let wanted = route.require.scopes.iter().chain(&route.require.any_scope);
    let wanted: Vec<&str> = wanted.map(String::as_str).collect();
    let scope = wanted.join(" ");
    let text =
        format!("{BEARER} realm=\"{REALM}\", error=\"insufficient_scope\", scope=\"{scope}\"");
    if let Ok(value) = HeaderValue::from_str(&text) {
        headers.append(WWW_AUTHENTICATE, value);
    }
}

const fn error_of(why: Denied) -> &'static str {
    use TokenDenied as T;
    macro_rules! invalid {
        ($what:literal) => {
            concat!(
                ", error=\"invalid_token\", error_description=\"",
                $what,
                "\""
            )
        };
    }
    match why {
        Denied::Token(why) => match why {
            T::Missing => "",
            T::Malformed => invalid!("The token is not one signed JWT in compact form"),
            T::Header => invalid!("The token's header asks for what is not supported"),
            T::Algorithm => invalid!("The token is signed with an algorithm that is not accepted"),
            T::UnknownKey => invalid!("The token is signed with an unknown key"),
            T::Signature => invalid!("The token's signature is wrong"),
            T::Issuer => invalid!("The token's issuer is not accepted"),
            T::Audience => invalid!("The token is meant for somebody else"),
            T::Expired => invalid!("The token has expired"),
            T::NotYet => invalid!("The token is not valid yet"),
            T::Claim => invalid!("A claim is missing or not accepted"),
            T::Inactive => invalid!("The token is not active"),
            T::KeysDown | T::IssuerDown => "",
        },
        _ => "",
    }
}

/// What a door in debug mode adds: what applied because a region could not be heard, and how long
/// the request waited for room. If it has limits in Redis, also who decided them: `redis`, or what
/// applied without it.
pub(crate) fn debug_field(
    fields: &mut HeaderMap,
    partition: &str,
    unstored: Option<&str>,
    waited: Duration,
) {
    let or = |word: &str, other: &str| match word {
        "" => other.to_owned(),
        word => word.to_owned(),
    };
    let store = unstored.map(|word| format!(", store={}", or(word, "redis")));
    let text = format!(
        "partition={}, waited={}{}",
        or(partition, "none"),
        waited.as_millis(),
        store.unwrap_or_default()
    );
    if let Ok(value) = HeaderValue::from_maybe_shared(text) {
        fields.insert(TIDEGATE_LIMITS, value);
    }
}

/// The RateLimit fields of a decision.
pub(crate) fn limit_fields(
    terms: &Terms,
    snapshot: &Snapshot,
    decision: &Decision,
    plan: Option<&str>,
    scratch: &mut String,
) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(4);
    let limits = terms.limits.iter().map(|&at| &snapshot.limits[at].0);
    ratelimit_field(scratch, limits.zip(decision.verdicts().iter().copied()));
    // Limits in shadow mode are not told of; there may be no others.
    if let Some(field) = HeaderValue::from_str(scratch)
        .ok()
        .filter(|field| !field.is_empty())
    {
        headers.insert(RATELIMIT, field);
    }
    if let Some(policy) = terms.policy(plan) {
        headers.insert(RATELIMIT_POLICY, policy.clone());
    }
    headers
}
