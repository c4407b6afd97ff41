//! Which route does this request belong to?
//!
//! A [`Table`] is built once a configuration generation and answers by host, path and method. It
//! knows nothing of callers or upstreams: it returns the index of a route, or a [`Miss`] that says
//! how close the request came.
//!
//! Precedence: exact host before wildcard host (longest first) before any host; within a host, a
//! literal segment before a `{parameter}` before a trailing `*`. The order of routes in the file
//! never matters.

mod host;
mod method;
mod path;
mod spec;
mod table;

pub use host::HostPattern;
pub use method::MethodSet;
pub use path::PathPattern;
pub use spec::MatchSpec;
pub use table::{Clash, Miss, Table};
