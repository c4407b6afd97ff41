//! What is known of a key, and why a caller is turned away.
//!
//! Facts about a key are only ever added: it was made, it got a further secret, it was revoked.
//! They are replicated apart, so that whichever arrives first, and however often, a revoked key
//! stays revoked. To undo a revocation is to make a new key.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use tidegate_model::{Prefix, Wall};

use crate::{KeyId, LoginDenied, SignatureDenied, TokenDenied};

/// HMAC-SHA256(pepper, secret).
pub type SecretDigest = [u8; 32];

/// What was fixed when the key was made, and the secrets that open it now.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct KeyRecord {
    /// The public part.
    pub kid: KeyId,
    /// The newest secret's.
    #[serde(with = "hex")]
    pub digest: SecretDigest,
    /// The secret before it, which still opens the key for a while.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retiring: Option<Retiring>,
    /// Who holds the key, as operators and logs name them.
    pub consumer: String,
    /// The plan whose amounts apply, if not the routes' own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// What the key may be used for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// What its holder is among the service's users.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    /// From where it may be used; from everywhere if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed_cidrs: Vec<Prefix>,
    /// What the operator noted.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// When it was made, in seconds since the Unix epoch.
    pub created_unix_secs: u64,
    /// Until then it is refused, in seconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before_unix_secs: Option<u64>,
    /// From when on it is refused, in seconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_unix_secs: Option<u64>,
}

/// A secret that is on its way out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Retiring {
    /// Its digest.
    #[serde(with = "hex")]
    pub digest: SecretDigest,
    /// When the newest was made that takes its place, in seconds since the Unix epoch.
    #[serde(default)]
    pub replaced_unix_secs: u64,
    /// From when on it is refused, in seconds since the Unix epoch.
    pub until_unix_secs: u64,
}

/// A further secret of a key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct KeySecret {
    /// When it was made, in seconds since the Unix epoch.
    pub made_unix_secs: u64,
    /// Its digest.
    #[serde(with = "hex")]
    pub digest: SecretDigest,
    /// Which key it opens.
    pub kid: KeyId,
    /// Until when the secret before it goes on, in seconds since the Unix epoch.
    pub previous_until_unix_secs: u64,
}

impl KeyRecord {
    /// A key without restrictions.
    #[must_use]
    pub fn new(kid: KeyId, digest: SecretDigest, consumer: &str, created_unix_secs: u64) -> Self {
        Self {
            kid,
            digest,
            retiring: None,
            consumer: consumer.to_owned(),
            plan: None,
            scopes: Vec::new(),
            roles: Vec::new(),
            allowed_cidrs: Vec::new(),
            metadata: BTreeMap::new(),
            created_unix_secs,
            not_before_unix_secs: None,
            expires_unix_secs: None,
        }
    }

    /// With the secrets that were added since. The newest opens the key, and the one before it for
    /// as long as the newest says; older ones do not, so that no more than two ever do. The order
    /// of `secrets` does not matter.
    #[must_use]
    pub fn with_secrets(mut self, secrets: impl IntoIterator<Item = KeySecret>) -> Self {
        let mut secrets: Vec<KeySecret> = secrets.into_iter().collect();
        secrets.sort_unstable();
        for secret in secrets {
            self.retiring = Some(Retiring {
                digest: self.digest,
                replaced_unix_secs: secret.made_unix_secs,
                until_unix_secs: secret.previous_until_unix_secs,
            });
            self.digest = secret.digest;
        }
        self
    }

    /// When a further secret is made: now, but after the one that it follows, should both be made
    /// in one second or by clocks that differ. The newest is told by that time.
    #[must_use]
    pub fn next_secret_unix_secs(&self, now: Wall) -> u64 {
        let newest = self.retiring.map_or(0, |old| old.replaced_unix_secs);
        now.unix_secs().max(newest.saturating_add(1))
    }

    /// Digests of the secrets that open the key now.
    pub fn digests(&self, now: Wall) -> impl Iterator<Item = &SecretDigest> {
        let retiring = self.retiring.as_ref();
        let retiring = retiring.filter(|old| now.unix_secs() < old.until_unix_secs);
        std::iter::once(&self.digest).chain(retiring.map(|old| &old.digest))
    }

    /// Whether the key's time has not come yet.
    #[must_use]
    pub fn premature(&self, now: Wall) -> bool {
        self.not_before_unix_secs
            .is_some_and(|at| now.unix_secs() < at)
    }

    /// Whether the key's time is over.
    #[must_use]
    pub fn expired(&self, now: Wall) -> bool {
        self.expires_unix_secs
            .is_some_and(|at| now.unix_secs() >= at)
    }

    /// Whether it may be used from there.
    #[must_use]
    pub fn allows(&self, client: IpAddr) -> bool {
        let cidrs = &self.allowed_cidrs;
        cidrs.is_empty() || cidrs.iter().any(|cidr| cidr.contains(client))
    }
}

/// One replicated fact about a key.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all facts are keys that were made"
)]
pub enum KeyItem {
    /// The key was made.
    Created(KeyRecord),
    /// The key was revoked, for good.
    Revoked {
        /// Which key.
        kid: KeyId,
        /// When, in seconds since the Unix epoch; for people, nothing depends on it.
        at_unix_secs: u64,
    },
    /// The key got a further secret.
    Secret(KeySecret),
}

impl KeyItem {
    /// Which key the fact is about.
    #[must_use]
    pub const fn kid(&self) -> KeyId {
        match self {
            Self::Created(record) => record.kid,
            Self::Revoked { kid, .. } => *kid,
            Self::Secret(secret) => secret.kid,
        }
    }
}

