//! Rules about callers, in CEL (the Common Expression Language).
//!
//! A rule is compiled and checked when the configuration is read: its names, its functions and its
//! size. What it can cost is bounded by that: no loop within a loop, no regular expressions, and
//! what it looks at is bounded by whoever verified it. A rule that cannot be evaluated says no.

mod bounds;
mod facts;
mod names;
mod rule;

pub use facts::{Asked, Caller, Facts};
pub use rule::{Rule, RuleError};
