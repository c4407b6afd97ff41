//! A set of HTTP methods.

use std::fmt;

use http::Method;
use serde::{Deserialize, Deserializer};

const KNOWN: [Method; 8] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::OPTIONS,
    Method::TRACE,
];

/// Which methods a route takes: a list from the configuration, or any (also ones we have never
/// heard of).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MethodSet {
    bits: u8,
    any: bool,
}

impl MethodSet {
    /// Every method.
    pub const ANY: Self = Self {
        bits: 0xff,
        any: true,
    };
    /// None.
    pub const NONE: Self = Self {
        bits: 0,
        any: false,
    };

    fn bit(method: &Method) -> u8 {
        KNOWN
            .iter()
            .position(|known| known == method)
            .map_or(0, |i| 1 << i)
    }

    /// Whether the set holds `method`.
    #[must_use]
    pub fn contains(self, method: &Method) -> bool {
        self.any || self.bits & Self::bit(method) != 0
    }

    /// Whether a method is in both.
    #[must_use]
    pub const fn overlaps(self, other: Self) -> bool {
        self.bits & other.bits != 0
    }

    /// All methods of both.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self {
            bits: self.bits | other.bits,
            any: self.any || other.any,
        }
    }
}

/// As the Allow field wants it (RFC 9110 section 10.2.1): `GET, HEAD`.
impl fmt::Display for MethodSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut first = true;
        for (i, method) in KNOWN.iter().enumerate() {
            if self.bits & (1 << i) != 0 {
                write!(f, "{}{method}", if first { "" } else { ", " })?;
                first = false;
            }
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for MethodSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let mut bits = 0;
        for name in Vec::<String>::deserialize(deserializer)? {
            let known = KNOWN.iter().position(|m| m.as_str() == name);
            let Some(i) = known else {
                let hint = match KNOWN
                    .iter()
                    .find(|m| m.as_str().eq_ignore_ascii_case(&name))
                {
                    Some(method) => format!("methods are case-sensitive: write {method}"),
                    None => format!(
                        "known methods are {}; leave `methods` out to take any",
                        Self::ANY
                    ),
                };
                return Err(D::Error::custom(format!(
                    "`{name}` is not a method: {hint}"
                )));
            };
            bits |= 1 << i;
        }
        if bits == 0 {
            return Err(D::Error::custom(
                "an empty list takes no request: leave `methods` out to take any",
            ));
        }
        // RFC 9110 section 9.3.2: who answers GET answers HEAD.
        let head = if bits & Self::bit(&Method::GET) != 0 {
            Self::bit(&Method::HEAD)
        } else {
            0
        };
        Ok(Self {
            bits: bits | head,
            any: false,
        })
    }
}
