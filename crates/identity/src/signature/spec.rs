//! What the operator wrote about callers who sign.

use std::collections::BTreeMap;
use std::path::PathBuf;

use http::HeaderName;
use serde::Deserialize;
use tidegate_model::{ByteSize, Period};

use super::component::Derived;
use super::content::CONTENT_DIGEST;
use crate::shared::Contradictions;
use crate::{Scheme, Verified};

const KEYS_MAX: usize = 1_024;
const COMPONENTS_MAX: usize = 16;
const NONCES_MAX: usize = 4_194_304;
const BODY_MAX: u64 = 64 * 1_024 * 1_024;
const HELD_MAX: u64 = 16 * 1_024 * 1_024 * 1_024;
const AGE_MAX: Period = Period::from_secs(3_600);
const TEXT_MAX: usize = 256;

/// Callers who sign their requests.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignatureSpec {
    /// Keys by their identifiers, as `keyid` names them.
    pub keys: BTreeMap<String, SignatureKeySpec>,
    /// What each signature must cover.
    #[serde(default = "components")]
    pub components: Vec<String>,
    /// Whether a request with a body must cover `content-digest`.
    #[serde(default = "yes")]
    pub sign_body: bool,
    /// The `tag` of signatures that are for us; any if left out.
    #[serde(default)]
    pub tag: Option<String>,
    /// How long after it was made a signature is taken.
    #[serde(default = "max_age")]
    pub max_age: Period,
    /// How far clocks may differ.
    #[serde(default = "leeway")]
    pub leeway: Period,
    /// Whether there must be a nonce.
    #[serde(default)]
    pub nonce: NonceRule,
    /// Nonces of one key remembered at most; beyond it a request with a nonce is refused.
    #[serde(default = "nonces_max")]
    pub nonces_max: usize,
    /// A larger signed body is refused.
    #[serde(default = "body_max")]
    pub body_max: ByteSize,
    /// Bytes of signed bodies that are held at a time; beyond it a request is refused.
    #[serde(default = "held_max")]
    pub held_max: ByteSize,
    /// The scheme that clients sign, if TLS ends before us; that of the connection if left out.
    #[serde(default)]
    pub scheme: Option<Scheme>,
}

/// Whether there must be a nonce.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NonceRule {
    /// Each signature has one, and serves once.
    #[default]
    Required,
    /// A signature that has one serves once; others until they are too old.
    Optional,
}

/// A key, and whose it is.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignatureKeySpec {
    /// The one algorithm that it is for.
    pub alg: SignatureAlgorithm,
    /// Where the key is, relative to the data folder: a secret in base64, or a public key in PEM.
    pub key_file: PathBuf,
    /// Who signs with it; the identifier if left out.
    #[serde(default)]
    pub consumer: Option<String>,
    /// The plan whose amounts apply.
    #[serde(default)]
    pub plan: Option<String>,
    /// What the key may be used for.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Roles of whoever holds it.
    #[serde(default)]
    pub roles: Vec<String>,
}

/// Algorithms of RFC 9421 section 3.3.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SignatureAlgorithm {
    /// HMAC with SHA-256.
    HmacSha256,
    /// Ed25519.
    Ed25519,
    /// ECDSA on P-256 with SHA-256.
    EcdsaP256Sha256,
    /// ECDSA on P-384 with SHA-384.
    EcdsaP384Sha384,
    /// RSASSA-PSS with SHA-512.
    RsaPssSha512,
}

impl SignatureAlgorithm {
    /// Its name in the register of RFC 9421.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::HmacSha256 => "hmac-sha256",
            Self::Ed25519 => "ed25519",
            Self::EcdsaP256Sha256 => "ecdsa-p256-sha256",
            Self::EcdsaP384Sha384 => "ecdsa-p384-sha384",
            Self::RsaPssSha512 => "rsa-pss-sha512",
        }
    }
}

fn components() -> Vec<String> {
    ["@method", "@authority", "@path", "@query"]
        .map(str::to_owned)
        .to_vec()
}

const fn yes() -> bool {
    true
}

const fn max_age() -> Period {
    Period::from_secs(300)
}

