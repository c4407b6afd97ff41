//! A DNS zone whose answers are the addresses of regions that are announced.
//!
//! For worlds without BGP: the same decisions that would announce a region to routers put it into
//! answers. [`Zone`] answers one question and touches nothing; [`serve`] brings questions to it,
//! over UDP and TCP, and keeps answers from being a weapon ([`Budget`]).

mod budget;
mod counts;
mod serve;
mod zone;

pub use budget::Budget;
pub use counts::{Counts, Outcome};
pub use serve::{ServeError, Served, serve};
pub use zone::{Place, Reply, Zone, ZoneError};
