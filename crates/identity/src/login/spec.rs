//! What the operator wrote about logins in the browser.

use std::collections::BTreeMap;
use std::path::PathBuf;

use http::Uri;
use serde::Deserialize;
use tidegate_model::{ByteSize, Period};

use crate::shared::{Contradictions, in_flight_max};
use crate::token::{Algorithm, JwksSpec, JwtSpec, http_url, in_clear};

/// A browser takes cookies of 4,096 bytes, name and attributes included (RFC 6265 section 6.1).
const COOKIE_MAX: u64 = 4_096;
const COOKIE_MIN: u64 = 512;
const FLOWS_MAX: usize = 16;
const LOGIN_TIMEOUT_MAX: Period = Period::from_secs(3_600);
const LIFETIME_MAX: Period = Period::from_secs(30 * 86_400);
const IN_FLIGHT_MAX: usize = 4_096;
const PARAMS_MAX: usize = 16;

/// Parameters of the authorization request that are ours to say.
const OURS: [&str; 10] = [
    "client_id",
    "code_challenge",
    "code_challenge_method",
    "nonce",
    "redirect_uri",
    "request",
    "response_mode",
    "response_type",
    "scope",
    "state",
];

/// Logins of one site at one OpenID provider.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoginSpec {
    /// The provider: exactly what its metadata and the claim `iss` say.
    pub issuer: String,
    /// Who we are to it.
    pub client_id: String,
    /// Our secret there, in a file relative to the data folder. A public client has none.
    #[serde(default)]
    pub client_secret_file: Option<PathBuf>,
    /// How the secret is shown.
    #[serde(default)]
    pub client_auth: ClientAuth,
    /// The site whose browsers log in: scheme, host and port, as they see it.
    pub origin: String,
    /// Keys that seal cookies, the same in all regions, in a file relative to the data folder.
    pub cookie_keys_file: PathBuf,
    /// What is asked for.
    #[serde(default = "scopes")]
    pub scopes: Vec<String>,
    /// Further parameters of the authorization request.
    #[serde(default)]
    pub params: BTreeMap<String, String>,
    /// Algorithms of ID tokens that are accepted.
    #[serde(default = "algorithms")]
    pub algorithms: Vec<Algorithm>,
    /// How the provider's metadata and keys are fetched.
    #[serde(default)]
    pub provider: JwksSpec,
    /// How far clocks may differ.
    #[serde(default = "leeway")]
    pub leeway: Period,
    /// As of tokens.
    #[serde(default)]
    pub required_claims: BTreeMap<String, Vec<String>>,
    /// The claim that names the consumer. Without it each subject is one of its own.
    #[serde(default)]
    pub consumer_claim: Option<String>,
    /// The claim that names the plan.
    #[serde(default)]
    pub plan_claim: Option<String>,
    /// The claim that lists roles.
    #[serde(default)]
    pub roles_claim: Option<String>,
    /// The claims that rules see. All but those of the protocol if left out.
    #[serde(default)]
    pub claims: Option<Vec<String>>,
    /// Where the provider sends browsers back to.
    #[serde(default = "callback_path")]
    pub callback_path: String,
    /// Where a browser logs out.
    #[serde(default = "logout_path")]
    pub logout_path: String,
    /// Where it is sent afterwards.
    #[serde(default = "logout_return")]
    pub logout_return: String,
    /// Whether it logs out of the provider, too.
    #[serde(default = "yes")]
    pub logout_at_provider: bool,
    /// How long a login may take.
    #[serde(default = "login_timeout")]
    pub login_timeout: Period,
    /// Logins of one browser under way.
    #[serde(default = "flows_max")]
    pub flows_max: usize,
    /// A session that is not used for so long is over.
    #[serde(default = "idle")]
    pub session_idle: Period,
    /// A session is over after so long, however it is used.
    #[serde(default = "lifetime")]
    pub session_lifetime: Period,
    /// How often a session is renewed at the provider, if it gave a refresh token.
    #[serde(default = "renew_after")]
    pub renew_after: Period,
    /// A larger cookie is not set.
    #[serde(default = "cookie_max")]
    pub cookie_max: ByteSize,
    /// Until the provider has answered.
    #[serde(default = "timeout")]
    pub timeout: Period,
    /// A larger answer of the provider is none.
    #[serde(default = "body_max")]
    pub body_max: ByteSize,
    /// Questions to the provider under way.
    #[serde(default = "in_flight_max")]
    pub in_flight_max: usize,
}

/// How we show our secret to the provider (OpenID Connect Core section 9).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuth {
    /// In the `Authorization` field.
    #[default]
    Basic,
    /// In the body.
    Post,
}

fn scopes() -> Vec<String> {
    vec!["openid".to_owned()]
}

fn algorithms() -> Vec<Algorithm> {
    vec![Algorithm::Rs256]
}

const fn leeway() -> Period {
    Period::from_secs(30)
}

fn callback_path() -> String {
    "/.tidegate/callback".to_owned()
}

fn logout_path() -> String {
    "/.tidegate/logout".to_owned()
}

fn logout_return() -> String {
    "/".to_owned()
}

const fn yes() -> bool {
    true
}

const fn login_timeout() -> Period {
    Period::from_secs(600)
}

const fn flows_max() -> usize {
    4
}

const fn idle() -> Period {
    Period::from_secs(3_600)
}

const fn lifetime() -> Period {
    Period::from_secs(12 * 3_600)
}

const fn renew_after() -> Period {
    Period::from_secs(900)
}

const fn cookie_max() -> ByteSize {
    ByteSize::from_kib(4)
}

const fn timeout() -> Period {
    Period::from_secs(5)
}

