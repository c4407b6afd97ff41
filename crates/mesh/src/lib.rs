//! Carries cluster messages between nodes, and interprets none of them.
//!
//! QUIC with mutual TLS: a node proves its name with a certificate of the cluster's own authority,
//! so whoever receives a message knows who sent it. Short messages go as datagrams and may be lost;
//! long or important ones get a stream of their own. Each node dials whom it wants to speak to and
//! listens on what others dialled: a pair has two connections, and no rule is needed about which
//! one counts.

mod certs;
mod dial;
mod link;
mod tls;
mod transport;
mod wan;

pub use certs::{CertsError, Issued, init_certs};
pub use link::{Inbox, Mesh, MeshError, MeshSpec};
pub use tls::{PeerTls, TlsError, node_of, server_name};
pub use wan::{Links, Rule};
