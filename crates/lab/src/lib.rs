//! Real worlds on one machine: what `tidegate up` starts beside the gateway's own nodes.
//!
//! The [`director`] stands in for the internet: it sends clients to the nearest region that is
//! announced. [`upstream`] stands in for services. [`World`] is the list of processes that make a
//! world, [`Child`] one of them as it runs, and [`State`] is what is written down, so that other
//! commands find them. Production never needs any of this.
//!
//! [`internet`] is a world of network namespaces with real routers instead of the director. In it
//! [`probe`] never stops asking, [`timeline`] is what happened when, and [`report`] what came of
//! each fault.

pub mod director;
pub mod internet;
pub mod probe;
pub mod report;
pub mod timeline;
pub mod upstream;

mod child;
mod control;
mod process;
mod splice;
mod state;
mod world;

pub use child::{Child, ChildError, alive, freeze, kill, terminate};
pub use control::{Control, ask};
pub use process::Process;
pub use state::{Member, State};
pub use world::{World, WorldError};
