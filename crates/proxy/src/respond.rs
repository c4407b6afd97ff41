//! Refusals and answers as HTTP.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use tidegate_identity::Denied;
use tidegate_limit::{Decision, ratelimit_field};
use tidegate_net::Busy;
use tidegate_pipeline::{Refusal, Route, Snapshot};

use crate::body::Answer;
use crate::observe::Story;

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
        Refusal::Denied(Denied::StoreDown) | Refusal::NoEndpoint | Refusal::Overloaded => {
            headers.insert(RETRY_AFTER, RETRY_SOON);
        }
        // RFC 9110 section 15.5.2: a 401 says how to do better.
        Refusal::Denied(_) => {
            let challenge = format!(
                "ApiKey realm=\"tidegate\", header=\"{}\"",
                snapshot.keys.header
            );
            if let Ok(challenge) = HeaderValue::from_maybe_shared(challenge) {
                headers.insert(WWW_AUTHENTICATE, challenge);
            }
        }
        _ => {}
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
    route: &Route,
    snapshot: &Snapshot,
    decision: &Decision,
    plan: Option<&str>,
    scratch: &mut String,
) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(4);
    let limits = route.limits.iter().map(|&at| &snapshot.limits[at].0);
    ratelimit_field(scratch, limits.zip(decision.verdicts().iter().copied()));
    // Limits in shadow mode are not told of; there may be no others.
    if let Some(field) = HeaderValue::from_str(scratch)
        .ok()
        .filter(|field| !field.is_empty())
    {
        headers.insert(RATELIMIT, field);
    }
    if let Some(policy) = route.policy(plan) {
        headers.insert(RATELIMIT_POLICY, policy.clone());
    }
    headers
}
