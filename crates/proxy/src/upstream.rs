//! Connections to services: kept by the core that made them, used again while they are good.

mod pool;

pub(crate) use pool::{Destination, Lease, NoConnection, Upstreams};