const fn body_max() -> ByteSize {
    ByteSize::from_kib(64)
}

/// A path that has one spelling, and stays on its site whoever reads it.
fn is_plain(path: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/-._~".contains(&b);
    path.starts_with('/')
        && path.bytes().all(plain)
        && !path.contains("//")
        && !path.split('/').any(|segment| matches!(segment, "." | ".."))
}

impl LoginSpec {
    /// The site as a URL, if it is one without a path.
    #[must_use]
    pub fn site(&self) -> Option<Uri> {
        let uri = http_url(&self.origin)?;
        let rest = uri.path_and_query().map_or("", |rest| rest.as_str());
        let bare = matches!(rest, "" | "/");
        let authority = uri.authority()?.as_str();
        (bare && !authority.contains('@')).then_some(uri)
    }

    /// The host that browsers log in at: lower case, without port.
    #[must_use]
    pub fn host(&self) -> Option<String> {
        Some(self.site()?.host()?.to_ascii_lowercase())
    }

    /// What ID tokens must be like, as the method for tokens judges them.
    #[must_use]
    pub fn id_tokens(&self) -> JwtSpec {
        JwtSpec {
            issuer: self.issuer.clone(),
            audiences: vec![self.client_id.clone()],
            client_ids: Vec::new(),
            algorithms: self.algorithms.clone(),
            keys: JwksSpec {
                discovery: true,
                ..self.provider.clone()
            },
            leeway: self.leeway,
            required_claims: self.required_claims.clone(),
            consumer_claim: self.consumer_claim.clone(),
            plan_claim: self.plan_claim.clone(),
            roles_claim: self.roles_claim.clone(),
            token_max: self.body_max,
            // An ID token is looked at once.
            cache_max: 1,
        }
    }

    /// Whether something goes over a network for everyone to read.
    #[must_use]
    pub fn in_clear(&self) -> bool {
        in_clear(&self.issuer) || in_clear(&self.origin)
    }

    /// What cannot be meant, each with a way out.
    #[must_use]
    pub fn contradictions(&self) -> Vec<(String, &'static str)> {
        let mut found = Contradictions(self.id_tokens().contradictions());
        found.note(
            self.provider.file.is_some() || self.provider.url.is_some(),
            "its keys come from another place than its metadata",
            "a login needs the provider's metadata: leave `file` and `url` out of `provider`",
        );
        found.note(
            self.client_id.is_empty(),
            "its client_id is empty",
            "write who the gateway is to the provider",
        );
        found.note(
            self.site().is_none(),
            "its origin is no site",
            "scheme and host as browsers see them: `origin: https://app.example.com`",
        );
        found.note(
            self.algorithms.iter().any(|a| a.is_symmetric()),
            "it takes ID tokens that whoever reads our secret can make",
            "list algorithms with public keys, such as [RS256]",
        );
        found.note(
            !self.scopes.iter().any(|scope| scope == "openid"),
            "it does not ask for the scope `openid`, so no ID token would come",
            "`scopes: [openid, profile]`",
        );
        self.note_params(&mut found);
        self.note_paths(&mut found);
        self.note_times(&mut found);
        found.note(
            !(COOKIE_MIN..=COOKIE_MAX).contains(&self.cookie_max.bytes()),
            "its cookie_max is not between 512B and 4KiB",
            "browsers drop larger cookies: `cookie_max: 4KiB`",
        );
        found.note(
            !(1..=FLOWS_MAX).contains(&self.flows_max),
            "its flows_max is not 1 to 16",
            "each login under way is a cookie: `flows_max: 4`",
        );
        found.note(
            !(1..=IN_FLIGHT_MAX).contains(&self.in_flight_max),
            "it can ask nothing, or too much",
            "in_flight_max is 1 to 4096",
        );
        found.0
    }

    fn note_params(&self, found: &mut Contradictions) {
        if let Some(name) = self
            .params
            .keys()
            .find(|name| OURS.contains(&name.as_str()))
        {
            let what = format!("its parameter `{name}` is the gateway's to say");
            found.0.push((what, "leave it out of `params`"));
        }
        found.note(
            self.params.len() > PARAMS_MAX,
            "it has more than 16 parameters",
            "name those that the provider knows",
        );
    }

    fn note_paths(&self, found: &mut Contradictions) {
        for path in [&self.callback_path, &self.logout_path, &self.logout_return] {
            if !is_plain(path) {
                let what = format!("`{path}` is no plain path");
                found.0.push((
                    what,
                    "letters, digits, `/`, `-`, `.`, `_` and `~`: `/login/done`",
                ));
            }
        }
        found.note(
            self.callback_path == self.logout_path || self.logout_return == self.logout_path,
            "its logout_path leads to something else, too",
            "three different paths",
        );
    }

    fn note_times(&self, found: &mut Contradictions) {
        let secs = |period: Period| period.get().as_secs();
        found.note(
            secs(self.session_idle) == 0
                || self.session_idle > self.session_lifetime
                || self.session_lifetime > LIFETIME_MAX,
            "its sessions have no time, or too much",
            "1s <= session_idle <= session_lifetime <= 30d",
        );
        found.note(
            secs(self.login_timeout) == 0 || self.login_timeout > LOGIN_TIMEOUT_MAX,
            "its login_timeout is not between 1s and 1h",
            "`login_timeout: 10m`: until the browser is back",
        );
        found.note(
            secs(self.renew_after) == 0,
            "its sessions would be renewed with each request",
            "`renew_after: 15m`",
        );
        found.note(
            self.timeout.get().is_zero(),
            "it has no time for an answer",
            "`timeout: 5s`",
        );
    }
}
