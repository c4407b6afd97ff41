//! Opens doors and yields requests.
//!
//! A [`Door`] is bound once for each core, so that the system spreads connections over cores and a
//! connection never leaves the core it came to. Each connection is TLS or not, HTTP/1.1 or HTTP/2,
//! and under the door's bounds; what arrives goes to a [`ServeRequest`]. Nothing here knows routes
//! or callers.

mod accept;
mod activity;
mod bind;
mod certs;
mod clients;
mod conn;
mod crypto;
mod expiry;
mod facts;
mod peers;
mod preface;
mod watched;

pub use accept::serve_doors;
pub use activity::Busy;
pub use bind::{BindError, Door, DoorSettings, bind};
pub use certs::{CertError, Certificates};
pub use clients::{Client, ClientTrust, Clients};
pub use crypto::install_crypto;
pub use facts::{ConnFacts, Protocol, ServeRequest};
pub use peers::{PeerConnection, Peers};
