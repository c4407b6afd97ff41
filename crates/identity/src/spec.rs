//! What the operator wrote about callers.

use serde::Deserialize;
use tidegate_model::Period;

use crate::CacheSpec;
use crate::key::is_env;

/// How keys look and where they stand in a request.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KeysSpec {
    /// The header that carries the key.
    #[serde(deserialize_with = "header")]
    pub header: http::HeaderName,
    /// The parameter of the query that may carry it instead.
    #[serde(deserialize_with = "name")]
    pub query: Option<String>,
    /// The cookie that may carry it instead.
    #[serde(deserialize_with = "name")]
    pub cookie: Option<String>,
    /// Whether the user of Basic may be the key.
    pub basic: bool,
    /// The environment that keys of this world name: a key of another environment is refused.
    #[serde(deserialize_with = "env")]
    pub env: String,
    /// What a key gets that is not in the cache while the store does not answer.
    pub on_store_down: OnKeyStoreDown,
    /// Bounds of the cache.
    pub cache: CacheSpec,
}

/// What a key gets that nobody can look up at the moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnKeyStoreDown {
    /// 503 with `Retry-After`: it may well be good.
    #[default]
    Unavailable,
    /// 401, as if it were unknown: for clients that ask again and again after a 503.
    Refuse,
}

impl Default for KeysSpec {
    fn default() -> Self {
        Self {
            header: http::HeaderName::from_static("x-api-key"),
            query: None,
            cookie: None,
            basic: false,
            env: "live".to_owned(),
            on_store_down: OnKeyStoreDown::default(),
            cache: CacheSpec::default(),
        }
    }
}

fn header<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<http::HeaderName, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse()
        .map_err(|_| serde::de::Error::custom(format!("`{text}` is not a header name")))
}

/// A name that needs no escapes in a query or a cookie.
fn name<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if (1..=64).contains(&text.len()) && text.bytes().all(plain) {
        Ok(Some(text))
    } else {
        Err(serde::de::Error::custom(format!(
            "`{text}` names no parameter or cookie: use 1 to 64 letters, digits, `-`, `_` and `.`"
        )))
    }
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

/// Where key records live.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyStoreSpec {
    /// In a file of each node; the cluster replicates it.
    #[default]
    Embedded,
    /// In a DynamoDB global table.
    Dynamodb(DynamoSpec),
}

/// A region's replica of the table of keys.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DynamoSpec {
    /// The table's name.
    pub table: String,
    /// The AWS region, if not the one that the environment or profile names.
    pub region: Option<String>,
    /// Another endpoint than the region's own, for emulators and private endpoints.
    pub endpoint: Option<String>,
    /// Until a connection is made.
    pub connect_timeout: Period,
    /// For one attempt.
    pub attempt_timeout: Period,
    /// For all attempts of one call.
    pub total_timeout: Period,
    /// Attempts of one call.
    pub attempts_max: u8,
}

impl Default for DynamoSpec {
    fn default() -> Self {
        Self {
            table: "tidegate-keys".to_owned(),
            region: None,
            endpoint: None,
            connect_timeout: Period::from_millis(500),
            attempt_timeout: Period::from_millis(500),
            total_timeout: Period::from_millis(900),
            attempts_max: 2,
        }
    }
}
