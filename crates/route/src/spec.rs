//! What the operator wrote about which requests a route takes.

use serde::Deserialize;

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
}

const fn any_method() -> MethodSet {
    MethodSet::ANY
}