const fn leeway() -> Period {
    Period::from_secs(30)
}

const fn nonces_max() -> usize {
    65_536
}

const fn body_max() -> ByteSize {
    ByteSize::from_kib(1_024)
}

const fn held_max() -> ByteSize {
    ByteSize::from_kib(64 * 1_024)
}

/// Text that can stand in a structured field's string as it is.
fn is_plain(text: &str) -> bool {
    let plain = |b: u8| (0x20..0x7f).contains(&b) && b != b'"' && b != b'\\';
    (1..=TEXT_MAX).contains(&text.len()) && text.bytes().all(plain)
}

fn is_component(name: &str) -> bool {
    let field = || name.parse::<HeaderName>().is_ok_and(|known| known == *name);
    let lower = !name.bytes().any(|b| b.is_ascii_uppercase());
    Derived::named(name).is_some() || (lower && !name.starts_with('@') && field())
}

impl SignatureSpec {
    /// What cannot be meant, each with a way out.
    #[must_use]
    pub fn contradictions(&self) -> Vec<(String, &'static str)> {
        let mut found = Contradictions::default();
        for name in self.components.iter().filter(|name| !is_component(name)) {
            found.0.push((
                format!("`{name}` is nothing that a signature can cover"),
                "a field in lower case, @method, @target-uri, @authority, @scheme, @request-target, @path or @query",
            ));
        }
        let texts = self.keys.keys().chain(&self.tag);
        for text in texts.filter(|text| !is_plain(text)) {
            found.0.push((
                format!("`{text}` is no name of a key, and no tag"),
                "1 to 256 printable ASCII characters without quotes and backslashes",
            ));
        }
        found.note(
            self.keys.is_empty() || self.keys.len() > KEYS_MAX,
            "it has no keys, or more than 1024",
            "`keys: { acme: { alg: hmac-sha256, key_file: secrets/acme } }`",
        );
        found.note(
            self.components.is_empty() || self.components.len() > COMPONENTS_MAX,
            "its signatures need not cover anything, or must cover more than 16 components",
            "`components: [\"@method\", \"@authority\", \"@path\", \"@query\"]`",
        );
        found.note(
            self.max_age.get().as_secs() == 0 || self.max_age > AGE_MAX || self.leeway > AGE_MAX,
            "its signatures are never good, or for more than an hour",
            "max_age is 1s to 1h, and leeway 1h at most: `max_age: 5m`",
        );
        found.note(
            !(1..=NONCES_MAX).contains(&self.nonces_max),
            "it can remember no nonces, or more than 4194304",
            "of each key as many as come within max_age and leeway: `nonces_max: 65536`",
        );
        found.note(
            self.body_max.bytes() == 0
                || self.body_max.bytes() > BODY_MAX
                || self.held_max < self.body_max
                || self.held_max.bytes() > HELD_MAX,
            "it cannot hold one body, or holds too much",
            "body_max is 1B to 64MiB, and held_max from that to 16GiB",
        );
        found.0
    }

    /// What is asked of clients (RFC 9421 section 5.1).
    pub(super) fn accept(&self, name: &str) -> String {
        let body = (self.sign_body && !self.components.iter().any(|c| c == CONTENT_DIGEST))
            .then_some(CONTENT_DIGEST);
        let names = self.components.iter().map(String::as_str).chain(body);
        let names: Vec<String> = names.map(|name| format!("\"{name}\"")).collect();
        let tag = self.tag.as_ref();
        let tag = tag.map_or_else(String::new, |tag| format!(";tag=\"{tag}\""));
        // Labels begin with a letter; names of methods may begin with a digit.
        format!("sig-{name}=({});created{tag}", names.join(" "))
    }
}

impl SignatureKeySpec {
    /// Whoever signs with the key.
    pub(super) fn caller(&self, method: &str, id: &str) -> Verified {
        Verified {
            method: method.into(),
            account: format!("{method}:{id}"),
            consumer: self.consumer.clone().unwrap_or_else(|| id.to_owned()),
            plan: self.plan.clone(),
            scopes: self.scopes.clone(),
            roles: self.roles.clone(),
            ..Verified::default()
        }
    }
}
