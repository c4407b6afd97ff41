//! Which claims of a credential are kept: only what somebody asks for.

use std::collections::BTreeSet;

/// Which claims are kept of a caller.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Wanted {
    /// By name, for limits and for what services are told.
    pub names: BTreeSet<String>,
    /// Whether rules look at the claims, which needs all of them.
    pub all: bool,
}
