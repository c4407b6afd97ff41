//! A small internet of network namespaces (Linux, root): in each region a router, its machines and
//! clients nearby; the anycast address on every machine, told to the router by BIRD; lines between
//! routers, as long as on the globe if that is wished.
//!
//! [`Topology`] says what there is, [`Fault`] what can be broken; both only decide. [`Spaces`]
//! makes and removes it, [`relay`] is a long line, [`Bridge`] lets commands outside reach admin
//! doors inside.

pub mod relay;

mod bridge;
mod fault;
mod files;
mod processes;
mod routing;
mod space;
mod topology;

pub use bridge::Bridge;
pub use fault::{Action, Fault, FaultError, FaultOrder, Kind, Target};
pub use files::{RewriteError, region_file, world_file};
pub use processes::{Inside, Roster};
pub use space::{SpaceError, Spaces, enter, ip, routes};
pub use topology::{End, Link, Machine, PROBE_PATH, Site, Topology, VIP};

#[cfg(test)]
pub(crate) use topology::tests;
