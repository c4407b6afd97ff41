//! Callers whom somebody else judges: each request is described to an authorizer, over HTTP, where
//! its status decides (as nginx's `auth_request` and Traefik's ForwardAuth do), or in Envoy's
//! protocol over gRPC. What is asked and what an answer means is the same for both.

use std::path::PathBuf;
use std::sync::Arc;

use http::request::Parts;
use http::{HeaderMap, HeaderName, StatusCode};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use tidegate_model::{ByteSize, Now, Period, Wall};

use crate::asked::{Answers, Keep, Said};
use crate::digest_cache::Digest;
use crate::shared::{Contradictions, cache_max, in_flight_max, no_time};
use crate::token::http_url;
use crate::{Authenticator, Denied, Finding, Scheme, Verified};

const TTL_MAX: Period = Period::from_secs(3_600);
const TIMEOUT_MAX: Period = Period::from_secs(30);
const FIELDS_MAX: usize = 16;
const IN_FLIGHT_MAX: usize = 4_096;
/// A name in an answer is at most so long, and so are the words of a list together.
const VALUE_MAX: usize = 4_096;
const WORDS_MAX: usize = 64;

/// An authorizer.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExternalSpec {
    /// Where it is asked: with GET, or of gRPC the server alone.
    pub url: String,
    /// How it is asked.
    #[serde(default)]
    pub protocol: ExternalProtocol,
    /// Certificates that the server's must descend from, in place of the system's; relative to the
    /// data folder.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Fields with credentials: they are passed on to it. A request with none of them is left to
    /// the next method.
    #[serde(default = "credentials")]
    pub credentials: Vec<String>,
    /// Further fields that are passed on to it.
    #[serde(default)]
    pub fields: Vec<String>,
    /// The field of its answer that names the caller. Without it all are one.
    #[serde(default)]
    pub account_header: Option<String>,
    /// The field that names the consumer.
    #[serde(default)]
    pub consumer_header: Option<String>,
    /// The field that names the plan.
    #[serde(default)]
    pub plan_header: Option<String>,
    /// The field that lists roles, with commas or spaces between.
    #[serde(default)]
    pub roles_header: Option<String>,
    /// The field that lists scopes.
    #[serde(default)]
    pub scopes_header: Option<String>,
    /// How long an answer holds for the very same question; not at all if left out.
    #[serde(default = "no_time")]
    pub ttl: Period,
    /// How long a yes holds beyond that while the authorizer does not answer.
    #[serde(default = "no_time")]
    pub stale_max: Period,
    /// Until an answer is complete.
    #[serde(default = "timeout")]
    pub timeout: Period,
    /// What applies if there is no answer.
    #[serde(default)]
    pub on_failure: OnFailure,
    /// Questions under way at most; beyond it there is no answer.
    #[serde(default = "in_flight_max")]
    pub in_flight_max: usize,
    /// A larger answer is none.
    #[serde(default = "body_max")]
    pub body_max: ByteSize,
    /// Answers remembered at most.
    #[serde(default = "cache_max")]
    pub cache_max: usize,
}

/// How an authorizer is asked.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExternalProtocol {
    /// With GET, as nginx's `auth_request` does.
    #[default]
    Http,
    /// By `envoy.service.auth.v3.Authorization/Check`.
    Grpc,
}

/// What applies if an authorizer does not answer.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// 503.
    #[default]
    Refuse,
    /// The caller is let in, as one of whom nothing is known.
    Allow,
}

fn credentials() -> Vec<String> {
    vec!["authorization".to_owned()]
}

const fn timeout() -> Period {
    Period::from_millis(500)
}

const fn body_max() -> ByteSize {
    ByteSize::from_kib(16)
}

