//! Whose requests a limit counts together: a request, seen along the limit's dimensions.

use std::net::IpAddr;

use http::HeaderMap;
use http::header::COOKIE;
use tidegate_identity::KeyRecord;
use tidegate_limit::{Dimension, Limit, Naming, Network, SubjectKey};

use crate::Arrival;

/// The subject of `limit` that a request belongs to.
pub(crate) fn subject(
    seed: u64,
    limit: &Limit,
    arrival: &Arrival<'_>,
    route: &str,
    key: Option<&KeyRecord>,
) -> SubjectKey {
    let dimensions = limit.per.dimensions().iter();
    let named = dimensions.fold(Naming::new(seed, limit.id), |naming, dimension| {
        name_by(naming, dimension, arrival, route, key)
    });
    named.key()
}

/// Adds what a request is in one dimension. What it does not have is empty: such requests count
/// together.
fn name_by(
    naming: Naming,
    dimension: &Dimension,
    arrival: &Arrival<'_>,
    route: &str,
    key: Option<&KeyRecord>,
) -> Naming {
    let headers = &arrival.head.headers;
    match dimension {
        Dimension::Key => naming.with(key.map_or(&b""[..], |key| key.kid.as_bytes())),
        Dimension::Consumer => naming.with(key.map_or(&b""[..], |key| key.consumer.as_bytes())),
        Dimension::Ip => network(naming, arrival.client, Network::HOST),
        Dimension::Network(bits) => network(naming, arrival.client, *bits),
        Dimension::Header(name) => {
            let value = headers.get(name.as_str());
            naming.with(value.map_or(&b""[..], |value| value.as_bytes()))
        }
        Dimension::Cookie(name) => naming.with(cookie(headers, name).unwrap_or_default()),
        Dimension::Route => naming.with(route.as_bytes()),
        Dimension::Host => naming.with(arrival.host.as_bytes()),
        Dimension::Method => naming.with(arrival.head.method.as_str().as_bytes()),
        Dimension::MethodClass => {
            let reads = arrival.head.method.is_safe();
            naming.with(if reads { b"read" } else { b"write" })
        }
        Dimension::All => naming.with(b""),
    }
}

fn network(naming: Naming, client: IpAddr, bits: Network) -> Naming {
    // A shift by all bits is none that the machine knows: then nothing of the address counts.
    match client.to_canonical() {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits.v4)).unwrap_or(0);
            naming.with(&(u32::from(address) & mask).to_be_bytes())
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits.v6)).unwrap_or(0);
            naming.with(&(u128::from(address) & mask).to_be_bytes())
        }
    }
}

/// The value of the first cookie of this name (RFC 6265 section 4.2.1).
fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h [u8]> {
    let fields = headers.get_all(COOKIE).into_iter();
    let mut pairs = fields.flat_map(|field| field.as_bytes().split(|byte| *byte == b';'));
    pairs.find_map(|pair| {
        let value = pair.trim_ascii().strip_prefix(name.as_bytes())?;
        value.strip_prefix(b"=")
    })
}

#[cfg(test)]
mod tests {
    use http::Request;
    use tidegate_limit::{LimitSpec, Per};

    use super::*;
    use crate::{Origin, arrive};

    /// Subjects of a limit by `per` for requests that are told apart by one thing only.
    fn subjects(per: Per, edits: &[(&str, &str, &str)]) -> Vec<SubjectKey> {
        let spec = LimitSpec {
            per,
            ..LimitSpec::new(1.try_into().unwrap(), "1m".parse().unwrap())
        };
        let limit = Limit::new("l", &spec);
        let subject_of = |(client, name, value): &(&str, &str, &str)| {
            let method = if *name == "method" { value } else { "GET" };
            let host = if *name == "host" { value } else { "h" };
            let route = if *name == "route" { value } else { "r" };
            let mut request = Request::builder()
                .method(method)
                .uri("/")
                .header("host", host);
            if !matches!(*name, "" | "method" | "host" | "route") {
                request = request.header(*name, *value);
            }
            let (head, ()) = request.body(()).unwrap().into_parts();
            let origin = Origin {
                peer: client.parse().unwrap(),
                secure: false,
                trusted_proxies: &[],
            };
            let arrival = arrive(&head, origin).unwrap();
            subject(7, &limit, &arrival, route, None)
        };
        edits.iter().map(subject_of).collect()
    }

    fn same(per: impl Into<Per>, a: (&str, &str, &str), b: (&str, &str, &str)) -> bool {
        let both = subjects(per.into(), &[a, b]);
        both[0] == both[1]
    }

    #[test]
    fn requests_differ_in_the_dimensions_that_count_and_in_no_other() {
        let any = ("203.0.113.5", "", "");
        let with = |name, value| ("203.0.113.5", name, value);
        for (dimension, one, other) in [
            (Dimension::Route, with("route", "a"), with("route", "b")),
            (Dimension::Host, with("host", "a"), with("host", "b")),
            (
                Dimension::Method,
                with("method", "GET"),
                with("method", "PUT"),
            ),
            (
                Dimension::MethodClass,
                with("method", "HEAD"),
                with("method", "PATCH"),
            ),
            (
                Dimension::Header("x-t".to_owned()),
                with("x-t", "a"),
                with("x-t", "b"),
            ),
            (
                Dimension::Cookie("sid".to_owned()),
                with("cookie", "a=1; sid=2"),
                with("cookie", "sid=3; a=1"),
            ),
            (Dimension::Ip, any, ("203.0.113.6", "", "")),
        ] {
            assert!(!same(dimension.clone(), one, other), "{dimension:?}");
            assert!(same(Dimension::All, one, other), "{dimension:?}");
            assert!(same(dimension, one, one));
        }
        let sid = Dimension::Cookie("sid".to_owned());
        assert!(
            same(sid.clone(), with("cookie", "xsid=2"), any),
            "another cookie"
        );
        assert!(same(
            sid,
            with("cookie", "b=1; sid=2"),
            with("cookie", "sid=2")
        ));
    }

    #[test]
    fn networks_are_cut_where_they_say() {
        let net = |v4, v6| Dimension::Network(Network { v4, v6 });
        let at = |address: &'static str| (address, "", "");
        assert!(same(net(24, 48), at("203.0.113.5"), at("203.0.113.250")));
        assert!(!same(net(24, 48), at("203.0.113.5"), at("203.0.114.5")));
        assert!(same(
            net(24, 48),
            at("2001:db8:1:2::1"),
            at("2001:db8:1:9::1")
        ));
        assert!(!same(net(24, 48), at("2001:db8:1::1"), at("2001:db8:2::1")));
        assert!(same(net(0, 0), at("203.0.113.5"), at("9.9.9.9")));
        assert!(same(Dimension::Ip, at("2001:db8::1"), at("2001:db8::2")));
        assert!(same(
            Dimension::Ip,
            at("203.0.113.5"),
            at("::ffff:203.0.113.5")
        ));
    }
}
