//! What came of tokens, counted.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::TokenDenied;

/// What may come of a token, as counted.
pub const RESULTS: [&str; 13] = [
    "cached",
    "verified",
    "token_malformed",
    "token_header",
    "token_algorithm",
    "token_unknown_key",
    "token_signature",
    "token_issuer",
    "token_audience",
    "token_expired",
    "token_not_yet",
    "token_claim",
    "token_keys_down",
];

/// Counters of one method. Found in the cache is what happens often, so these are spread.
#[derive(Debug, Default)]
pub struct TokenCounts {
    cached: [Line; 16],
    others: [AtomicU64; RESULTS.len()],
}

#[derive(Debug, Default)]
#[repr(align(64))]
struct Line(AtomicU64);

impl TokenCounts {
    pub(crate) fn cached(&self, spread: u8) {
        self.cached[usize::from(spread) % self.cached.len()]
            .0
            .fetch_add(1, Relaxed);
    }

    pub(crate) fn verified(&self) {
        self.others[1].fetch_add(1, Relaxed);
    }

    pub(crate) fn denied(&self, why: TokenDenied) {
        if let Some(at) = RESULTS.iter().position(|known| *known == why.label()) {
            self.others[at].fetch_add(1, Relaxed);
        }
    }

    /// Each result and how often it came.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let cached = self.cached.iter().map(|line| line.0.load(Relaxed)).sum();
        let others = self.others[1..].iter().map(|count| count.load(Relaxed));
        RESULTS
            .into_iter()
            .zip(std::iter::once(cached).chain(others))
    }
}
