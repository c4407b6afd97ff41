//! What can be chosen for a limit, a word each.

use std::fmt;
use std::num::NonZeroU32;

use serde::{Deserialize, Deserializer};
use tidegate_model::Period;

use crate::Unit;

/// How windows follow each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Algorithm {
    /// The last window weighs on this one, by the part of it that a window ending now would still
    /// cover. No stretch of a window's length admits more than the amount, to within the assumption
    /// that requests were spread evenly over the last window.
    #[default]
    Sliding,
    /// Each window starts from nothing, as bills do. Around a boundary twice the amount may pass.
    Fixed,
    /// A bucket of `burst` tokens that fills by the amount a window, evenly: the generic cell rate
    /// algorithm (ITU-T I.371).
    Bucket,
    /// A window is an hour, day or month of a calendar, and its count survives restarts.
    Quota,
    /// What is under way at a time, not how often.
    Concurrency,
}

impl Algorithm {
    /// Whether what was admitted in the window before still matters.
    #[must_use]
    pub const fn remembers(self) -> bool {
        matches!(self, Self::Sliding | Self::Bucket)
    }

    /// The word for configuration and messages.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Sliding => "sliding",
            Self::Fixed => "fixed",
            Self::Bucket => "bucket",
            Self::Quota => "quota",
            Self::Concurrency => "concurrency",
        }
    }
}

/// Who counts together.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// All regions: one limit for the world.
    #[default]
    Global,
    /// Each region for itself.
    Region,
    /// Each node for itself.
    Node,
}

/// What may be spent of a global limit while a region cannot be heard that may be serving.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnPartition {
    /// That region is taken to spend its share, by what was asked of it lately: both sides together
    /// stay within the limit.
    #[default]
    Share,
    /// It is taken to spend nothing more: nobody is refused wrongly, and each side of a cut may
    /// spend the whole limit.
    Open,
    /// Each region spends its smallest share only, a tenth of an even one: for what must not be
    /// overspent however demand shifts.
    Closed,
}

impl OnPartition {
    /// The word for configuration and logs.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Share => "share",
            Self::Open => "open",
            Self::Closed => "closed",
        }
    }
}

impl Scope {
    /// The word for configuration, logs and metrics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Global => "global",
            Self::Region => "region",
            Self::Node => "node",
        }
    }
}

/// How long a window lasts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WindowSpec {
    /// So long, from the Unix epoch on.
    Length(Period),
    /// An hour, day or month of a calendar.
    Calendar(Unit),
}

impl fmt::Display for WindowSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length(length) => length.fmt(f),
            Self::Calendar(unit) => f.write_str(unit.label()),
        }
    }
}

impl<'de> Deserialize<'de> for WindowSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        for unit in [Unit::Hour, Unit::Day, Unit::Month] {
            if text == unit.label() {
                return Ok(Self::Calendar(unit));
            }
        }
        let length: Period = text.parse().map_err(serde::de::Error::custom)?;
        if !(Period::from_secs(1)..=Period::from_secs(86_400)).contains(&length) {
            let message = format!("a window of {length} is not offered: use 1s to 1d");
            return Err(serde::de::Error::custom(message));
        }
        Ok(Self::Length(length))
    }
}

/// Whether the amount may be exceeded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// By what others do unheard: predicted, and about right to a per cent.
    #[default]
    Fast,
    /// Never: each node holds rights, and asks others for theirs when it runs out.
    Strict,
}

/// A part of what is left, above 0 and up to 1.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct BurstShare(f64);

impl Default for BurstShare {
    fn default() -> Self {
        Self(1.0)
    }
}

impl BurstShare {
    /// The number.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl<'de> Deserialize<'de> for BurstShare {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let share = f64::deserialize(deserializer)?;
        if share > 0.0 && share <= 1.0 {
            Ok(Self(share))
        } else {
            let message = format!("{share} is no share: it lies above 0 and up to 1");
            Err(serde::de::Error::custom(message))
        }
    }
}

/// What is done with a request that finds no room: `enforce: refuse`, or `enforce: { delay: { max:
/// 500ms, queue: 100 } }`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Enforce {
    /// It is refused with 429.
    #[default]
    Refuse,
    /// It waits until there is room, if that comes soon enough.
    Delay(DelaySpec),
}

/// How requests wait for room.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DelaySpec {
    /// A request waits for so long at most; then it is refused.
    pub max: Period,
    /// So many requests of this limit wait at a time on a node; further ones are refused at once.
    #[serde(deserialize_with = "queue")]
    pub queue: NonZeroU32,
}

/// Requests that wait for a limit on one node at most.
const QUEUE_MAX: u32 = 100_000;

fn queue<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NonZeroU32, D::Error> {
    let queue = NonZeroU32::deserialize(deserializer)?;
    if queue.get() > QUEUE_MAX {
        let message = format!("{queue} is too long a queue: at most {QUEUE_MAX}");
        return Err(serde::de::Error::custom(message));
    }
    Ok(queue)
}
