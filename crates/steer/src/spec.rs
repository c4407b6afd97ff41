//! What the operator wrote about announcing.

use serde::Deserialize;
use tidegate_model::Period;

/// How fast a node comes and goes, and what forbids it to go.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SteerSpec {
    /// How often a node checks itself.
    pub check_interval: Period,
    /// Good checks in a row until a node that starts, or whose drain was taken back, announces
    /// itself.
    pub start: u32,
    /// Good checks in a row until a node that was ill announces itself again. More than for a
    /// start: whoever was ill a moment ago may be so again.
    pub rise: u32,
    /// Bad checks in a row until it wants to withdraw.
    pub fall: u32,
    /// How long it stays withdrawn at least after it withdrew because it was ill. Coming back is
    /// slower than leaving.
    pub dwell: Period,
    /// A node that comes back after it was ill is announced as the second choice for so long.
    pub ramp: Period,
    /// How long a penalty for a withdrawal takes to fall to half of it.
    pub penalty_half_life: Period,
    /// What a permit to withdraw is good for. A node that has just started gives none for so long.
    pub permit: Period,
    /// Between the withdrawals of two regions that could have waited, and before a region that was
    /// ill returns after another one has come or gone.
    pub pause: Period,
    /// Requests a second that one node can carry. If it is left out, nobody asks whether those that
    /// remain can carry the load.
    pub node_capacity: Option<u32>,
    /// The part of it, in percent, up to which others are filled.
    pub capacity_percent: u8,
    /// The kill switch: nothing is announced or withdrawn because of checks, anywhere.
    pub freeze: bool,
}

impl Default for SteerSpec {
    fn default() -> Self {
        Self {
            check_interval: Period::from_millis(500),
            start: 3,
            rise: 10,
            fall: 3,
            dwell: Period::from_secs(10),
            ramp: Period::from_secs(10),
            penalty_half_life: Period::from_secs(900),
            permit: Period::from_secs(15),
            pause: Period::from_secs(60),
            node_capacity: None,
            capacity_percent: 80,
            freeze: false,
        }
    }
}
