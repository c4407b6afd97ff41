//! Whose requests are counted together.

use std::fmt;

use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// Dimensions that one limit can combine at most.
const DIMENSIONS_MAX: usize = 4;

/// Whose requests are counted together: those that agree in all of these. Written as one dimension
/// or as a list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Per(Vec<Dimension>);

/// What tells requests apart.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dimension {
    /// The API key, or a token's method and subject.
    Key,
    /// Who is calling: all keys and tokens of one consumer together.
    Consumer,
    /// The client's address: an IPv4 address, or the /64 network of an IPv6 address, which is what
    /// one subscriber has.
    Ip,
    /// The network that the client's address lies in.
    Network(Network),
    /// The value of this request header; requests without it count together.
    Header(String),
    /// The value of this cookie; requests without it count together.
    Cookie(String),
    /// The value of this claim of a verified token; callers without it count together.
    Claim(String),
    /// The route.
    Route,
    /// The host that the client named.
    Host,
    /// The method.
    Method,
    /// Whether the method only reads (GET, HEAD, OPTIONS) or may change something.
    MethodClass,
    /// Nothing: all requests count together, for what a service can bear.
    All,
}

/// How much of an address counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// Leading bits of an IPv4 address, up to 32.
    #[serde(deserialize_with = "bits::<32, _>")]
    pub v4: u8,
    /// Leading bits of an IPv6 address, up to 128.
    #[serde(deserialize_with = "bits::<128, _>")]
    pub v6: u8,
}

impl Network {
    /// What [`Dimension::Ip`] stands for.
    pub const HOST: Self = Self { v4: 32, v6: 64 };
}

impl Dimension {
    /// How it is told to operators: `key`, `header x-tenant`.
    #[must_use]
    pub fn label(&self) -> String {
        match self {
            Self::Key => "key".to_owned(),
            Self::Consumer => "consumer".to_owned(),
            Self::Ip => "ip".to_owned(),
            Self::Network(bits) => format!("network /{} or /{}", bits.v4, bits.v6),
            Self::Header(name) => format!("header {name}"),
            Self::Cookie(name) => format!("cookie {name}"),
            Self::Claim(name) => format!("claim {name}"),
            Self::Route => "route".to_owned(),
            Self::Host => "host".to_owned(),
            Self::Method => "method".to_owned(),
            Self::MethodClass => "method_class".to_owned(),
            Self::All => "all".to_owned(),
        }
    }
}

impl Default for Per {
    fn default() -> Self {
        Self(vec![Dimension::Key])
    }
}

impl From<Dimension> for Per {
    fn from(dimension: Dimension) -> Self {
        Self(vec![dimension])
    }
}

impl Per {
    /// Whether anybody can make up subjects of it: nothing in it was verified.
    #[must_use]
    pub fn is_anonymous(&self) -> bool {
        !self.needs_key()
    }

    /// The dimensions, in the order in which they were written.
    #[must_use]
    pub fn dimensions(&self) -> &[Dimension] {
        &self.0
    }

    /// Whether callers that nobody knows would all count together.
    #[must_use]
    pub fn needs_key(&self) -> bool {
        let verified = |dimension: &Dimension| {
            matches!(
                dimension,
                Dimension::Key | Dimension::Consumer | Dimension::Claim(_)
            )
        };
        self.0.iter().any(verified)
    }
}

impl<'de> Deserialize<'de> for Per {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrMore)
    }
}

struct OneOrMore;

impl<'de> Visitor<'de> for OneOrMore {
    type Value = Per;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a dimension such as key, or a list of them")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Per, E> {
        Dimension::deserialize(StrDeserializer::new(text)).map(Per::from)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Per, A::Error> {
        Dimension::deserialize(MapAccessDeserializer::new(map)).map(Per::from)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Per, A::Error> {
        let mut dimensions = Vec::new();
        while let Some(dimension) = list.next_element()? {
            dimensions.push(dimension);
        }
        if !(1..=DIMENSIONS_MAX).contains(&dimensions.len()) {
            return Err(serde::de::Error::custom(format!(
                "a limit counts by 1 to {DIMENSIONS_MAX} dimensions, not by {}",
                dimensions.len()
            )));
        }
        Ok(Per(dimensions))
    }
}

fn bits<'de, const MAX: u8, D: Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
    let bits = u8::deserialize(deserializer)?;
    if bits > MAX {
        let message = format!("such an address has {MAX} bits");
        return Err(serde::de::Error::custom(message));
    }
    Ok(bits)
}
