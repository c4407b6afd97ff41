//! Real worlds on one machine: what `tidegate up` starts beside the gateway's own nodes.
//!
//! The [`director`] stands in for the internet: it sends clients to the nearest region that is
//! announced. [`upstream`] stands in for services. [`World`] is the list of processes that make a
//! world, [`Child`] one of them as it runs, and [`State`] is what is written down, so that other
//! commands find them. Production never needs any of this.

pub mod director;
pub mod upstream;

mod child;
mod control;
mod splice;
mod state;
mod world;

pub use child::{Child, ChildError, alive, kill, terminate};
pub use control::{Control, ask};
pub use state::{Member, State};
pub use world::{Process, World, WorldError};
