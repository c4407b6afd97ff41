//! What the operator wrote about limits.

use std::num::NonZeroU32;

use serde::{Deserialize, Deserializer};
use tidegate_model::Period;

use crate::Per;

/// The largest amount a limit may have: counts of several regions still fit 32 bits with room to
/// spare.
pub(crate) const AMOUNT_MAX: u32 = 500_000_000;

/// So many requests a window, per subject.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitSpec {
    /// Requests a window.
    #[serde(deserialize_with = "amount")]
    pub amount: NonZeroU32,
    /// The window's length: `1s` to `1d`. Windows are aligned to the Unix epoch, everywhere the
    /// same.
    #[serde(deserialize_with = "window")]
    pub window: Period,
    /// How windows follow each other.
    #[serde(default)]
    pub algorithm: Algorithm,
    /// Whose requests are counted together.
    #[serde(default)]
    pub per: Per,
    /// Who counts together.
    #[serde(default)]
    pub scope: Scope,
    /// What may be spent while another region cannot be heard that may be serving.
    #[serde(default)]
    pub on_partition: OnPartition,
    /// Counts and reports, but refuses nothing: to see what a limit would do.
    #[serde(default)]
    pub shadow: bool,
}

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

/// Bounds of a node's counters.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TableSpec {
    /// Subjects counted one by one. Beyond it, further subjects share a few counters and may be
    /// refused early; 72 bytes each, taken at start.
    #[serde(deserialize_with = "subjects")]
    pub subjects_max: usize,
}

impl Default for TableSpec {
    fn default() -> Self {
        Self {
            subjects_max: 262_144,
        }
    }
}

fn amount<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NonZeroU32, D::Error> {
    let amount = NonZeroU32::deserialize(deserializer)?;
    if amount.get() > AMOUNT_MAX {
        return Err(serde::de::Error::custom(format!(
            "{amount} is too large: at most {AMOUNT_MAX} a window"
        )));
    }
    Ok(amount)
}

fn window<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Period, D::Error> {
    let window = Period::deserialize(deserializer)?;
    if !(Period::from_secs(1)..=Period::from_secs(86_400)).contains(&window) {
        return Err(serde::de::Error::custom(format!(
            "a window of {window} is not offered: use 1s to 1d"
        )));
    }
    Ok(window)
}

fn subjects<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    let subjects = usize::deserialize(deserializer)?;
    if !(1_024..=64 << 20).contains(&subjects) {
        return Err(serde::de::Error::custom(
            "subjects_max lies between 1024 and 67108864",
        ));
    }
    Ok(subjects)
}
