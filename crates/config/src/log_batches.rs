//! Destinations of the access log that take many lines at a time.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::PathBuf;

use serde::Deserialize;
use tidegate_model::{ByteSize, Period};

use crate::Spanned;
use crate::otlp::{attempts_max, timeout};

/// How lines are sent together.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BatchSpec {
    /// So many lines at most.
    pub lines_max: u32,
    /// So many bytes at most, before they are compressed. A longer line goes alone.
    pub bytes_max: ByteSize,
    /// Lines wait so long at most for others.
    pub age_max: Period,
    /// So many batches are under way at once.
    pub in_flight_max: u32,
}

impl Default for BatchSpec {
    fn default() -> Self {
        Self {
            lines_max: 1_000,
            bytes_max: ByteSize::from_kib(1_000),
            age_max: Period::from_secs(1),
            in_flight_max: 4,
        }
    }
}

/// A server of HTTP.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpLogSpec {
    /// Where it is. Without a path, the one that is usual for the shape.
    pub url: Spanned<String>,
    /// What a body looks like.
    #[serde(default)]
    pub shape: ShapeSpec,
    /// Fields that go with each request.
    #[serde(default)]
    pub headers: BTreeMap<String, Spanned<String>>,
    /// The same, whose values are in files below the data folder.
    #[serde(default)]
    pub header_files: BTreeMap<String, Spanned<PathBuf>>,
    /// Whose certificates are trusted, instead of the system's.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Whether bodies are compressed.
    #[serde(default = "yes")]
    pub gzip: bool,
    /// An attempt takes so long at most.
    #[serde(default = "timeout")]
    pub timeout: Period,
    /// Attempts for what may be taken later.
    #[serde(default = "attempts_max")]
    pub attempts_max: NonZeroU32,
}

/// What a body looks like.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShapeSpec {
    /// The lines.
    #[default]
    Ndjson,
    /// An array of them.
    JsonArray,
    /// Datadog's intake of logs, version 2.
    Datadog(DatadogSpec),
    /// Loki's push.
    Loki(LokiSpec),
}

/// What Datadog is told of all lines.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DatadogSpec {
    /// Which of its pipelines reads them.
    pub source: String,
    /// The service that they are of.
    pub service: String,
    /// Tags; the region is one more.
    pub tags: BTreeMap<String, String>,
}

impl Default for DatadogSpec {
    fn default() -> Self {
        Self {
            source: "tidegate".to_owned(),
            service: "tidegate".to_owned(),
            tags: BTreeMap::new(),
        }
    }
}

/// What Loki is told of all lines.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LokiSpec {
    /// Labels of the stream, besides `service_name`, `region` and `node`.
    pub labels: BTreeMap<String, Spanned<String>>,
    /// Whose they are, where Loki has tenants.
    pub tenant: Option<Spanned<String>>,
}

/// CloudWatch Logs of AWS.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CloudwatchSpec {
    /// The group of logs.
    pub group: String,
    /// The stream in it; the node's name if left out. Two nodes can share one.
    #[serde(default)]
    pub stream: Option<String>,
    /// Whether group and stream are made if they are not there.
    #[serde(default)]
    pub create: bool,
    /// The region of AWS, instead of what its usual settings say.
    #[serde(default)]
    pub region: Option<String>,
    /// Where it is, if not where AWS says.
    #[serde(default)]
    pub endpoint: Option<Spanned<String>>,
    /// An attempt takes so long at most.
    #[serde(default = "timeout")]
    pub timeout: Period,
    /// Attempts for what may be taken later.
    #[serde(default = "attempts_max")]
    pub attempts_max: NonZeroU32,
}

const fn yes() -> bool {
    true
}
