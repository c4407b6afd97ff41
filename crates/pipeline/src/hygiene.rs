//! Is this a request that we forward at all?
//!
//! What a service behind us could read differently than we do is refused here, before anything else
//! looks at it.

use std::borrow::Cow;
use std::net::IpAddr;

use http::header::{CONTENT_LENGTH, EXPECT, HOST, TRANSFER_ENCODING, VIA};
use http::request::Parts;
use http::{HeaderMap, Method, Version};
use tidegate_identity::Scheme;
use tidegate_model::{Exposure, Prefix};

use crate::forward::PSEUDONYM;
use crate::path::normalize;
use crate::spine::Arrival;
use crate::{BadPath, Refusal};

/// How often a request may have passed through us: once a region, and one to spare.
const HOPS_MAX: usize = 8;

/// Where a request came from, as the connection tells.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'c> {
    /// The other end of the connection.
    pub peer: IpAddr,
    /// Whether the connection is encrypted.
    pub secure: bool,
    /// Proxies in front of us whose `X-Forwarded-For` is believed.
    pub trusted_proxies: &'c [Prefix],
    /// How far out the door stands that it came in by.
    pub exposure: Exposure,
}

/// Checks a request's head.
///
/// # Errors
/// A [`Refusal`] if it is ambiguous or not to be forwarded.
pub fn arrive<'r>(head: &'r Parts, origin: Origin<'_>) -> Result<Arrival<'r>, Refusal> {
    check_framing(head)?;
    if matches!(head.method, Method::CONNECT | Method::TRACE) {
        return Err(Refusal::Method);
    }
    if let Some(expect) = head.headers.get(EXPECT)
        && !expect.as_bytes().eq_ignore_ascii_case(b"100-continue")
    {
        return Err(Refusal::Expectation);
    }
    let hops = head
        .headers
        .get_all(VIA)
        .iter()
        .flat_map(|via| via.to_str().unwrap_or("").split(','));
    if hops
        .filter(|hop| hop.split_whitespace().nth(1) == Some(PSEUDONYM))
        .count()
        >= HOPS_MAX
    {
        return Err(Refusal::Loop);
    }
    let host = host(head)?;
    let path = match head.uri.path() {
        // `OPTIONS *` asks about the server as a whole, and we have nothing to say about it.
        "*" => return Err(Refusal::Path(BadPath::Relative)),
        "" => Cow::Borrowed("/"),
        path => normalize(path).map_err(Refusal::Path)?,
    };
    let client = client(origin, &head.headers);
    Ok(Arrival {
        head,
        host,
        path,
        client,
        scheme: match origin.secure {
            true => Scheme::Https,
            false => Scheme::Http,
        },
        exposure: origin.exposure,
    })
}

/// RFC 9112 section 6.1: what one side reads as a body another may read as a request.
fn check_framing(head: &Parts) -> Result<(), Refusal> {
    let lengths = head.headers.get_all(CONTENT_LENGTH);
    let length = lengths.iter().next();
    let lengths_differ = lengths.iter().any(|other| Some(other) != length);
    let mut codings = head.headers.get_all(TRANSFER_ENCODING).iter();
    let coding = codings.next();
    let coding_fits = coding.is_none_or(|coding| {
        coding.as_bytes().eq_ignore_ascii_case(b"chunked")
            && codings.next().is_none()
            && head.version == Version::HTTP_11
    });
    let both = coding.is_some() && length.is_some();
    if lengths_differ || !coding_fits || both {
        Err(Refusal::Framing)
    } else {
        Ok(())
    }
}

/// The host that the request names: in its target (HTTP/2, or a target in absolute form) or its one
/// Host header.
fn host(head: &Parts) -> Result<Cow<'_, str>, Refusal> {
    let mut fields = head.headers.get_all(HOST).iter();
    let field = fields
        .next()
        .map(|field| field.to_str().map_err(|_| Refusal::Host))
        .transpose()?;
    if fields.next().is_some() {
        return Err(Refusal::Host);
    }
    let authority = head.uri.authority().map(http::uri::Authority::as_str);
    let named = match (authority, field) {
        // RFC 9110 section 7.2, RFC 9113 section 8.3.1: both may be there, and then they must
        // agree.
        (Some(authority), Some(field)) if !authority.eq_ignore_ascii_case(field) => {
            return Err(Refusal::Host);
        }
        (Some(named), _) | (None, Some(named)) => named,
        (None, None) if head.version == Version::HTTP_10 => return Ok(Cow::Borrowed("")),
        (None, None) => return Err(Refusal::Host),
    };
    bare_host(named).ok_or(Refusal::Host)
}

/// The host in lower case, without port and final dot. `None` if it is no host.
fn bare_host(named: &str) -> Option<Cow<'_, str>> {
    let (host, port) = match named.strip_prefix('[') {
        Some(rest) => {
            let (inside, after) = rest.split_once(']')?;
            inside.parse::<std::net::Ipv6Addr>().ok()?;
            (&named[..inside.len() + 2], after)
        }
        None => named.find(':').map_or((named, ""), |at| named.split_at(at)),
    };
    let port_fits = port.is_empty()
        || port
            .strip_prefix(':')
            .is_some_and(|p| p.bytes().all(|b| b.is_ascii_digit()));
    let host = host.strip_suffix('.').unwrap_or(host);
    let plain = host.starts_with('[')
        || !host.is_empty()
            && host
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'));
    if !port_fits || !plain || host.len() > 253 {
        return None;
    }
    Some(if host.bytes().any(|b| b.is_ascii_uppercase()) {
        Cow::Owned(host.to_ascii_lowercase())
    } else {
        Cow::Borrowed(host)
    })
}

/// The client's address: the other end of the connection, or what trusted proxies say about it, the
/// nearest first.
fn client(origin: Origin<'_>, headers: &HeaderMap) -> IpAddr {
    let trusted = |address: IpAddr| {
        origin
            .trusted_proxies
            .iter()
            .any(|prefix| prefix.contains(address))
    };
    let mut client = origin.peer.to_canonical();
    if !trusted(client) {
        return client;
    }
    for field in headers.get_all("x-forwarded-for").iter().rev() {
        for entry in field.to_str().unwrap_or("").rsplit(',') {
            let Ok(address) = entry.trim().parse::<IpAddr>() else {
                return client;
            };
            client = address.to_canonical();
            if !trusted(client) {
                return client;
            }
        }
    }
    client
}

#[cfg(test)]
mod tests;
