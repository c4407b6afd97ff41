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
mod conn;
mod facts;
mod preface;
mod watched;

pub use accept::serve_doors;
pub use activity::Busy;
pub use bind::{BindError, Door, DoorSettings, bind};
pub use certs::{CertError, Certificates};
pub use facts::{ConnFacts, Protocol, ServeRequest};

/// The one crypto provider of this process; call it before anything that uses TLS.
pub fn install_crypto() {
    // An error says that it is installed already.
    let _already = rustls::crypto::aws_lc_rs::default_provider().install_default();
}