impl ExternalSpec {
    /// What cannot be meant, each with a way out.
    #[must_use]
    pub fn contradictions(&self) -> Vec<(String, &'static str)> {
        let mut found = Contradictions::default();
        let said = [
            &self.account_header,
            &self.consumer_header,
            &self.plan_header,
            &self.roles_header,
            &self.scopes_header,
        ];
        let asked = self.credentials.iter().chain(&self.fields);
        for name in asked.clone().chain(said.into_iter().flatten()) {
            if name.parse::<HeaderName>().is_err() {
                let what = format!("`{name}` is no header name");
                found.0.push((what, "letters, digits and `-`"));
            }
        }
        found.note(
            http_url(&self.url).is_none(),
            "its url is none that can be asked",
            "write `url: http://authorizer.internal:9000/check`",
        );
        let bare = http_url(&self.url).is_none_or(|url| {
            let target = url.path_and_query();
            target.is_none_or(|target| target.as_str() == "/")
        });
        found.note(
            self.protocol == ExternalProtocol::Grpc && !bare,
            "its url has a path, which gRPC has no use for",
            "write the server alone: `url: http://authorizer.internal:9000`",
        );
        found.note(
            self.credentials.is_empty() || asked.count() > FIELDS_MAX,
            "it passes on no credentials, or more than 16 fields",
            "`credentials: [authorization]`",
        );
        found.note(
            self.ttl > TTL_MAX || self.stale_max > TTL_MAX,
            "what it was told would hold for more than an hour",
            "`ttl: 5s`",
        );
        found.note(
            self.timeout.get().is_zero() || self.timeout > TIMEOUT_MAX,
            "its timeout is not between 1ms and 30s",
            "every request waits for so long while it is down: `timeout: 500ms`",
        );
        found.note(
            !(1..=IN_FLIGHT_MAX).contains(&self.in_flight_max) || self.cache_max == 0,
            "it can ask nothing, or remember nothing",
            "in_flight_max is 1 to 4096, and cache_max starts at 1",
        );
        found.0
    }
}

/// What an authorizer is asked: fields, in this order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExternalQuestion {
    /// The fields.
    pub headers: HeaderMap,
    /// What stands for all of them.
    pub digest: Digest,
}

/// An authorizer as a method.
#[derive(Debug)]
pub struct External {
    name: Arc<str>,
    spec: ExternalSpec,
    credentials: Vec<HeaderName>,
    fields: Vec<HeaderName>,
    /// What it said lately.
    pub answers: Answers,
}

impl External {
    /// The method of this name.
    #[must_use]
    pub fn new(name: &str, spec: ExternalSpec, answers: Answers) -> Self {
        let names = |names: &[String]| names.iter().filter_map(|name| name.parse().ok()).collect();
        Self {
            name: name.into(),
            credentials: names(&spec.credentials),
            fields: names(&spec.fields),
            spec,
            answers,
        }
    }

    /// What was configured.
    #[must_use]
    pub const fn spec(&self) -> &ExternalSpec {
        &self.spec
    }

    fn is_presented(&self, head: &Parts) -> bool {
        self.credentials
            .iter()
            .any(|name| head.headers.contains_key(name))
    }

    /// What it is asked: of the request what was configured, and of where it comes from `around`.
    #[must_use]
    pub fn question(&self, head: &Parts, around: HeaderMap) -> ExternalQuestion {
        let mut headers = around;
        for name in self.credentials.iter().chain(&self.fields) {
            headers.remove(name);
            for value in head.headers.get_all(name) {
                headers.append(name, value.clone());
            }
        }
        let mut hasher = Sha256::new();
        // Lengths before texts, so that nothing can be cut in another place.
        let mut add = |part: &[u8]| {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        };
        let mut names: Vec<&HeaderName> = headers.keys().collect();
        names.sort_by_key(|name| name.as_str());
        for name in names {
            for value in headers.get_all(name) {
                add(name.as_str().as_bytes());
                add(value.as_bytes());
            }
        }
        let digest = hasher.finalize().into();
        ExternalQuestion { headers, digest }
    }

