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
    /// The local stand-in for the internet, which `tidegate up` starts.
    Director(DirectorSpec),
}

/// The local stand-in for the internet, as one region sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DirectorSpec {
    /// Where nodes tell it what they announce; the same for all regions.
    pub at: SocketAddr,
    /// Where clients near this region come in.
    pub front: SocketAddr,
}
