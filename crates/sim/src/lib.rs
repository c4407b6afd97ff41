//! The world in a heap: Tidegate's own code under a virtual clock.
//!
//! A [`Plan`] names a world, traffic, faults and what must hold; [`run`] plays it and returns an
//! [`Outcome`], [`play_recorded`] a [`Recording`](recording::Recording) beside. Nodes are the very
//! machines that production runs (`cluster::Node`, `limit::Table`, `identity::KeyCache`); simulated
//! are the network between them, the internet in front of them, clients, and time. One seed gives
//! one run, to the byte.
//!
//! What it cannot show: kernels, TLS, disks, real routers, and how long real code takes.
//! `tests/e2e` is the truth check.

pub mod accuracy;
mod agenda;
mod check;
mod clients;
mod explore;
pub mod figures;
mod internet;
mod keys;
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
pub use explore::{Budget, found_plan, random_faults, shrink, with_faults};
pub use outcome::Outcome;
pub use plan::{
    CapacitySpec, Client, ClockDrift, ClockJump, Convergence, Diurnal, Expect, ExploreSpec, Fault,
    FaultFamily, FaultKind, InternetSpec, KeysPlan, Place, Plan, ReplaySpec, Rollout, Slow,
    Source as ClientSource, Target, Way, Weather,
};
/// The text of a plan.
pub use tidegate_config::Source as Text;
pub use world::{play_recorded, run};
