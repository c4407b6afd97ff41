//! What changes on the way through: hop-by-hop fields go, the traces of our own hop come.

use std::net::IpAddr;

use http::header::{
    CONNECTION, HOST, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, SERVER, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE, VIA,
};
use http::{HeaderMap, HeaderName, HeaderValue, Version};

/// Our name in `Via` (RFC 9110 section 7.6.3): the same everywhere, since it must not tell machines
/// apart.
pub(crate) const PSEUDONYM: &str = "tidegate";

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const FORWARDED: HeaderName = HeaderName::from_static("forwarded");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Who asks, for the service behind.
#[derive(Clone, Copy, Debug)]
pub struct Forwarding<'r> {
    /// The client's address.
    pub client: IpAddr,
    /// Whether the peer is a trusted proxy, whose own notes on the way are kept.
    pub through_trusted: bool,
    /// Whether the client's connection is encrypted.
    pub secure: bool,
    /// The host that the client named.
    pub host: &'r str,
    /// The request's name in logs.
    pub request_id: &'r RequestId,
}

/// A request's name in logs: the client's own if it is plain, else ours.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RequestId(HeaderValue);

impl RequestId {
    const LEN_MAX: usize = 64;

    /// Takes over the client's, or makes one of `random`.
    #[must_use]
    pub fn of(headers: &HeaderMap, random: u64) -> Self {
        let plain = |v: &&HeaderValue| {
            (1..=Self::LEN_MAX).contains(&v.len())
                && v.as_bytes()
                    .iter()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':'))
        };
        match headers.get(REQUEST_ID).filter(plain) {
            Some(theirs) => Self(theirs.clone()),
            None => {
                let mut hex = [0; 16];
                for (i, digit) in hex.iter_mut().enumerate() {
                    *digit = b"0123456789abcdef"[(random >> (60 - 4 * i)) as usize & 15];
                }
                Self(HeaderValue::from_bytes(&hex).expect("hexadecimal digits are a header value"))
            }
        }
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.to_str().expect("checked on arrival")
    }
}

/// Removes what belongs to one connection only (RFC 9110 section 7.6.1).
pub(crate) fn strip_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .flat_map(|field| field.as_bytes().split(|b| *b == b','))
        .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
        // A client must not use Connection to take away what others rely on.
        .filter(|name| {
            !matches!(
                name.as_str(),
                "host" | "via" | "content-length" | "cache-control" | "authorization"
            )
        })
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in [
        CONNECTION,
        KEEP_ALIVE,
        PROXY_CONNECTION,
        TE,
        TRANSFER_ENCODING,
        UPGRADE,
    ] {
        headers.remove(name);
    }
}

/// Adds us to the list of those whom a message has passed.
pub(crate) fn append_via(headers: &mut HeaderMap, version: Version) {
    let via = match version {
        Version::HTTP_10 => HeaderValue::from_static("1.0 tidegate"),
        Version::HTTP_2 => HeaderValue::from_static("2 tidegate"),
        _ => HeaderValue::from_static("1.1 tidegate"),
    };
    // The map is full at 32,768 entries; then the loop guard is lost, nothing else.
    let _full = headers.try_append(VIA, via);
}

/// Makes a client's head fit for the service. The host that the client named stays.
pub fn forward_request(headers: &mut HeaderMap, version: Version, forwarding: &Forwarding<'_>) {
    strip_hop_by_hop(headers);
    headers.remove(PROXY_AUTHORIZATION);
    // What comes after the body could say what the head must not; a service reads both as one.
    headers.remove(TRAILER);
    if !forwarding.through_trusted {
        // Whoever is not trusted has nothing to say about where the request came from.
        headers.remove(FORWARDED);
        headers.remove(FORWARDED_FOR);
    }
    let mut set = |name, value: Result<HeaderValue, _>| {
        if let Ok(value) = value {
            headers.insert(name, value);
        }
    };
    set(
        FORWARDED_FOR,
        HeaderValue::from_maybe_shared(forwarding.client.to_string()),
    );
    set(
        FORWARDED_PROTO,
        Ok(HeaderValue::from_static(if forwarding.secure {
            "https"
        } else {
            "http"
        })),
    );
    set(FORWARDED_HOST, HeaderValue::from_str(forwarding.host));
    set(REQUEST_ID, Ok(forwarding.request_id.0.clone()));
    if !headers.contains_key(HOST) {
        // HTTP/2 names the host in :authority only.
        if let Ok(host) = HeaderValue::from_str(forwarding.host) {
            headers.insert(HOST, host);
        }
    }
    append_via(headers, version);
}

/// Makes a service's head fit for the client.
pub fn forward_response(headers: &mut HeaderMap, version: Version, request_id: &RequestId) {
    strip_hop_by_hop(headers);
    headers.remove(PROXY_AUTHENTICATE);
    // What software runs behind us is nobody's business.
    headers.remove(SERVER);
    headers.remove("x-powered-by");
    headers.remove(TRAILER);
    headers.insert(REQUEST_ID, request_id.0.clone());
    append_via(headers, version);
}

#[cfg(test)]
mod tests;
