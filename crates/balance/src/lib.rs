//! Which endpoint, and is it fit?
//!
//! A [`Pool`] is shared by all cores: it picks the next endpoint in turn and skips those that
//! [`Health`] took out. It never connects; whoever does reports what happened.

mod health;
mod pool;
mod spec;

pub use health::{Health, Turn};
pub use pool::{Endpoint, Pool};
pub use spec::{EndpointName, HealthSpec, PoolSpec};
