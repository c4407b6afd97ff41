//! What the operator wrote about announcing.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::num::NonZero;
use std::path::PathBuf;

use serde::{Deserialize, Deserializer};
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
    /// ExaBGP 4 on the same machine.
    Exabgp(ExaBgpSpec),
    /// GoBGP 3 on the same machine.
    Gobgp(GoBgpSpec),
    /// AWS Global Accelerator.
    GlobalAccelerator(AcceleratorSpec),
}

impl AnycastSpec {
    /// Whether each node is a machine of its own, to which something leads that outlives it.
    #[must_use]
    pub const fn is_routed(&self) -> bool {
        match self {
            Self::Bird(_) | Self::Exabgp(_) | Self::Gobgp(_) | Self::GlobalAccelerator(_) => true,
            Self::DryRun | Self::Director(_) => false,
        }
    }

    /// What is announced, if this is said here.
    #[must_use]
    pub fn prefixes(&self) -> Option<&[Prefix]> {
        match self {
            Self::Bird(bird) => Some(&bird.prefixes),
            Self::Exabgp(exabgp) => Some(&exabgp.prefixes),
            Self::Gobgp(gobgp) => Some(&gobgp.prefixes),
            Self::DryRun | Self::Director(_) | Self::GlobalAccelerator(_) => None,
        }
    }

    /// The device that the node makes for the prefixes.
    #[must_use]
    pub fn device(&self) -> Option<&str> {
        match self {
            Self::Bird(bird) => bird.device.as_deref(),
            Self::Exabgp(exabgp) => exabgp.device.as_deref(),
            Self::Gobgp(gobgp) => gobgp.device.as_deref(),
            Self::DryRun | Self::Director(_) | Self::GlobalAccelerator(_) => None,
        }
    }

    /// How long a planned withdrawal is told with GRACEFUL_SHUTDOWN before it is carried out.
    #[must_use]
    pub fn graceful_for(&self) -> Period {
        match self {
            Self::Bird(bird) if bird.graceful_protocol.is_some() => bird.graceful_for,
            Self::Exabgp(exabgp) => exabgp.graceful_for,
            Self::Gobgp(gobgp) => gobgp.graceful_for,
            Self::GlobalAccelerator(accelerator) => accelerator.graceful_for,
            _ => Period::from_millis(0),
        }
    }
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
    /// The protocol that holds them as the second choice, for a node that has been ill.
    #[serde(default)]
    pub second_protocol: Option<String>,
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

/// ExaBGP 4 on the same machine, as a node sees it.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExaBgpSpec {
    /// The socket of `tidegate exabgp-bridge`, which ExaBGP runs as its process.
    #[serde(default = "exabgp_socket")]
    pub socket: PathBuf,
    /// Our AS, as ExaBGP's configuration has it.
    pub local_as: u32,
    /// The next hop of our routes; ExaBGP's own address if it is left out.
    #[serde(default)]
    pub next_hop: Option<IpAddr>,
    /// What is announced.
    pub prefixes: Vec<Prefix>,
    /// The device that the node makes for the prefixes (Linux).
    #[serde(default)]
    pub device: Option<String>,
    /// How long a planned withdrawal is told with GRACEFUL_SHUTDOWN before it is carried out.
    #[serde(default = "graceful_for")]
    pub graceful_for: Period,
    /// What routes carry.
    #[serde(default)]
    pub usual: LevelSpec,
    /// What they carry as the second choice, and before a planned withdrawal.
    #[serde(default = "second")]
    pub second: LevelSpec,
}

/// GoBGP 3 on the same machine, as a node sees it.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoBgpSpec {
    /// Its API.
    #[serde(default = "gobgp_api")]
    pub api: SocketAddr,
    /// Our AS, as GoBGP's configuration has it.
    pub local_as: u32,
    /// The next hops of our routes: this machine's addresses, one a family.
    pub next_hops: Vec<IpAddr>,
    /// What is announced.
    pub prefixes: Vec<Prefix>,
    /// The device that the node makes for the prefixes (Linux).
    #[serde(default)]
    pub device: Option<String>,
    /// How long a planned withdrawal is told with GRACEFUL_SHUTDOWN before it is carried out.
    #[serde(default = "graceful_for")]
    pub graceful_for: Period,
    /// What routes carry.
    #[serde(default)]
    pub usual: LevelSpec,
    /// What they carry as the second choice, and before a planned withdrawal.
    #[serde(default = "second")]
    pub second: LevelSpec,
}

/// AWS Global Accelerator, as a region sees it: one endpoint group.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcceleratorSpec {
    /// The ARN of the region's endpoint group.
    pub group: String,
    /// The endpoint of each node: an instance, an elastic address, or a load balancer.
    pub endpoints: BTreeMap<String, String>,
    /// The weight of a node's endpoint, 1 to 255.
    #[serde(default = "weight")]
    pub weight: NonZero<u8>,
    /// Its weight as the second choice, and while a planned withdrawal is told.
    #[serde(default = "second_weight")]
    pub second_weight: NonZero<u8>,
    /// How long a planned withdrawal is told by `second_weight` before it is carried out.
    #[serde(default = "at_once")]
    pub graceful_for: Period,
    /// Where the API is, for private endpoints; AWS's own if left out.
    #[serde(default)]
    pub api: Option<String>,
}

/// What routes carry.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LevelSpec {
    /// MULTI_EXIT_DISC: the lower, the better; for neighbours of one AS.
    pub med: Option<u32>,
    /// How often our AS stands in the path more than once.
    pub prepend: u8,
    /// Communities, such as `64500:80`.
    pub communities: Vec<Community>,
}

/// A community (RFC 1997).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Community(pub u16, pub u16);

impl<'de> Deserialize<'de> for Community {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let parts = text.split_once(':');
        let parsed = parts.and_then(|(a, b)| Some(Self(a.parse().ok()?, b.parse().ok()?)));
        parsed.ok_or_else(|| {
            serde::de::Error::custom(format!(
                "`{text}` is no community: write it like \"64500:80\", two numbers below 65536"
            ))
        })
    }
}

const fn at_once() -> Period {
    Period::from_millis(0)
}

const fn weight() -> NonZero<u8> {
    NonZero::new(128).expect("not zero")
}

const fn second_weight() -> NonZero<u8> {
    NonZero::new(1).expect("not zero")
}

fn exabgp_socket() -> PathBuf {
    "/run/tidegate/exabgp.sock".into()
}

const fn gobgp_api() -> SocketAddr {
    SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 50_051))
}

const fn second() -> LevelSpec {
    LevelSpec {
        med: Some(1_000),
        prepend: 3,
        communities: Vec::new(),
    }
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