    /// What an answer means; it is remembered.
    ///
    /// # Errors
    /// A sentence, if it is none.
    pub fn judge(
        &self,
        digest: Digest,
        status: StatusCode,
        headers: &HeaderMap,
        now: Wall,
    ) -> Result<Said, String> {
        let said = match status {
            _ if status.is_success() => Ok(Arc::new(self.caller(headers)?)),
            StatusCode::UNAUTHORIZED => Err(Denied::Rejected),
            StatusCode::FORBIDDEN => Err(Denied::Barred),
            _ => return Err(format!("status {status}")),
        };
        let keep = Keep {
            fresh: self.spec.ttl.get().as_secs(),
            stale: self.spec.stale_max.get().as_secs(),
        };
        self.answers.remember(digest, &said, keep, now);
        Ok(said)
    }

    /// What applies if there is no answer.
    pub fn unanswered(&self) -> Said {
        match self.spec.on_failure {
            OnFailure::Refuse => Err(Denied::AuthorizerDown),
            OnFailure::Allow => Ok(Arc::new(self.named("unanswered"))),
        }
    }

    fn named(&self, name: &str) -> Verified {
        let account = format!("{}:{name}", self.name);
        Verified {
            method: Arc::clone(&self.name),
            consumer: account.clone(),
            account,
            ..Verified::default()
        }
    }

    fn caller(&self, headers: &HeaderMap) -> Result<Verified, String> {
        let value = |name: &Option<String>| -> Result<Option<String>, String> {
            let Some(field) = name.as_ref().and_then(|name| headers.get(name)) else {
                return Ok(None);
            };
            let text = field.to_str().map_err(|error| error.to_string())?;
            match text.len() {
                1..=VALUE_MAX => Ok(Some(text.to_owned())),
                _ => Err("a field of the answer is empty or too long".to_owned()),
            }
        };
        let account = value(&self.spec.account_header)?;
        if self.spec.account_header.is_some() && account.is_none() {
            return Err("the answer does not name the caller".to_owned());
        }
        let words = |name| -> Result<Vec<String>, String> {
            let text = value(name)?.unwrap_or_default();
            let words = text.split([',', ' ']).filter(|word| !word.is_empty());
            Ok(words.take(WORDS_MAX).map(str::to_owned).collect())
        };
        let mut caller = self.named(account.as_deref().unwrap_or("anyone"));
        if let Some(consumer) = value(&self.spec.consumer_header)? {
            caller.consumer = consumer;
        }
        caller.plan = value(&self.spec.plan_header)?;
        caller.roles = words(&self.spec.roles_header)?;
        caller.scopes = words(&self.spec.scopes_header)?;
        Ok(caller)
    }
}

impl Authenticator for External {
    fn name(&self) -> &str {
        &self.name
    }

    fn identify(&self, head: &Parts, _: Scheme, _: Now) -> Finding {
        // What is known already is found when the whole question is put together.
        match self.is_presented(head) {
            true => Finding::Ask(Denied::AuthorizerDown),
            false => Finding::Absent,
        }
    }

