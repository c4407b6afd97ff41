//! Tokens that mean nothing to us: their issuer is asked (OAuth 2.0 Token Introspection, RFC 7662).

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use http::HeaderMap;
use http::request::Parts;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use tidegate_model::{ByteSize, Now, Period, Wall};

use super::json::Json;
use super::rules::{Rules, judge};
use super::{TokenDenied, http_url};
use crate::asked::{Answers, Keep, Said};
use crate::authorization::{Presented, conceal, presented};
use crate::digest_cache::Digest;
use crate::shared::{Contradictions, cache_max, in_flight_max, no_time};
use crate::{Authenticator, Denied, Finding, Scheme, Wanted};

const SCHEME: &str = "Bearer";
/// What was said is not believed for longer.
const TTL_MAX: Period = Period::from_secs(3_600);
const IN_FLIGHT_MAX: usize = 4_096;

/// Tokens that an issuer is asked about.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IntrospectionSpec {
    /// Where it is asked.
    pub url: String,
    /// Who we are to it.
    pub client_id: String,
    /// The file that holds our secret, relative to the data folder.
    pub client_secret_file: PathBuf,
    /// Certificates that the server's must descend from, in place of the system's; relative to the
    /// data folder.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// For whom tokens are: one of these must be in `aud`. Any if left out.
    #[serde(default)]
    pub audiences: Vec<String>,
    /// To which client: one of these must be `client_id`. Any if left out.
    #[serde(default)]
    pub client_ids: Vec<String>,
    /// Members of the answer that must be there with one of these values.
    #[serde(default)]
    pub required_claims: BTreeMap<String, Vec<String>>,
    /// The member that names the consumer.
    #[serde(default)]
    pub consumer_claim: Option<String>,
    /// The member that names the plan.
    #[serde(default)]
    pub plan_claim: Option<String>,
    /// The member that lists roles.
    #[serde(default)]
    pub roles_claim: Option<String>,
    /// How long a yes holds, if the token does.
    #[serde(default = "active_ttl")]
    pub active_ttl: Period,
    /// How long a no holds.
    #[serde(default = "inactive_ttl")]
    pub inactive_ttl: Period,
    /// How long a yes holds beyond that while the issuer does not answer.
    #[serde(default = "no_time")]
    pub stale_max: Period,
    /// Until an answer is complete.
    #[serde(default = "timeout")]
    pub timeout: Period,
    /// Questions under way at most; beyond it 503.
    #[serde(default = "in_flight_max")]
    pub in_flight_max: usize,
    /// A larger token is refused.
    #[serde(default = "size_max")]
    pub token_max: ByteSize,
    /// A larger answer is refused.
    #[serde(default = "body_max")]
    pub body_max: ByteSize,
    /// Answers remembered at most.
    #[serde(default = "cache_max")]
    pub cache_max: usize,
}

const fn active_ttl() -> Period {
    Period::from_secs(60)
}

const fn inactive_ttl() -> Period {
    Period::from_secs(10)
}

const fn timeout() -> Period {
    Period::from_secs(2)
}

const fn size_max() -> ByteSize {
    ByteSize::from_kib(8)
}

const fn body_max() -> ByteSize {
    ByteSize::from_kib(64)
}

impl IntrospectionSpec {
    /// What cannot be meant, each with a way out.
    #[must_use]
    pub fn contradictions(&self) -> Vec<(String, &'static str)> {
        let mut found = Contradictions::default();
        found.note(
            http_url(&self.url).is_none(),
            "its url is none that can be asked",
            "write `url: https://id.example.com/oauth2/introspect`",
        );
        found.note(
            self.client_id.is_empty(),
            "its client_id is empty",
            "the issuer must know who asks (RFC 7662 section 2.1)",
        );
        found.note(
            self.active_ttl > TTL_MAX || self.stale_max > TTL_MAX || self.inactive_ttl > TTL_MAX,
            "what it was told would hold for more than an hour",
            "a token that is revoked is taken for so long: `active_ttl: 60s`",
        );
        found.note(
            self.timeout.get().is_zero(),
            "there is no time for an answer",
            "`timeout: 2s`",
        );
        found.note(
            !(1..=IN_FLIGHT_MAX).contains(&self.in_flight_max) || self.cache_max == 0,
            "it can ask nothing, or remember nothing",
            "in_flight_max is 1 to 4096, and cache_max starts at 1",
        );
        found.note(
            self.token_max.bytes() == 0 || self.body_max.bytes() == 0,
            "it takes no token, or no answer, of any size",
            "`token_max: 8KiB`, `body_max: 64KiB`",
        );
        found.0
    }
}

