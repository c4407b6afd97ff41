//! The world in a heap: Tidegate's own code under a virtual clock.
//!
//! A [`Plan`] names a world, traffic, faults and what must hold; [`run`] plays it and returns an
//! [`Outcome`]. Nodes are the very machines that production runs (`cluster::Node`,
//! `limit::Table`); simulated are the network between them, the internet in front of them, clients,
//! and time. One seed gives one run, to the byte.
//!
//! What it cannot show: kernels, TLS, disks, real routers, and how long real code takes.
//! `tests/e2e` is the truth check.

pub mod accuracy;
mod check;
mod clients;
pub mod figures;
mod internet;
mod network;
mod outcome;
mod plan;
pub mod recording;
pub mod report;
mod tally;
mod traffic;
pub mod volume;
mod world;

pub use check::Finding;
pub use outcome::Outcome;
pub use plan::{Client, Expect, Fault, FaultKind, Plan, Source as ClientSource};
pub use world::run;
