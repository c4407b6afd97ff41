//! What the operator wrote about callers.

use serde::Deserialize;

use crate::CacheSpec;
use crate::key::is_env;

/// How keys look and where they stand in a request.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KeysSpec {
    /// The header that carries the key.
    #[serde(deserialize_with = "header")]
    pub header: http::HeaderName,
    /// The environment that keys of this world name: a key of another environment is refused.
    #[serde(deserialize_with = "env")]
    pub env: String,
    /// Bounds of the cache.
    pub cache: CacheSpec,
}

impl Default for KeysSpec {
    fn default() -> Self {
        Self {
            header: http::HeaderName::from_static("x-api-key"),
            env: "live".to_owned(),
            cache: CacheSpec::default(),
        }
    }
}

fn header<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<http::HeaderName, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse()
        .map_err(|_| serde::de::Error::custom(format!("`{text}` is not a header name")))
}

fn env<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if is_env(&text) {
        Ok(text)
    } else {
        Err(serde::de::Error::custom(format!(
            "`{text}` names no environment: use 1 to 16 of a-z and 0-9"
        )))
    }
}
