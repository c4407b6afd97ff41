//! Limits counted in a Redis that the operator already runs.
//!
//! A limit with `store: redis` is decided by one script in Redis (`decide.lua`), so that all nodes
//! share one exact count. The rules are those of the table: [`Question`](tidegate_limit::Question)
//! says which numbers are sent, and what the answer means.
//!
//! Redis may be slow, gone or full, and requests must not feel it: each command has a time limit,
//! commands under way are bounded, and after a few failures no request asks any more until a
//! background task has made new connections and written to Redis through them (`health`, `store`).

mod connect;
mod health;
mod script;
mod store;

pub use connect::{BadStore, Target};
pub use store::{Store, Taken, Unasked};
