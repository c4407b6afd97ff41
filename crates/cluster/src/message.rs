//! What nodes say to each other. The order of variants and fields is the wire format: append, never
//! reorder.

use serde::{Deserialize, Serialize};
use tidegate_limit::{Batch, Digest, RightsTo, RightsWord};
use tidegate_model::RegionId;

use crate::{Entry, NodeReport};

/// One message.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Message {
    /// A SWIM packet of the region's pool.
    SwimRegion(Vec<u8>),
    /// A SWIM packet of the world's pool, between border nodes.
    SwimWorld(Vec<u8>),
    /// Counts of limits.
    Counts(Batch),
    /// I am here; this is how nodes are, and how long ago each region was heard.
    Pulse {
        /// How long ago each region was heard, at the moment of sending.
        heard: Vec<Heard>,
        /// Nodes that have something new to report.
        reports: Vec<NodeReport>,
        /// A digest of the sender's whole ledger.
        ledger: u64,
        /// What the sender's wall clock shows, in microseconds since the Unix epoch.
        wall_us: u64,
    },
    /// What I know of counts. Tell me what you know that differs.
    CountsDigest {
        /// One number a shard.
        digest: Digest,
        /// Whether the sender has just started and waits for the answer.
        fresh: bool,
    },
    /// The answer to a digest of counts.
    CountsRepair {
        /// Whether the sender has itself learned the counts of its peers.
        settled: bool,
        /// Which part this is, from 0, and of how many.
        part: u32,
        /// How many parts there are.
        parts: u32,
        /// The rows of this part.
        batch: Batch,
    },
    /// What I know of the ledger: one number a shard. Tell me what differs.
    LedgerDigest(Vec<u64>),
    /// Entries of the ledger.
    Ledger(Vec<Entry>),
    /// A word about rights of a strict limit, perhaps on its way to somebody else.
    Rights {
        /// For whom it is.
        to: RightsTo,
        /// How many nodes have passed it on.
        hops: u8,
        /// The word.
        word: RightsWord,
    },
    /// Something has changed that the nodes of this region look at: opaque, told once, not kept.
    News(Vec<u8>),
}

impl Message {
    /// Whether it is what limits of many nodes cost.
    pub(crate) const fn is_of_limits(&self) -> bool {
        matches!(
            self,
            Self::Counts(_)
                | Self::CountsDigest { .. }
                | Self::CountsRepair { .. }
                | Self::Rights { .. }
        )
    }
}

/// When a region was last heard.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Heard {
    /// Which region.
    pub region: RegionId,
    /// How long ago, in milliseconds.
    pub age_ms: u32,
}
