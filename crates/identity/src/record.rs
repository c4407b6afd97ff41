//! What is known of a key, and why a caller is turned away.
//!
//! A key has two facts in its life: it was created, and perhaps it was revoked. Both are add-only
//! and replicated apart, so that whichever arrives first, and however often, a revoked key stays
//! revoked. To undo a revocation is to make a new key.

use serde::{Deserialize, Serialize};
use tidegate_model::Wall;

use crate::{KeyId, TokenDenied};

/// What was fixed when the key was made.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct KeyRecord {
    /// The public part.
    pub kid: KeyId,
    /// HMAC-SHA256(pepper, secret).
    #[serde(with = "hex")]
    pub digest: [u8; 32],
    /// Who holds the key, as operators and logs name them.
    pub consumer: String,
    /// The plan whose amounts apply, if not the routes' own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// When it was made, in seconds since the Unix epoch.
    pub created_unix_secs: u64,
    /// From when on it is refused, in seconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_unix_secs: Option<u64>,
}

impl KeyRecord {
    /// Whether the key's time is over.
    #[must_use]
    pub fn expired(&self, now: Wall) -> bool {
        self.expires_unix_secs
            .is_some_and(|at| now.unix_secs() >= at)
    }
}

/// One replicated fact about a key.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
}

impl KeyItem {
    /// Which key the fact is about.
    #[must_use]
    pub const fn kid(&self) -> KeyId {
        match self {
            Self::Created(record) => record.kid,
            Self::Revoked { kid, .. } => *kid,
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
    /// Past its time.
    Expired,
    /// The store cannot be asked, and the key is not in the cache.
    StoreDown,
    /// A token, or no credential at all where several methods are offered.
    Token(TokenDenied),
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
            Self::Expired => "key_expired",
            Self::StoreDown => "key_store_down",
            Self::Token(why) => why.label(),
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
