//! The only place that reads clocks, draws randomness from the system, spawns and stops.
//!
//! It knows nothing of what it runs: [`drive`] runs any [`Machine`](tidegate_model::Machine),
//! [`spawn_core`] any future on a thread of its own, [`Tasks`] anything that must not end
//! unnoticed.

mod clock;
mod cores;
mod driver;
mod entropy;
mod stop;
mod tasks;

pub use clock::Clock;
pub use cores::{CoreThread, spawn_core};
pub use driver::{Handle, Inbox, drive, mailbox};
pub use entropy::{fill, seed};
pub use stop::{Phase, Stop, Stopping};
pub use tasks::{Failure, Tasks};
