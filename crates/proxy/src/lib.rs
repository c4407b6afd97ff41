//! Walks the spine with real bytes.
//!
//! [`Proxy`] serves the requests of one core: `serve` reads from top to bottom as the life of a
//! request. What all cores share is in [`Shared`]; what a core has for itself is its connections to
//! services, its log buffer and its turn of endpoints. Policy is elsewhere: here are only its
//! errands.

mod attempt;
mod body;
mod brake;
mod held;
mod introduce;
mod login;
mod lookup;
mod observe;
mod own;
mod patience;
mod probe;
mod proxy;
mod relay;
mod relayed;
mod relays;
mod respond;
mod serve;
mod shared;
mod signed;
mod stored;
mod traced;
mod traces;
mod upload;
mod upstream;
mod watches;

pub use body::{Answer, BrokenOff};
pub use lookup::KeyLookup;
pub use own::OwnWord;
pub use probe::{Probes, fit_everywhere};
pub use proxy::Proxy;
pub use relays::{Distance, Neighbour, Relays};
pub use shared::{Live, Reports, Shared};
pub use traces::{TraceSettings, Traces};
pub use watches::{WATCHES_MAX, Watch, Watches};
