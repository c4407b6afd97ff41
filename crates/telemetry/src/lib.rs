//! What can be seen from outside: metrics, the access log, and the program's own log.
//!
//! Every metric is declared once, in [`catalog`], with its unit, labels and help. Counting costs a
//! core one addition to a memory line of its own ([`metrics`]); sums are made when somebody asks
//! ([`Scrape`]). Nothing here ever makes a request wait: what cannot be written is dropped and
//! counted.

mod access_log;
pub mod catalog;
mod cells;
mod expose;
mod log;
pub mod metrics;

pub use access_log::{AccessLog, Destination, LogBuffer, RequestFacts};
pub use catalog::Def;
pub use cells::{Cell, PerCore};
pub use expose::{CONTENT_TYPE, Scrape};
pub use log::{LogFormat, init_log};
pub use metrics::Metrics;
