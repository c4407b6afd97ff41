//! Which endpoint, and is it fit?
//!
//! A [`Pool`] is shared by all cores: it picks the next endpoint in turn and skips those that
//! [`Health`] took out. [`Fallback`] picks another region when none is left. Neither ever connects;
//! whoever does reports what happened.

mod fallback;
mod health;
mod pool;
mod spec;

pub use fallback::{Fallback, FallbackSpec, Sight};
pub use health::{Health, Turn};
pub use pool::{Endpoint, Pool};
pub use spec::{EndpointName, HealthSpec, PoolSpec};
