//! Fetches key records.
//!
//! A [`KeySource`] is asked for one key at a time; caching and judging is `identity`'s affair.
//! [`Embedded`] keeps what it is given in a file of this node; the cluster's ledger brings it what
//! other nodes were given.

mod embedded;
mod source;

pub use embedded::{Copied, Embedded, OpenError};
pub use source::{FetchError, KeySource, Stored};
