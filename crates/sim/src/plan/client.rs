//! Who asks for what, and from where.

use serde::Deserialize;
use tidegate_config::{Location, Spanned};
use tidegate_model::{NodeId, Period};

/// One stream of requests.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// Its API key; of many keys, what their names begin with.
    pub key: String,
    /// How many keys, each less in demand than the one before it.
    #[serde(default = "one")]
    pub keys: u32,
    /// How much less: the exponent of Zipf's law.
    #[serde(default = "unit")]
    pub zipf: f64,
    /// Each request has a key that nobody ever made.
    #[serde(default)]
    pub unknown: bool,
    /// Requests a second, at random moments.
    #[serde(default)]
    pub per_second: f64,
    /// Requests all at once, at `start`.
    #[serde(default)]
    pub burst: u32,
    /// Where they come from.
    pub from: Spanned<Source>,
    /// How the rate follows the day at the place that clients are.
    #[serde(default)]
    pub diurnal: Option<Diurnal>,
    /// How often a request is tried again that nobody answered.
    #[serde(default)]
    pub retries: u8,
    /// After which time; twice as long after each further failure.
    #[serde(default = "retry_after")]
    pub retry_after: Period,
    /// When it starts.
    #[serde(default)]
    pub start: Option<Period>,
    /// When it stops.
    #[serde(default)]
    pub stop: Option<Period>,
}

/// A day's shape: the rate is `per_second` at the middle of the local day.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Diurnal {
    /// How long a day is.
    pub day: Period,
    /// What is left of the rate in the middle of the night, as a part of it.
    #[serde(default)]
    pub night: f64,
}

/// Where requests come from.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// From clients near every region, over the internet, to the nearest region that is announced.
    Everywhere,
    /// From clients near this region, over the internet.
    Near(String),
    /// From clients at this place, over the internet.
    At(Location),
    /// From clients near one region after the other, so long each: a hot spot that moves.
    Moving(Period),
    /// To all nodes in turn, whatever is announced.
    AllNodes,
    /// To one node.
    Node(NodeId),
}

const fn one() -> u32 {
    1
}

const fn unit() -> f64 {
    1.0
}

const fn retry_after() -> Period {
    Period::from_millis(500)
}
