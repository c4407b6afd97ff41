//! What the operator wrote about one region: `regions/NAME.yaml`.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::Deserialize;
use tidegate_balance::EndpointName;
use tidegate_identity::KeyStoreSpec;
use tidegate_model::Period;

use crate::{AnycastSpec, DoorSpec, LogSpec, Spanned, TracesSpec};

/// One region.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegionSpec {
    /// Its name, as `world.yaml` lists it.
    pub region: Spanned<String>,
    /// Its nodes by name.
    pub nodes: BTreeMap<String, Spanned<NodeSpec>>,
    /// Its doors by name.
    pub doors: BTreeMap<String, Spanned<DoorSpec>>,
    /// Where services are, by the name that `world.yaml` gives them.
    #[serde(default)]
    pub upstreams: BTreeMap<String, Spanned<Vec<Spanned<EndpointName>>>>,
    /// Nodes of other regions to begin with, by region and name: where their mesh doors are. The
    /// rest is learned from them.
    #[serde(default)]
    pub peers: BTreeMap<String, Spanned<BTreeMap<String, EndpointName>>>,
    /// Where key records live.
    #[serde(default)]
    pub key_store: KeyStoreSpec,
    /// Who carries out what nodes decide to announce.
    #[serde(default = "dry_run")]
    pub anycast: Spanned<AnycastSpec>,
    /// How a node that is being stopped leaves.
    #[serde(default)]
    pub drain: DrainSpec,
    /// Where the access log goes besides where the command line says, by name.
    #[serde(default)]
    pub logs: BTreeMap<String, Spanned<LogSpec>>,
    /// What is done about traces; nothing if left out.
    #[serde(default)]
    pub traces: Option<Spanned<TracesSpec>>,
}

/// How a node that is being stopped leaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DrainSpec {
    /// It tells connections to close for so long before it withdraws: none is open when its packets
    /// begin to go elsewhere.
    pub settle: Period,
    /// Withdrawn, it keeps its doors open for so long: what still comes is served.
    pub grace: Period,
    /// After that it waits for so long for requests in flight; then it drops them.
    pub timeout: Period,
    /// At the very end it waits for so long for lines of the access log to be delivered.
    pub logs: Period,
}

impl Default for DrainSpec {
    fn default() -> Self {
        Self {
            settle: Period::from_millis(500),
            grace: Period::from_secs(1),
            timeout: Period::from_secs(30),
            logs: Period::from_secs(3),
        }
    }
}

/// One node.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeSpec {
    /// Where its mesh door is: the address it listens on and tells others (UDP).
    pub mesh: Spanned<SocketAddr>,
    /// Where its admin door is.
    #[serde(default = "admin")]
    pub admin: Spanned<SocketAddr>,
    /// Where its doors for clients are, by name, if not where the door itself says.
    #[serde(default)]
    pub doors: BTreeMap<String, Spanned<SocketAddr>>,
    /// Where it serves the DNS zone of world.yaml (UDP and TCP), if it does.
    #[serde(default)]
    pub dns: Option<Spanned<SocketAddr>>,
    /// Cores that serve requests; all of the machine's if left out.
    #[serde(default)]
    pub workers: Option<std::num::NonZeroU16>,
}

const fn dry_run() -> Spanned<AnycastSpec> {
    Spanned {
        value: AnycastSpec::DryRun,
        range: 0..0,
    }
}

fn admin() -> Spanned<SocketAddr> {
    Spanned {
        value: SocketAddr::from(([127, 0, 0, 1], 9_901)),
        range: 0..0,
    }
}
