//! What should this node announce to the internet, and why?
//!
//! A region is announced as long as one of its nodes announces it, so each node decides for itself:
//! checks of its own fitness and what it was told of others go into the [`Controller`], a [`Plan`]
//! with its reasons comes out. Which routing daemon carries it out is nobody's business here.
//!
//! Two rules stand above all others. Silent peers are no reason to withdraw. And whoever is the
//! last to be announced stays, however ill: a region that serves badly beats an internet with no
//! way in (`safety`).

mod controller;
mod explain;
mod plan;
mod safety;
mod spec;
mod view;

pub use controller::{Controller, Input, State};
pub use plan::{Plan, Reason};
pub use safety::{Veto, veto};
pub use spec::SteerSpec;
pub use view::{Other, View};
