//! A collector that telemetry goes to, by OTLP.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::PathBuf;

use serde::Deserialize;
use tidegate_model::Period;

use crate::Spanned;

/// A collector.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OtlpSpec {
    /// Where it is. By HTTP, `/v1/traces` and the like are added.
    pub url: Spanned<String>,
    /// How it is spoken to.
    #[serde(default)]
    pub protocol: OtlpProtocol,
    /// Fields that go with each request.
    #[serde(default)]
    pub headers: BTreeMap<String, Spanned<String>>,
    /// The same, whose values are in files below the data folder.
    #[serde(default)]
    pub header_files: BTreeMap<String, Spanned<PathBuf>>,
    /// Whose certificates are trusted, instead of the system's.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Whether requests are compressed.
    #[serde(default)]
    pub gzip: bool,
    /// An attempt takes so long at most.
    #[serde(default = "timeout")]
    pub timeout: Period,
    /// Attempts for what may be taken later.
    #[serde(default = "attempts_max")]
    pub attempts_max: NonZeroU32,
}

/// How a collector is spoken to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OtlpProtocol {
    /// Protobuf over HTTP.
    #[default]
    Http,
    /// gRPC.
    Grpc,
}

pub(crate) const fn timeout() -> Period {
    Period::from_secs(5)
}

pub(crate) const fn attempts_max() -> NonZeroU32 {
    NonZeroU32::new(5).expect("five is not zero")
}
