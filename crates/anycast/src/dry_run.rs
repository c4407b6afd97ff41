//! Nobody: plans are logged, and taken for carried out.

use std::fmt;

use tidegate_steer::Plan;

use crate::{Speaker, Spoken};

/// Carries out nothing. For nodes whose addresses others announce, and to see first what would
/// happen.
pub struct DryRun {
    said: Box<dyn Fn(Spoken) + Send + Sync>,
}

impl DryRun {
    /// A speaker that says its plans to `said` only.
    #[must_use]
    pub fn new(said: impl Fn(Spoken) + Send + Sync + 'static) -> Self {
        Self {
            said: Box::new(said),
        }
    }
}

impl fmt::Debug for DryRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DryRun")
    }
}

impl Speaker for DryRun {
    fn apply(&self, plan: &Plan) {
        let would = if plan.announce {
            "announce"
        } else {
            "withdraw"
        };
        tracing::info!(plan = plan.number, reason = %plan.reason, "Dry run: this node would {would} itself.");
        (self.said)(Spoken::Applied {
            announced: plan.announce,
        });
    }
}
