//! Asks others about callers: issuers of opaque tokens, files of passwords, authorizers.
//!
//! Identity's methods say what to ask and what an answer means; here are the errands. Each is run
//! once for all who wait for the same answer, in a bounded number, and away from the cores that
//! serve.

mod asker;
mod client;
mod external;
mod flights;
mod grpc;
mod introspect;
mod passwords;

pub use asker::{AskSpec, Askers, Methods, Origin};
