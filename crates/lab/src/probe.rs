//! Clients that never stop asking: a connection for each request, a connection that is kept, and
//! one of HTTP/2. [`Beat`] says when the next request is due; [`run`] asks and writes down what
//! comes of it.

mod beat;
mod client;

pub use beat::Beat;
pub use client::{Plan, run};
