//! A topic of Kafka that lines of the access log go to.

use std::path::PathBuf;

use serde::Deserialize;
use tidegate_balance::EndpointName;
use tidegate_model::Period;

use crate::Spanned;
use crate::otlp::timeout;

/// A topic of a cluster of brokers.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KafkaSpec {
    /// Brokers to begin with; the others are learned from them.
    pub brokers: Spanned<Vec<EndpointName>>,
    /// The topic. It has to be there.
    pub topic: Spanned<String>,
    /// TLS, if brokers speak it.
    #[serde(default)]
    pub tls: Option<KafkaTlsSpec>,
    /// Who we are, if brokers ask.
    #[serde(default)]
    pub login: Option<Spanned<KafkaLoginSpec>>,
    /// How records are compressed.
    #[serde(default)]
    pub compression: KafkaCompressionSpec,
    /// One question to a broker takes so long at most.
    #[serde(default = "timeout")]
    pub timeout: Period,
    /// A line that is not acknowledged after so long is lost.
    #[serde(default = "delivery_timeout")]
    pub delivery_timeout: Spanned<Period>,
}

const fn delivery_timeout() -> Spanned<Period> {
    Spanned {
        value: Period::from_secs(30),
        range: 0..0,
    }
}

/// How brokers are told from others. Files are below the data folder.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KafkaTlsSpec {
    /// Whose certificates are trusted, instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Our certificate and its key, if brokers want one.
    pub identity: Option<KafkaIdentitySpec>,
}

/// A certificate and its key.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KafkaIdentitySpec {
    /// The certificate, and those that vouch for it.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

/// Who we are, by SASL.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KafkaLoginSpec {
    /// The user's name.
    pub user: String,
    /// The file below the data folder that has the password.
    pub password_file: PathBuf,
    /// How it is proven.
    #[serde(default)]
    pub mechanism: KafkaMechanism,
}

/// How a password is proven.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KafkaMechanism {
    /// SCRAM-SHA-512.
    #[default]
    #[serde(rename = "scram_sha_512")]
    ScramSha512,
    /// SCRAM-SHA-256.
    #[serde(rename = "scram_sha_256")]
    ScramSha256,
    /// PLAIN: brokers see it.
    Plain,
}

/// How records are compressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KafkaCompressionSpec {
    /// Not at all.
    None,
    /// By gzip.
    Gzip,
    /// By Snappy.
    Snappy,
    /// By LZ4.
    #[default]
    Lz4,
}
