//! What came of signed requests, counted.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::{SIGNATURE_RESULTS, SignatureDenied};

/// Counters of one method.
#[derive(Debug, Default)]
pub struct SignatureCounts([AtomicU64; SIGNATURE_RESULTS.len()]);

impl SignatureCounts {
    /// Counts a request that was refused for this reason, or was good.
    pub(crate) fn count(&self, why: Option<SignatureDenied>) {
        let at = why.map_or(0, |why| why as usize + 1);
        self.0[at].fetch_add(1, Relaxed);
    }

    /// Each result and how often it came.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = self.0.iter().map(|count| count.load(Relaxed));
        SIGNATURE_RESULTS.into_iter().zip(counts)
    }
}
