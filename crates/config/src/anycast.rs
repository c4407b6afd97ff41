//! What the operator wrote about announcing.

use std::net::SocketAddr;

use serde::Deserialize;

/// Who carries out what a node decides to announce.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnycastSpec {
    /// Nobody: decisions are logged and shown, and nothing else happens.
    #[default]
    DryRun,
    /// The local stand-in for the internet, which `tidegate up` starts, at this address.
    Director(SocketAddr),
}