/// Why a caller is turned away. Clients are told only whether a key was missing or not accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Denied {
    /// No key where the route looks for one, or several.
    Missing,
    /// Not a key of ours: wrong shape, checksum or environment.
    Malformed,
    /// A well-formed key that nobody made.
    Unknown,
    /// The identifier is known, the secret is not its own.
    WrongSecret,
    /// Revoked.
    Revoked,
    /// Before its time.
    Premature,
    /// Past its time.
    Expired,
    /// The key is good, but not for use from this address.
    Elsewhere,
    /// The store cannot be asked, and the key is not in the cache.
    StoreDown,
    /// The same, where the configuration says that such a key is refused.
    Unchecked,
    /// Not a user's name and password.
    Password,
    /// Too many passwords are being looked at.
    PasswordBusy,
    /// The client's certificate names nobody who is let in, or is over by now.
    Certificate,
    /// The authorizer does not know the caller.
    Rejected,
    /// The authorizer knows the caller, and does not let them do this.
    Barred,
    /// The authorizer does not answer.
    AuthorizerDown,
    /// A login in the browser, or the session after it.
    Login(LoginDenied),
    /// A token, or no credential at all where several methods are offered.
    Token(TokenDenied),
    /// A signed request.
    Signature(SignatureDenied),
}

impl Denied {
    /// The word for logs and metrics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Missing => "key_missing",
            Self::Malformed => "key_malformed",
            Self::Unknown => "key_unknown",
            Self::WrongSecret => "key_wrong_secret",
            Self::Revoked => "key_revoked",
            Self::Premature => "key_premature",
            Self::Expired => "key_expired",
            Self::Elsewhere => "key_elsewhere",
            Self::StoreDown => "key_store_down",
            Self::Unchecked => "key_unchecked",
            Self::Password => "password_wrong",
            Self::PasswordBusy => "password_busy",
            Self::Certificate => "certificate_denied",
            Self::Rejected => "authorizer_rejected",
            Self::Barred => "authorizer_barred",
            Self::AuthorizerDown => "authorizer_down",
            Self::Login(why) => why.label(),
            Self::Token(why) => why.label(),
            Self::Signature(why) => why.label(),
        }
    }
}

/// Digests as text, so that an exported record can be read and diffed.
mod hex {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        bytes: &[u8; 32],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let text: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
        serializer.serialize_str(&text)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<[u8; 32], D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut out = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return Err(D::Error::custom("a digest has 64 hexadecimal digits"));
        }
        for (i, byte) in out.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).map_err(D::Error::custom)?;
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kid() -> KeyId {
        "abcdefghij".parse().unwrap()
    }

    fn secret(n: u8, made_unix_secs: u64, previous_until_unix_secs: u64) -> KeySecret {
        KeySecret {
            made_unix_secs,
            digest: [n; 32],
            kid: kid(),
            previous_until_unix_secs,
        }
    }

    fn open(record: &KeyRecord, at: u64) -> Vec<u8> {
        let digests = record.digests(Wall::from_unix_secs(at));
        digests.map(|digest| digest[0]).collect()
    }

    #[test]
    fn the_newest_secret_opens_a_key_and_the_one_before_it_for_a_while() {
        let record = KeyRecord::new(kid(), [1; 32], "acme", 0);
        assert_eq!(open(&record, 5), [1]);
        let rotated = record.clone().with_secrets([secret(2, 10, 20)]);
        assert_eq!(open(&rotated, 19), [2, 1]);
        assert_eq!(open(&rotated, 20), [2]);
        let (second, third) = (secret(2, 10, 50), secret(3, 30, 40));
        let twice = record.clone().with_secrets([third, second]);
        assert_eq!(open(&twice, 39), [3, 2], "whatever their order");
        assert_eq!(twice, record.with_secrets([second, third]));
    }

    #[test]
    fn of_two_secrets_made_in_one_second_the_later_is_the_newest() {
        let now = Wall::from_unix_secs(10);
        let record = KeyRecord::new(kid(), [1; 32], "acme", 10);
        // Digests are random: the later may be the smaller.
        let second = secret(9, record.next_secret_unix_secs(now), 50);
        let known = record.clone().with_secrets([second]);
        let third = secret(2, known.next_secret_unix_secs(now), 11);
        let twice = record.with_secrets([third, second]);
        assert_eq!(open(&twice, 10), [2, 9]);
        assert_eq!(open(&twice, 11), [2]);
    }

    #[test]
    fn a_key_may_be_bound_to_a_time_and_to_places() {
        let mut record = KeyRecord::new(kid(), [1; 32], "acme", 0);
        record.not_before_unix_secs = Some(10);
        record.expires_unix_secs = Some(20);
        let at = Wall::from_unix_secs;
        let judged = [9, 10, 19, 20].map(|n| (record.premature(at(n)), record.expired(at(n))));
        assert_eq!(
            judged,
            [(true, false), (false, false), (false, false), (false, true)]
        );
        let client = |text: &str| text.parse::<IpAddr>().unwrap();
        assert!(record.allows(client("192.0.2.1")));
        record.allowed_cidrs = vec!["10.0.0.0/8".parse().unwrap()];
        assert!(record.allows(client("::ffff:10.1.2.3")));
        assert!(!record.allows(client("192.0.2.1")));
    }

    #[test]
    fn a_record_of_an_earlier_version_can_be_read() {
        let old = format!(
            r#"{{"kid":"abcdefghij","digest":"{}","consumer":"acme","created_unix_secs":5}}"#,
            "01".repeat(32)
        );
        let read: KeyRecord = serde_json::from_str(&old).unwrap();
        assert_eq!(read, KeyRecord::new(kid(), [1; 32], "acme", 5));
    }
}
