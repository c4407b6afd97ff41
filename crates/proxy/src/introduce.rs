//! What a service is told of the caller, and where it finds the keys to verify it with.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response};
use tidegate_identity::Identity;
use tidegate_model::Wall;
use tidegate_net::Busy;
use tidegate_pipeline::Route;

use crate::body::Answer;
use crate::observe::Story;
use crate::shared::Live;

/// How long others may keep the keys: a new one is to be published for so long before it signs.
const KEYS_KEPT: HeaderValue = HeaderValue::from_static("public, max-age=300");

/// Makes a head say who is calling, and nothing that the client says of it.
pub(crate) fn introduce(
    live: &Live,
    headers: &mut HeaderMap,
    route: &Route,
    caller: Option<&Identity>,
    now: Wall,
) {
    live.snapshot.introduce(headers, route, caller);
    let (Some(signer), Some(caller)) = (&live.signer, caller) else {
        return;
    };
    let name = HeaderName::from_bytes(signer.spec().header.as_bytes());
    if let (Ok(name), Some(statement)) = (name, signer.sign(caller, &route.pool.name, now)) {
        // The map is full at 32,768 entries; a statement that is missing gives nobody a right.
        let _full = headers.try_insert(name, statement);
    }
}

/// The public keys, if that is what is asked for.
pub(crate) fn published<'l>(live: &'l Live, head: &Parts) -> Option<&'l Bytes> {
    let signer = live.signer.as_ref()?;
    let asked = matches!(head.method, Method::GET | Method::HEAD);
    (asked && head.uri.path() == signer.spec().jwks_path).then(|| signer.jwks())
}

pub(crate) fn publish(keys: Bytes, mut story: Story, busy: Busy) -> Response<Answer> {
    story.status = 200;
    let mut response = Response::new(Answer::own(keys, story, busy));
    let headers = response.headers_mut();
    let kind = HeaderValue::from_static("application/jwk-set+json");
    headers.insert(CONTENT_TYPE, kind);
    headers.insert(CACHE_CONTROL, KEYS_KEPT);
    response
}
