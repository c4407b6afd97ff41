//! Whose requests a limit counts together: a request, seen along the limit's dimensions.

use std::fmt;
use std::net::IpAddr;

use http::HeaderMap;
use http::header::COOKIE;
use tidegate_identity::Identity;
use tidegate_limit::{Dimension, Limit, Naming, Network, SubjectKey};

use crate::Arrival;

/// The subject of `limit` that a request belongs to.
pub(crate) fn subject(
    seed: u64,
    limit: &Limit,
    arrival: &Arrival<'_>,
    route: &str,
    caller: Option<&Identity>,
) -> SubjectKey {
    let dimensions = limit.per.dimensions().iter();
    let named = dimensions.fold(Naming::new(seed, limit.id), |naming, dimension| {
        name_by(naming, dimension, arrival, route, caller)
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
    caller: Option<&Identity>,
) -> Naming {
    let headers = &arrival.head.headers;
    match dimension {
        Dimension::Key => naming.with(caller.map_or("", Identity::account).as_bytes()),
        Dimension::Consumer => naming.with(caller.map_or("", Identity::consumer).as_bytes()),
        Dimension::Claim(name) => {
            let value = caller.and_then(|caller| caller.claim(name));
            naming.with(value.unwrap_or_default().as_bytes())
        }
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

/// The values do not name a subject of the limit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NotNamed {
    /// Too many or too few.
    Values {
        /// What the limit counts by: a value each.
        by: Vec<String>,
        /// How many values there are.
        given: usize,
    },
    /// An address was expected.
    Address(String),
}

impl fmt::Display for NotNamed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Values { by, given } if by.is_empty() => {
                write!(
                    f,
                    "this limit counts all requests together: it takes no value, not {given}"
                )
            }
            Self::Values { by, given } => {
                let by = by.join(", ");
                write!(
                    f,
                    "this limit counts by {by}: it takes a value for each, in this order, not {given}"
                )
            }
            Self::Address(text) => write!(f, "`{text}` is no IP address"),
        }
    }
}

/// The subject of `limit` that operators name by these values: one for each dimension but `all`,
/// in their order. Of a network any address will do.
pub(crate) fn named(seed: u64, limit: &Limit, values: &[&str]) -> Result<SubjectKey, NotNamed> {
    let dimensions = limit.per.dimensions();
    let told_apart = dimensions.iter().filter(|by| **by != Dimension::All);
    let by: Vec<String> = told_apart.map(Dimension::label).collect();
    if by.len() != values.len() {
        let given = values.len();
        return Err(NotNamed::Values { by, given });
    }
    let mut values = values.iter().copied();
    let mut naming = Naming::new(seed, limit.id);
    for dimension in dimensions {
        naming = match dimension {
            Dimension::All => naming.with(b""),
            Dimension::Ip => network(naming, address(values.next())?, Network::HOST),
            Dimension::Network(bits) => network(naming, address(values.next())?, *bits),
            Dimension::Key
            | Dimension::Consumer
            | Dimension::Header(_)
            | Dimension::Cookie(_)
            | Dimension::Claim(_)
            | Dimension::Route
            | Dimension::Host
            | Dimension::Method
            | Dimension::MethodClass => naming.with(values.next().unwrap_or_default().as_bytes()),
        };
    }
    Ok(naming.key())
}

fn address(text: Option<&str>) -> Result<IpAddr, NotNamed> {
    let text = text.unwrap_or_default();
    text.parse().map_err(|_| NotNamed::Address(text.to_owned()))
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

    fn limit(per: Per) -> Limit {
        let spec = LimitSpec {
            per,
            ..LimitSpec::new(1.try_into().unwrap(), "1m".parse().unwrap())
        };
        Limit::new("l", &spec)
    }

    /// Subjects of a limit by `per` for requests that are told apart by one thing only.
    fn subjects(per: Per, edits: &[(&str, &str, &str)]) -> Vec<SubjectKey> {
        let limit = limit(per);
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
                exposure: tidegate_model::Exposure::Public,
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
    fn operators_name_the_subject_that_requests_get() {
        let request = ("203.0.113.5", "cookie", "sid=2");
        let bits = Network { v4: 24, v6: 48 };
        for (per, values) in [
            (Per::from(Dimension::All), &[][..]),
            (Dimension::Ip.into(), &["203.0.113.5"]),
            (Dimension::Network(bits).into(), &["203.0.113.77"]),
            (Dimension::Cookie("sid".to_owned()).into(), &["2"]),
            (Dimension::Header("x-none".to_owned()).into(), &[""]),
            (Dimension::Key.into(), &[""]),
        ] {
            let limit = limit(per.clone());
            let of_request = subjects(per, &[request])[0];
            assert_eq!(named(7, &limit, values), Ok(of_request), "{values:?}");
            assert!(named(7, &limit, &["a", "b", "c", "d"]).is_err());
        }
        let by_address = limit(Dimension::Ip.into());
        assert_eq!(
            named(7, &by_address, &["acme"]),
            Err(NotNamed::Address("acme".to_owned()))
        );
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
