//! What the world is made of beside regions and clients: the internet, what nodes can carry, the
//! key store.

use serde::Deserialize;
use tidegate_identity::CacheSpec;
use tidegate_model::Period;

/// The internet between clients and regions.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct InternetSpec {
    /// Networks that clients are in, near each region.
    pub networks: u16,
    /// How far from the region they are, in degrees at most.
    pub spread: f64,
    /// From the end of a node's announcement to the router beside it not sending there any more.
    pub router: Period,
    /// How long after that networks elsewhere follow: half of them, nine in ten, all.
    pub convergence: Convergence,
    /// The part of networks that try a farther region first when their own is gone.
    pub hunting: f64,
    /// Sessions that clients of a network hold.
    pub sessions: u32,
    /// After so long a watchdog withdraws a frozen node; never if left out.
    pub watchdog: Option<Period>,
}

/// How long it takes until a part of all networks has followed a change. In between it is even.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Convergence {
    /// Half of them.
    pub p50: Period,
    /// Nine in ten.
    pub p90: Period,
    /// All.
    pub max: Period,
}

impl Default for Convergence {
    fn default() -> Self {
        let none = Period::from_millis(0);
        Self {
            p50: none,
            p90: none,
            max: none,
        }
    }
}

impl Default for InternetSpec {
    fn default() -> Self {
        Self {
            networks: 1,
            spread: 0.0,
            router: Period::from_millis(50),
            convergence: Convergence::default(),
            hunting: 0.0,
            sessions: 100,
            watchdog: Some(Period::from_secs(1)),
        }
    }
}

/// What a node can carry.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CapacitySpec {
    /// Requests a second.
    pub node_per_second: u32,
    /// Requests that wait at a node at most; further ones are answered with 503 at once.
    #[serde(default = "queue")]
    pub queue: u32,
    /// A client gives up after so long; its request is worked on all the same.
    #[serde(default = "timeout")]
    pub timeout: Period,
}

const fn queue() -> u32 {
    1_000
}

const fn timeout() -> Period {
    Period::from_secs(2)
}

/// Keys: nodes know them by the cache that production has, and a store behind it.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KeysPlan {
    /// How long the store takes to answer.
    pub store_delay: Period,
    /// How long what one region's store takes in needs to reach the others.
    pub replication: Period,
    /// The cache of each node.
    pub cache: CacheSpec,
}

impl Default for KeysPlan {
    fn default() -> Self {
        Self {
            store_delay: Period::from_millis(5),
            replication: Period::from_secs(1),
            cache: CacheSpec::default(),
        }
    }
}

/// The run that this plan is to repeat.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplaySpec {
    /// Its seed.
    pub seed: u64,
    /// The digest of all that happened, in hexadecimal.
    pub trace: String,
}
