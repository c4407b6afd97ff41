//! What the operator wrote about methods of knowing callers.

use std::fmt;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use tidegate_identity::{
    BasicSpec, ExternalSpec, IntrospectionSpec, JwtSpec, LoginSpec, MtlsSpec, SignatureSpec,
};

use crate::Spanned;

/// The method that is always there: API keys, as `keys:` describes them.
pub const BY_KEY: &str = "key";
/// The method that is always there: everyone, under the route's limits.
pub const EVERYONE: &str = "none";
/// Methods that a route can list at most.
const METHODS_MAX: usize = 8;

/// A method, as it is written under `authenticators:`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthenticatorSpec {
    /// Signed tokens of one issuer.
    Jwt(Box<JwtSpec>),
    /// Opaque tokens, of which their issuer is asked.
    Introspection(Box<IntrospectionSpec>),
    /// Clients with certificates.
    Mtls(MtlsSpec),
    /// User names and passwords.
    Basic(BasicSpec),
    /// Callers whom an authorizer judges.
    External(Box<ExternalSpec>),
    /// Callers who sign their requests.
    Signature(Box<SignatureSpec>),
    /// Browsers that log in at an OpenID provider.
    Oidc(Box<LoginSpec>),
    /// Everyone who shows no credential.
    Anonymous(AnonymousSpec),
}

/// Callers whom nobody knows.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnonymousSpec {
    /// The limits that they are under, in place of the route's.
    pub limits: Vec<Spanned<String>>,
}

/// The methods of a route, in order: a name, or a list of names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Methods(pub Vec<String>);

impl Methods {
    /// Closed unless opened: a route that says nothing asks for a key.
    #[must_use]
    pub fn by_key() -> Self {
        Self(vec![BY_KEY.to_owned()])
    }

    /// Whether it is this method and no other.
    #[must_use]
    pub fn is_only(&self, name: &str) -> bool {
        matches!(&self.0[..], [only] if only == name)
    }
}

impl<'de> Deserialize<'de> for Methods {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrMore)
    }
}

struct OneOrMore;

impl<'de> Visitor<'de> for OneOrMore {
    type Value = Methods;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a method such as key, or a list of them")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Methods, E> {
        Ok(Methods(vec![text.to_owned()]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Methods, A::Error> {
        let mut names = Vec::new();
        while let Some(name) = list.next_element()? {
            names.push(name);
        }
        if (1..=METHODS_MAX).contains(&names.len()) {
            return Ok(Methods(names));
        }
        Err(serde::de::Error::custom(format!(
            "a route has 1 to {METHODS_MAX} methods, not {}",
            names.len()
        )))
    }
}
