//! What limits a request is under: the route's own, or those of callers whom nobody knows.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::HeaderValue;

/// A set of limits, with what is told of it.
#[derive(Debug)]
pub struct Terms {
    /// Whether one of them is counted in Redis.
    pub stored: bool,
    /// Places of its limits.
    pub limits: Vec<usize>,
    pub(crate) limit_names: Vec<Arc<str>>,
    /// The `RateLimit-Policy` field, and those of plans that change it.
    pub(crate) policy: Option<HeaderValue>,
    pub(crate) policy_by_plan: BTreeMap<String, HeaderValue>,
}

impl Terms {
    /// The `RateLimit-Policy` field for a caller of this plan; `None` if there are no limits.
    #[must_use]
    pub fn policy(&self, plan: Option<&str>) -> Option<&HeaderValue> {
        plan.and_then(|plan| self.policy_by_plan.get(plan))
            .or(self.policy.as_ref())
    }
}
