//! What must hold.

use serde::Deserialize;
use tidegate_model::Period;

/// What must hold. What is left out is not checked.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Expect {
    /// Windows before this moment are not judged.
    pub judge_from: Option<Period>,
    /// Admitted beyond the limit in any window, as a part of it.
    pub over_max: Option<f64>,
    /// Admitted short of what should have been, in any window, as a part of it.
    pub under_max: Option<f64>,
    /// Requests refused in windows whose whole demand was within the limit.
    pub false_refusals_max: Option<u64>,
    /// The longest time that clients of one network found nobody to answer.
    pub unavailable_max: Option<Period>,
    /// Requests that somebody answered, as a part of all.
    pub availability_min: Option<f64>,
    /// How long after the last fault before it a request failed.
    pub last_bad_max: Option<Period>,
    /// At each moment after the first ten seconds some region is announced.
    pub always_announced: bool,
    /// No node withdraws by its own choice and leaves nobody announced; and nobody is announced for
    /// half a minute only while no node could serve.
    pub never_dark: bool,
    /// Two regions that could wait never leave within the time of a permit.
    pub one_leaves_at_a_time: bool,
    /// At the end all nodes know the same counts.
    pub counts_agree: bool,
    /// At the end every living node takes exactly the living nodes for alive.
    pub converged: bool,
    /// How long after its revocation a key was let through.
    pub revoked_within: Option<Period>,
    /// At the end every living node refuses every revoked key.
    pub revocations_hold: bool,
}
