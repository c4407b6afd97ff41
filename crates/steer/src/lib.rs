//! What should this node announce to the internet, and why?
//!
//! A region is announced as long as one of its nodes announces it, so each node decides for itself:
//! checks of its own fitness and what it was told of others go into the [`Controller`], a [`Plan`]
//! with its reasons comes out. Which routing daemon carries it out is nobody's business here.
//!
//! Three rules stand above all others. Silent peers are no reason to withdraw. Whoever is the
//! last to be announced stays, however ill: a region that serves badly beats an internet with no
//! way in (`safety`). And who could wait asks first, so that no two regions leave at once
//! (`permit`).

mod controller;
mod damp;
mod explain;
mod permit;
mod plan;
mod safety;
#[cfg(test)]
mod schedules;
mod spec;
mod trouble;
mod view;

pub use controller::{Controller, Input, Seat, State};
pub use permit::Missing;
pub use plan::{Plan, Reason};
pub use safety::Veto;
pub use spec::SteerSpec;
pub use trouble::Trouble;
pub use view::{Grant, Other, View, Words};
