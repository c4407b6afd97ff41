//! What carries out plans.

use std::collections::BTreeSet;

use tidegate_model::RegionId;
use tidegate_steer::Plan;

/// What a speaker says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Spoken {
    /// Whether this node is announced now.
    Applied {
        /// Whether it is.
        announced: bool,
    },
    /// Which regions are announced; `None` if that cannot be told at the moment.
    Routes(Option<BTreeSet<RegionId>>),
}

/// Carries out plans and says what has come of them.
///
/// Level-triggered: what is wanted is compared with what is, again and again; a plan is never lost
/// because a daemon was away when it was made.
pub trait Speaker: Send + Sync + std::fmt::Debug {
    /// From now on this is wanted.
    fn apply(&self, plan: &Plan);
}