/// Tokens of one issuer that is asked about them.
#[derive(Debug)]
pub struct Introspection {
    name: Arc<str>,
    spec: IntrospectionSpec,
    wanted: Wanted,
    /// What the issuer said lately.
    pub answers: Answers,
}

impl Introspection {
    /// The method of this name.
    #[must_use]
    pub fn new(name: &str, spec: IntrospectionSpec, wanted: Wanted, answers: Answers) -> Self {
        Self {
            name: name.into(),
            spec,
            wanted,
            answers,
        }
    }

    /// What was configured.
    #[must_use]
    pub const fn spec(&self) -> &IntrospectionSpec {
        &self.spec
    }

    /// The token to ask about, if there is one.
    #[must_use]
    pub fn token<'h>(&self, head: &'h Parts) -> Option<(&'h str, Digest)> {
        match presented(head, SCHEME) {
            Presented::Credentials(token) if self.is_token(token) => {
                Some((token, Sha256::digest(token).into()))
            }
            _ => None,
        }
    }

    /// RFC 6750 section 2.1.
    fn is_token(&self, token: &str) -> bool {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~+/=".contains(&b);
        (1..=self.spec.token_max.as_usize()).contains(&token.len()) && token.bytes().all(plain)
    }

    /// What an answer says of a token; it is remembered.
    ///
    /// # Errors
    /// A sentence, if it is no answer.
    pub fn judge(&self, digest: Digest, answer: &[u8], now: Wall) -> Result<Said, String> {
        let answer = Json::object(answer).ok_or("the answer is no plain JSON object")?;
        let said = match answer.get("active") {
            Some(Json::Bool(true)) => {
                let judged = judge(&self.name, self.rules(), &self.wanted, &answer, now);
                judged.map(Arc::new).map_err(Denied::Token)
            }
            Some(Json::Bool(false)) => Err(Denied::Token(TokenDenied::Inactive)),
            _ => return Err("the answer does not say whether the token is active".to_owned()),
        };
        let fresh = match said.is_ok() {
            true => self.spec.active_ttl,
            false => self.spec.inactive_ttl,
        };
        let keep = Keep {
            fresh: fresh.get().as_secs(),
            stale: self.spec.stale_max.get().as_secs(),
        };
        self.answers.remember(digest, &said, keep, now);
        Ok(said)
    }

    fn rules(&self) -> Rules<'_> {
        Rules {
            audiences: &self.spec.audiences,
            client_ids: &self.spec.client_ids,
            required_claims: &self.spec.required_claims,
            consumer_claim: self.spec.consumer_claim.as_deref(),
            plan_claim: self.spec.plan_claim.as_deref(),
            roles_claim: self.spec.roles_claim.as_deref(),
            // The issuer's word is of this moment.
            leeway_secs: 0,
            for_ever: true,
        }
    }
}

impl Authenticator for Introspection {
    fn name(&self) -> &str {
        &self.name
    }

    fn identify(&self, head: &Parts, _: Scheme, now: Now) -> Finding {
        let digest = match (presented(head, SCHEME), self.token(head)) {
            (Presented::Absent, _) => return Finding::Absent,
            (_, Some((_, digest))) => digest,
            (_, None) => return Finding::Denied(Denied::Token(TokenDenied::Malformed)),
        };
        let otherwise = Denied::Token(TokenDenied::IssuerDown);
        let known = self.answers.fresh(&digest, now.wall);
        known.unwrap_or(Finding::Ask(otherwise))
    }

