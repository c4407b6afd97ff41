//! What the operator wrote about announcing.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Deserialize;
use tidegate_model::{Period, Prefix};

/// Who carries out what a node decides to announce.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnycastSpec {
    /// Nobody: decisions are logged and shown, and nothing else happens.
    #[default]
    DryRun,
    /// The local stand-in for the internet, which `tidegate up` starts.
    Director(DirectorSpec),
    /// BIRD 2 on the same machine.
    Bird(BirdSpec),
}

/// BIRD 2 on the same machine, as a node sees it.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BirdSpec {
    /// Its control socket.
    #[serde(default = "socket")]
    pub socket: PathBuf,
    /// The protocol in its configuration that holds the prefixes; nodes enable and disable it.
    #[serde(default = "protocol")]
    pub protocol: String,
    /// The protocol that holds them with the community GRACEFUL_SHUTDOWN, for planned withdrawals.
    #[serde(default)]
    pub graceful_protocol: Option<String>,
    /// How long a planned withdrawal is told in that way before it is carried out.
    #[serde(default = "graceful_for")]
    pub graceful_for: Period,
    /// What is announced.
    pub prefixes: Vec<Prefix>,
    /// The device that the node makes for the prefixes, so that they vanish with it (Linux).
    #[serde(default)]
    pub device: Option<String>,
}

fn socket() -> PathBuf {
    "/run/bird/bird.ctl".into()
}

fn protocol() -> String {
    "tidegate".to_owned()
}

const fn graceful_for() -> Period {
    Period::from_millis(500)
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
