//! What the operator wrote about announcing.

use serde::Deserialize;
use tidegate_model::Period;

/// How fast a node comes and goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SteerSpec {
    /// How often a node checks itself.
    pub check_interval: Period,
    /// Good checks in a row until it announces itself.
    pub rise: u32,
    /// Bad checks in a row until it wants to withdraw.
    pub fall: u32,
    /// How long it stays withdrawn at least after it withdrew because it was ill. Coming back is
    /// slower than leaving.
    pub dwell: Period,
}

impl Default for SteerSpec {
    fn default() -> Self {
        Self {
            check_interval: Period::from_millis(500),
            rise: 3,
            fall: 3,
            dwell: Period::from_secs(10),
        }
    }
}