    fn scheme(&self) -> &'static str {
        SCHEME
    }

    fn conceal(&self, headers: &mut HeaderMap) {
        conceal(headers, SCHEME);
    }
}

#[cfg(test)]
mod tests {
    use http::Request;
    use tidegate_model::Mono;

    use super::*;

    fn method() -> Introspection {
        let spec: IntrospectionSpec = serde_json::from_str(
            r#"{"url":"https://id.example/i","client_id":"gw","client_secret_file":"s",
                "audiences":["api"],"roles_claim":"roles","stale_max":"30s"}"#,
        )
        .unwrap();
        assert_eq!(spec.contradictions(), []);
        let answers = Answers::new(100, Arc::default());
        Introspection::new("opaque", spec, Wanted::default(), answers)
    }

    fn head(field: &str) -> Parts {
        let request = Request::get("/").header("authorization", field);
        request.body(()).unwrap().into_parts().0
    }

    fn at(secs: u64) -> Now {
        Now {
            mono: Mono::from_millis(0),
            wall: Wall::from_unix_secs(secs),
        }
    }

    #[test]
    fn a_token_is_asked_about_once_for_its_time() {
        let method = method();
        let head = head("Bearer abc");
        assert!(matches!(
            method.identify(&head, Scheme::Https, at(100)),
            Finding::Ask(_)
        ));
        let (_, digest) = method.token(&head).unwrap();
        let answer =
            br#"{"active":true,"sub":"ada","aud":"api","scope":"a b","roles":["ops"],"exp":130}"#;
        let said = method.judge(digest, answer, at(100).wall).unwrap().unwrap();
        assert_eq!(said.account, "opaque:ada");
        assert_eq!((said.scopes.len(), said.roles.len()), (2, 1));
        let later = |secs| method.identify(&head, Scheme::Https, at(secs));
        assert!(matches!(later(129), Finding::Verified(_)));
        assert!(
            matches!(later(130), Finding::Ask(_)),
            "over, although 60s are not"
        );
    }

    #[test]
    fn what_an_issuer_says_is_judged_like_a_token() {
        let method = method();
        for (answer, want) in [
            (r#"{"active":false}"#, Ok(TokenDenied::Inactive)),
            (
                r#"{"active":true,"sub":"a","aud":"web"}"#,
                Ok(TokenDenied::Audience),
            ),
            (r#"{"active":true,"aud":"api"}"#, Ok(TokenDenied::Claim)),
            (
                r#"{"active":true,"sub":"a","aud":"api","exp":100}"#,
                Ok(TokenDenied::Expired),
            ),
            (
                r#"{"active":true,"sub":"a","aud":"api","nbf":101}"#,
                Ok(TokenDenied::NotYet),
            ),
            (r#"{"active":"true","sub":"a","aud":"api"}"#, Err(())),
            (
                r#"{"active":false,"active":true,"sub":"a","aud":"api"}"#,
                Err(()),
            ),
            ("{}", Err(())),
            ("", Err(())),
        ] {
            let said = method.judge([0; 32], answer.as_bytes(), at(100).wall);
            let said = said.map(|said| said.unwrap_err()).map_err(|_| ());
            assert_eq!(said, want.map(Denied::Token), "{answer}");
        }
    }

    #[test]
    fn what_is_no_token_is_asked_nobody() {
        let method = method();
        for field in ["Bearer ", "Bearer a b", "Bearer a&token=b", "Bearer \u{e4}"] {
            let said = method.identify(&head(field), Scheme::Https, at(0));
            assert!(matches!(said, Finding::Denied(_)), "{field}");
        }
        let long = format!("Bearer {}", "a".repeat(8_193));
        assert!(matches!(
            method.identify(&head(&long), Scheme::Https, at(0)),
            Finding::Denied(_)
        ));
        assert!(matches!(
            method.identify(&head("Basic YTpi"), Scheme::Https, at(0)),
            Finding::Absent
        ));
    }
}
