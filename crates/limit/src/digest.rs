//! A short summary of what is known, to find out whether two nodes know the same.
//!
//! Rows that have been at rest for a while are folded by XOR into 256 shards. Two nodes whose
//! shards differ send each other the rows of those shards; a node that knows nothing yet differs
//! everywhere and so learns everything.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::{Actor, SubjectKey, WindowIx};

/// Into how many shards subjects fall.
pub const DIGEST_SHARDS: usize = 256;

/// One number a shard.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Digest(Vec<u64>);

impl Default for Digest {
    fn default() -> Self {
        Self(vec![0; DIGEST_SHARDS])
    }
}

/// The shard of a subject.
pub(crate) const fn shard_of(subject: SubjectKey) -> u8 {
    (subject.raw() >> 56) as u8
}

impl Digest {
    /// Folds in one row.
    pub(crate) fn add(
        &mut self,
        subject: SubjectKey,
        actor: &Actor,
        window: WindowIx,
        admitted: u32,
    ) {
        let mut bytes = Vec::with_capacity(96);
        bytes.extend_from_slice(&subject.raw().to_le_bytes());
        bytes.extend_from_slice(&actor.epoch.0.to_le_bytes());
        bytes.extend_from_slice(&window.0.to_le_bytes());
        bytes.extend_from_slice(&admitted.to_le_bytes());
        bytes.extend_from_slice(actor.node.region.as_str().as_bytes());
        bytes.push(0);
        bytes.extend_from_slice(actor.node.name().as_bytes());
        self.0[usize::from(shard_of(subject))] ^= xxh3_64(&bytes);
    }

    /// The shards in which another digest differs; none if it is malformed.
    #[must_use]
    pub fn differing(&self, other: &Self) -> Vec<u8> {
        if other.0.len() != DIGEST_SHARDS {
            return Vec::new();
        }
        (0..=u8::MAX)
            .filter(|&i| self.0[usize::from(i)] != other.0[usize::from(i)])
            .collect()
    }
}
