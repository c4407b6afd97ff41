//! What the operator wrote about tokens.

use crate::shared::{Contradictions, cache_max};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use http::Uri;
use serde::Deserialize;
use tidegate_model::{ByteSize, Period};

use super::Algorithm;

/// A larger leeway would make times meaningless.
const LEEWAY_MAX: Duration = Duration::from_secs(300);

/// Tokens of one issuer.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JwtSpec {
    /// Who issues them: exactly what their claim `iss` says.
    pub issuer: String,
    /// For whom: one of these must be in the claim `aud`.
    #[serde(default)]
    pub audiences: Vec<String>,
    /// To which client: one of these must be the claim `client_id` or `azp`. Any if left out.
    #[serde(default)]
    pub client_ids: Vec<String>,
    /// Algorithms that are accepted.
    pub algorithms: Vec<Algorithm>,
    /// Where the issuer's keys come from.
    pub keys: JwksSpec,
    /// How far clocks may differ.
    #[serde(default = "leeway")]
    pub leeway: Period,
    /// Claims that must be there with one of these values, or with any if the list is empty. A name
    /// with dots leads into objects.
    #[serde(default)]
    pub required_claims: BTreeMap<String, Vec<String>>,
    /// The claim that names the consumer. Without it each subject is one of its own.
    #[serde(default)]
    pub consumer_claim: Option<String>,
    /// The claim that names the plan.
    #[serde(default)]
    pub plan_claim: Option<String>,
    /// The claim that lists roles: a list, or a text with spaces between.
    #[serde(default)]
    pub roles_claim: Option<String>,
    /// A larger token is refused.
    #[serde(default = "token_max")]
    pub token_max: ByteSize,
    /// Verified tokens remembered at most.
    #[serde(default = "cache_max")]
    pub cache_max: usize,
}

/// Where an issuer's keys come from: one of `file`, `url` and `discovery`.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct JwksSpec {
    /// A JWK set on disk, read again with the configuration; relative to the data folder.
    pub file: Option<PathBuf>,
    /// A JWK set on a server.
    pub url: Option<String>,
    /// The issuer's own metadata say where (OpenID Connect Discovery).
    pub discovery: bool,
    /// Certificates that the server's must descend from, in place of the system's; relative to the
    /// data folder.
    pub ca_file: Option<PathBuf>,
    /// How often keys are fetched.
    pub refresh: Period,
    /// Between two fetches at least, whatever tokens say.
    pub refresh_gap: Period,
    /// Until a fetch is complete.
    pub timeout: Period,
    /// How long keys serve on while they cannot be fetched.
    pub stale_max: Period,
    /// A larger answer is refused.
    pub body_max: ByteSize,
    /// A set of more keys is refused.
    pub keys_max: usize,
}

impl Default for JwksSpec {
    fn default() -> Self {
        Self {
            file: None,
            url: None,
            discovery: false,
            ca_file: None,
            refresh: Period::from_secs(600),
            refresh_gap: Period::from_secs(10),
            timeout: Period::from_secs(5),
            stale_max: Period::from_secs(86_400),
            body_max: ByteSize::from_kib(256),
            keys_max: 64,
        }
    }
}

const fn leeway() -> Period {
    Period::from_secs(30)
}

const fn token_max() -> ByteSize {
    ByteSize::from_kib(8)
}

/// A URL that can be fetched.
#[must_use]
pub fn http_url(text: &str) -> Option<Uri> {
    let uri: Uri = text.parse().ok()?;
    let scheme = matches!(uri.scheme_str(), Some("http" | "https"));
    let host = uri.host().is_some_and(|host| !host.is_empty());
    (scheme && host).then_some(uri)
}

/// Whether what is sent to a URL can be read and changed on the way.
#[must_use]
pub fn in_clear(url: &str) -> bool {
    http_url(url).is_some_and(|uri| {
        let host = uri.host().unwrap_or_default();
        let local = ["localhost", "127.0.0.1", "[::1]"].contains(&host);
        uri.scheme_str() == Some("http") && !local
    })
}

impl JwtSpec {
    /// What cannot be meant, each with a way out.
    #[must_use]
    pub fn contradictions(&self) -> Vec<(String, &'static str)> {
        let mut found = Contradictions::default();
        found.note(
            self.issuer.is_empty(),
            "its issuer is empty",
            "write what the claim `iss` says",
        );
        found.note(
            self.audiences.is_empty() && self.client_ids.is_empty(),
            "it takes tokens that were issued for anybody",
            "list `audiences`, or `client_ids` if the issuer writes no audience",
        );
        found.note(
            self.algorithms.is_empty(),
            "it accepts no algorithm",
            "list those that the issuer signs with, such as [RS256]",
        );
        found.note(
            self.leeway.get() > LEEWAY_MAX,
            "its leeway is longer than 5m",
            "clocks differ by seconds: `leeway: 30s`",
        );
        found.note(
            self.token_max.bytes() == 0,
            "it takes no token of any size",
            "`token_max: 8KiB`",
        );
        let keys = &self.keys;
        let sources = [keys.file.is_some(), keys.url.is_some(), keys.discovery];
        found.note(
            sources.iter().filter(|given| **given).count() != 1,
            "its keys come from no place, or from several",
            "write one of `file: jwks.json`, `url: https://...` and `discovery: true`",
        );
        found.note(
            keys.file.is_none() && self.algorithms.iter().any(|a| a.is_symmetric()),
            "it would fetch a shared secret from a server",
            "HS256, HS384 and HS512 need `keys: { file: ... }`",
        );
        found.note(
            keys.url
                .as_deref()
                .is_some_and(|url| http_url(url).is_none()),
            "the url of its keys is none that can be fetched",
            "write `url: https://...`",
        );
        found.note(
            keys.discovery && http_url(&self.issuer).is_none(),
            "its issuer is no URL, so nothing can be discovered there",
            "write `issuer: https://...`, or say where the keys are with `url`",
        );
        found.note(
            keys.refresh_gap.get().is_zero() || keys.refresh < keys.refresh_gap,
            "its keys are fetched more often than refresh_gap allows",
            "refresh is at least refresh_gap, and that is longer than 0",
        );
        found.note(
            keys.timeout.get().is_zero(),
            "its keys have no time to come",
            "`timeout: 5s`",
        );
        found.note(
            keys.keys_max == 0,
            "it takes no keys",
            "keys_max starts at 1",
        );
        found.0
    }

    /// Whether keys would come unprotected over a network, where anybody on the way can put in
    /// their own.
    #[must_use]
    pub fn fetches_in_clear(&self) -> bool {
        let from = match (&self.keys.url, self.keys.discovery) {
            (Some(url), _) => url,
            (None, true) => &self.issuer,
            (None, false) => return false,
        };
        in_clear(from)
    }
}
