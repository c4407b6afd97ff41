//! What the gateway itself says of a caller, in words that a service can verify: the claims of a
//! short-lived JWT. A shell signs them.
//!
//! A statement never outlives the credential that it speaks of. It is made anew when half of its
//! time is over, so a service that gets one always has the other half to use it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tidegate_model::{Period, Wall};

use crate::Identity;
use crate::digest_cache::Digest;
use crate::shared::{Contradictions, cache_max};

/// Claims passed on at most.
const CLAIMS_MAX: usize = 32;
/// A statement that lives longer is a credential.
const TTL_MAX: Period = Period::from_secs(3_600);
const TTL_MIN: Period = Period::from_secs(2);

/// A signed statement of who is calling (a JWT), for services that want to verify.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AssertionSpec {
    /// The field that carries it.
    #[serde(default = "header")]
    pub header: String,
    /// Who says so: the claim `iss`.
    pub issuer: String,
    /// Private keys in PEM (PKCS #8): the first signs, all are published. Relative to the data
    /// folder.
    pub key_file: PathBuf,
    /// For whom: the claim `aud`. The upstream's name if left out.
    #[serde(default)]
    pub audience: Option<String>,
    /// How long a statement holds.
    #[serde(default = "ttl")]
    pub ttl: Period,
    /// Claims that are passed on in it.
    #[serde(default)]
    pub claims: Vec<String>,
    /// Where its keys are published, on every door.
    #[serde(default = "jwks_path")]
    pub jwks_path: String,
    /// Statements remembered at most.
    #[serde(default = "cache_max")]
    pub cache_max: usize,
}

fn header() -> String {
    "x-tidegate-assertion".to_owned()
}

const fn ttl() -> Period {
    Period::from_secs(60)
}

fn jwks_path() -> String {
    "/.well-known/tidegate/jwks.json".to_owned()
}

impl AssertionSpec {
    /// What cannot be meant, each with a way out.
    #[must_use]
    pub fn contradictions(&self) -> Vec<(String, &'static str)> {
        let mut found = Contradictions::default();
        found.note(
            self.issuer.is_empty() || self.audience.as_deref() == Some(""),
            "the assertion has an empty issuer or audience",
            "a service compares both: `issuer: https://gateway.example.com`",
        );
        found.note(
            !(TTL_MIN..=TTL_MAX).contains(&self.ttl),
            "the assertion's ttl is not between 2s and 1h",
            "`ttl: 60s`: a service uses it at once, so it need not hold for long",
        );
        found.note(
            self.claims.len() > CLAIMS_MAX,
            "the assertion passes on more than 32 claims",
            "name those that services use",
        );
        found.note(
            self.cache_max == 0,
            "the assertion's cache holds nothing",
            "cache_max starts at 1",
        );
        found.0
    }
}

/// A statement without its times: the same for all requests of a caller to a service.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Statement {
    /// A JSON object without its end.
    open: String,
    expires_unix_secs: Option<u64>,
}

#[derive(Serialize)]
struct Said<'c> {
    iss: &'c str,
    aud: &'c str,
    sub: &'c str,
    auth: &'c str,
    consumer: &'c str,
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<&'c str>,
    #[serde(skip_serializing_if = "String::is_empty")]
    scope: String,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    roles: &'c [String],
    #[serde(skip_serializing_if = "Passed::is_empty")]
    claims: Passed<'c>,
}

/// Claims that are passed on. They stand in an object of their own, so that no issuer can name one
/// that means something to the gateway's own readers.
type Passed<'c> = std::collections::BTreeMap<&'c str, &'c str>;

impl Statement {
    /// What is said of a caller to the service of this name.
    #[must_use]
    pub fn of(spec: &AssertionSpec, caller: &Identity, upstream: &str) -> Self {
        let claim = |name: &'_ String| caller.claim(name);
        let said = Said {
            iss: &spec.issuer,
            aud: spec.audience.as_deref().unwrap_or(upstream),
            sub: caller.account(),
            auth: caller.method(),
            consumer: caller.consumer(),
            plan: caller.plan(),
            scope: caller.scopes().join(" "),
            roles: caller.roles(),
            claims: spec
                .claims
                .iter()
                .filter_map(|name| Some((name.as_str(), claim(name)?)))
                .collect(),
        };
        let mut open = serde_json::to_string(&said).expect("texts and lists are JSON");
        open.pop();
        Self {
            open,
            expires_unix_secs: caller.expires_unix_secs(),
        }
    }

    /// What tells statements apart.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let mut hasher = Sha256::new();
        hasher.update(self.expires_unix_secs.unwrap_or_default().to_le_bytes());
        hasher.update(&self.open);
        hasher.finalize().into()
    }

    /// The claims, and the second from which on a fresh statement is to be made. `None` if the
    /// credential is over.
    #[must_use]
    pub fn claims(&self, ttl: Period, now: Wall) -> Option<(String, u64)> {
        let now = now.unix_secs();
        let over = now.saturating_add(ttl.get().as_secs());
        let over = over.min(self.expires_unix_secs.unwrap_or(u64::MAX));
        let left = over.checked_sub(now).filter(|left| *left > 0)?;
        let claims = format!("{},\"iat\":{now},\"exp\":{over}}}", self.open);
        Some((claims, now + left.div_ceil(2)))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::Verified;

    fn spec() -> AssertionSpec {
        AssertionSpec {
            header: header(),
            issuer: "https://gw.example".to_owned(),
            key_file: PathBuf::new(),
            audience: None,
            ttl: ttl(),
            claims: vec!["iss".to_owned(), "org".to_owned()],
            jwks_path: jwks_path(),
            cache_max: 1,
        }
    }

    fn ada(expires: Option<u64>) -> Identity {
        Identity::of(Arc::new(Verified {
            method: "staff".into(),
            account: "staff:ada".to_owned(),
            consumer: "a\"cme".to_owned(),
            roles: vec!["admin".to_owned()],
            claims: [("iss".to_owned(), "evil".to_owned())].into(),
            expires_unix_secs: expires,
            ..Verified::default()
        }))
    }

    fn at(secs: u64) -> Wall {
        Wall::from_unix_secs(secs)
    }

    #[test]
    fn a_statement_says_who_is_calling_and_holds_for_its_time() {
        let statement = Statement::of(&spec(), &ada(None), "orders");
        let (claims, renew) = statement.claims(ttl(), at(1_000)).unwrap();
        let want = r#"{"iss":"https://gw.example","aud":"orders","sub":"staff:ada","auth":"staff","consumer":"a\"cme","roles":["admin"],"claims":{"iss":"evil"},"iat":1000,"exp":1060}"#;
        assert_eq!(claims, want);
        assert_eq!(renew, 1_030);
    }

    #[test]
    fn it_never_outlives_the_credential() {
        let statement = Statement::of(&spec(), &ada(Some(1_010)), "orders");
        let (claims, renew) = statement.claims(ttl(), at(1_000)).unwrap();
        assert!(claims.ends_with(r#""exp":1010}"#), "{claims}");
        assert_eq!(renew, 1_005);
        assert_eq!(statement.claims(ttl(), at(1_010)), None);
        let longer = Statement::of(&spec(), &ada(Some(1_020)), "orders");
        assert_ne!(longer.digest(), statement.digest());
        let elsewhere = Statement::of(&spec(), &ada(Some(1_010)), "bills");
        assert_ne!(elsewhere.digest(), statement.digest());
    }
}
