//! What the operator wrote about which requests a route takes.

use serde::Deserialize;

use tidegate_model::Exposure;

use crate::{HostPattern, MethodSet, PathPattern};

/// Which requests a route takes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MatchSpec {
    /// Hosts, any if left out.
    #[serde(default)]
    pub hosts: Vec<HostPattern>,
    /// The path pattern.
    pub path: PathPattern,
    /// Methods, any if left out. GET includes HEAD.
    #[serde(default = "any_method")]
    pub methods: MethodSet,
    /// Which doors show it.
    #[serde(default)]
    pub exposure: Exposure,
}

impl MatchSpec {
    /// Whether some request fits both.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        let hosts = self.hosts.is_empty()
            || other.hosts.is_empty()
            || self
                .hosts
                .iter()
                .any(|a| other.hosts.iter().any(|b| a.overlaps(b)));
        hosts && self.methods.overlaps(other.methods) && self.path.overlaps(&other.path)
    }

    /// Whether every host and path that fits this fits the other.
    #[must_use]
    pub fn within(&self, other: &Self) -> bool {
        let hosts = other.hosts.is_empty()
            || !self.hosts.is_empty()
                && self
                    .hosts
                    .iter()
                    .all(|a| other.hosts.iter().any(|b| a.within(b)));
        hosts && self.path.within(&other.path)
    }
}

const fn any_method() -> MethodSet {
    MethodSet::ANY
}
