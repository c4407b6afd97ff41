//! What can be seen from outside: metrics, the access log, and the program's own log.
//!
//! Every metric is declared once, in [`catalog`], with its unit, labels and help. Counting costs a
//! core one addition to a memory line of its own ([`metrics`]); sums are made when somebody asks
//! ([`Scrape`]). Nothing here ever makes a request wait: what cannot be written is dropped and
//! counted.

mod access_log;
pub mod catalog;
mod cells;
mod durations;
mod expose;
mod log;
pub mod metrics;
mod scrape;
mod wire;

pub use access_log::{
    AccessLog, Carrier, Destination, DropReason, FIELDS, LineFormat, Lines, Log, LogBuffer,
    Omitted, Reopen, RequestFacts, Rotation, SyslogTo, Told, Wanted,
};
pub use catalog::Def;
pub use cells::{Cell, PerCore};
pub use durations::{Durations, Exemplar};
pub use expose::Format;
pub use log::{LogFormat, init_log};
pub use metrics::Metrics;
pub use scrape::Scrape;
pub use wire::Wire;
