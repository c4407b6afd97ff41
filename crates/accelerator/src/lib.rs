//! Announces a node through AWS Global Accelerator: by the weight of its endpoint.
//!
//! A node sets the weight of its own endpoint in its region's endpoint group, and reads the group
//! back again and again. Weights, not the traffic dial: the dial belongs to a whole region and its
//! operator, and no node may close it for the others.
//!
//! What this cannot do. An order takes effect at Amazon's edge within seconds, not milliseconds,
//! and the API lives in one AWS region: a node that dies, or that is cut off from it, is left to
//! the accelerator's own health checks of the node's door (TCP, 10 s apart, two to ten misses),
//! and to the watchdog while it reaches the API. If no endpoint is healthy, or all weights are 0,
//! the accelerator sends traffic to all of them: it fails open, as we do.

mod endpoint;
mod group;
mod trouble;

pub use endpoint::Accelerator;
pub use group::{GroupAccess, Weights};
pub use trouble::Trouble;