    fn scheme(&self) -> &'static str {
        "Bearer"
    }

    fn conceal(&self, headers: &mut HeaderMap) {
        for name in self
            .credentials
            .iter()
            .filter(|name| *name != http::header::COOKIE)
        {
            headers.remove(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn method(more: &str) -> External {
        let text = format!(r#"{{"url":"http://a/check"{more}}}"#);
        let spec: ExternalSpec = serde_json::from_str(&text).unwrap();
        assert_eq!(spec.contradictions(), []);
        External::new("opa", spec, Answers::new(100, Arc::default()))
    }

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let pairs = pairs
            .iter()
            .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap()));
        pairs.collect()
    }

    fn head(pairs: &[(&str, &str)]) -> Parts {
        let (mut parts, ()) = Request::get("/").body(()).unwrap().into_parts();
        parts.headers = headers(pairs);
        parts
    }

    #[test]
    fn a_status_decides_and_fields_name_the_caller() {
        let method = method(
            r#","account_header":"x-user","consumer_header":"x-org","roles_header":"x-roles","ttl":"5s""#,
        );
        let now = Wall::from_unix_secs(100);
        let judge = |status: u16, pairs: &[(&str, &str)]| {
            let status = StatusCode::from_u16(status).unwrap();
            method.judge([1; 32], status, &headers(pairs), now)
        };
        let good = [
            ("x-user", "ada"),
            ("x-org", "acme"),
            ("x-roles", "ops, admin"),
        ];
        let caller = judge(200, &good).unwrap().unwrap();
        assert_eq!(
            (caller.account.as_str(), caller.consumer.as_str()),
            ("opa:ada", "acme")
        );
        assert_eq!(caller.roles, ["ops", "admin"]);
        assert!(
            method
                .answers
                .fresh(&[1; 32], Wall::from_unix_secs(104))
                .is_some()
        );
        assert!(
            method
                .answers
                .fresh(&[1; 32], Wall::from_unix_secs(105))
                .is_none()
        );
        assert_eq!(judge(401, &[]).unwrap().unwrap_err(), Denied::Rejected);
        assert_eq!(judge(403, &good).unwrap().unwrap_err(), Denied::Barred);
        for status in [302, 404, 500, 503] {
            assert!(judge(status, &good).is_err(), "{status}");
        }
        assert!(judge(204, &[("x-org", "acme")]).is_err(), "nobody is named");
    }

    #[test]
    fn an_answer_is_for_the_very_same_question_only() {
        let method = method(r#","credentials":["authorization","cookie"],"fields":["x-a","x-b"]"#);
        let digest = |pairs: &[(&str, &str)], around: &[(&str, &str)]| {
            method.question(&head(pairs), headers(around)).digest
        };
        let at = [("x-forwarded-uri", "/a")];
        let one = digest(&[("authorization", "a"), ("x-a", "1")], &at);
        assert_eq!(
            one,
            digest(
                &[("x-a", "1"), ("authorization", "a"), ("accept", "b")],
                &at
            )
        );
        for other in [
            digest(&[("authorization", "b"), ("x-a", "1")], &at),
            digest(&[("authorization", "a"), ("x-b", "1")], &at),
            digest(&[("authorization", "a"), ("x-a", "1"), ("x-a", "1")], &at),
            digest(
                &[("authorization", "a"), ("x-a", "1"), ("cookie", "c")],
                &at,
            ),
            digest(
                &[("authorization", "a"), ("x-a", "1")],
                &[("x-forwarded-uri", "/b")],
            ),
        ] {
            assert_ne!(one, other);
        }
        // What the gateway says of a request cannot be said by it.
        let lied = method.question(&head(&[("x-forwarded-uri", "/z")]), headers(&at));
        assert_eq!(lied.headers["x-forwarded-uri"], "/a");
    }

    #[test]
    fn grpc_needs_a_server_and_no_path() {
        let found = |url: &str| {
            let text = format!(r#"{{"url":"{url}","protocol":"grpc"}}"#);
            let spec: ExternalSpec = serde_json::from_str(&text).unwrap();
            spec.contradictions().len()
        };
        assert_eq!(
            [
                "http://a:1",
                "https://a:1/",
                "http://a:1/check",
                "http://a:1/?b"
            ]
            .map(found),
            [0, 0, 1, 1]
        );
    }

    #[test]
    fn without_an_answer_the_chosen_one_applies() {
        assert_eq!(method("").unanswered().unwrap_err(), Denied::AuthorizerDown);
        let open = method(r#","on_failure":"allow""#).unanswered().unwrap();
        assert_eq!(open.account, "opa:unanswered");
        assert!(open.roles.is_empty() && open.scopes.is_empty());
    }
}
