//! Traces: `traces` in a region's file.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use serde::Deserialize;
use tidegate_model::Period;

use crate::{OtlpSpec, Spanned};

/// What is done about traces.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TracesSpec {
    /// Where they go.
    pub to: TracesTo,
    /// Formats of clients' fields that are read; the first that holds something counts.
    #[serde(default = "w3c")]
    pub read: Vec<TraceFormat>,
    /// Formats that services are told in.
    #[serde(default = "w3c")]
    pub write: Vec<TraceFormat>,
    /// Which are kept.
    #[serde(default)]
    pub sample: SampleSpec,
    /// Spans of one request.
    #[serde(default = "spans_max")]
    pub spans_max: NonZeroU32,
    /// Requests whose traces are kept, in a second and on one node.
    #[serde(default = "per_second_max")]
    pub per_second_max: NonZeroU32,
    /// Requests whose traces may wait for the collector.
    #[serde(default = "queue_max")]
    pub queue_max: NonZeroU32,
    /// Requests whose traces are sent together.
    #[serde(default = "batch_max")]
    pub batch_max: NonZeroU32,
    /// A batch waits so long for more.
    #[serde(default = "flush_interval")]
    pub flush_interval: Period,
}

/// Where traces go.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TracesTo {
    /// To a collector.
    Otlp(OtlpSpec),
}

/// A format of fields that carry a trace.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TraceFormat {
    /// `traceparent` and `tracestate`.
    W3c,
    /// `b3`.
    B3,
    /// `x-b3-traceid` and the like.
    B3Multi,
}

/// Which traces are kept.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SampleSpec {
    /// Whether a client's word decides.
    pub parent: bool,
    /// The part of all traces.
    pub ratio: Spanned<f64>,
    /// The same for routes, by name.
    pub routes: BTreeMap<String, Spanned<f64>>,
    /// Whatever went wrong.
    pub errors: bool,
    /// Whatever took so long.
    pub slow: Option<Period>,
}

impl Default for SampleSpec {
    fn default() -> Self {
        Self {
            parent: false,
            ratio: Spanned {
                value: 0.01,
                range: 0..0,
            },
            routes: BTreeMap::new(),
            errors: true,
            slow: None,
        }
    }
}

fn w3c() -> Vec<TraceFormat> {
    vec![TraceFormat::W3c]
}

const fn spans_max() -> NonZeroU32 {
    NonZeroU32::new(64).expect("64 is not zero")
}

const fn per_second_max() -> NonZeroU32 {
    NonZeroU32::new(100).expect("100 is not zero")
}

const fn queue_max() -> NonZeroU32 {
    NonZeroU32::new(2_048).expect("2048 is not zero")
}

const fn batch_max() -> NonZeroU32 {
    NonZeroU32::new(256).expect("256 is not zero")
}

const fn flush_interval() -> Period {
    Period::from_secs(1)
}
