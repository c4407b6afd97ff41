//! What the operator wrote about what callers must have.

use std::collections::BTreeSet;

use serde::Deserialize;
use tidegate_model::Prefix;

use crate::Spanned;

/// What callers of a route must have. All of it must hold.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RequireText {
    /// Where they may come from; anywhere if left out.
    pub allow: Vec<Prefix>,
    /// Where they may not come from.
    pub deny: Vec<Prefix>,
    /// Scopes, all of them.
    pub scopes: Vec<String>,
    /// Scopes, one of them.
    pub any_scope: Vec<String>,
    /// Roles, one of them.
    pub roles: Vec<String>,
    /// Groups of consumers, one of them.
    pub groups: Vec<Spanned<String>>,
    /// A rule in CEL that must be true.
    pub rule: Option<Spanned<String>>,
}

/// The consumers of a group.
#[derive(Clone, PartialEq, Eq, Default, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupSpec {
    /// By name.
    pub consumers: BTreeSet<String>,
}
