//! How many answers a network gets over UDP.
//!
//! A source address in a UDP packet may be forged: then the answer hits somebody who never asked.
//! So each network (/24 or /56) has a bucket of answers. Whoever has emptied it gets every second
//! answer without content, no longer than the question, which sends honest clients to TCP; the
//! others are dropped. The table has a fixed size: networks that fall on one place share a bucket.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::time::Duration;

use tidegate_model::Prefix;

/// Buckets: 16 bytes each.
const BUCKETS: usize = 16_384;
/// So many seconds' worth of answers can be had at once.
const BURST_SECS: f32 = 2.0;

/// What a question may get.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Grant {
    /// An answer.
    Answer,
    /// Word that TCP is the way.
    Slip,
    /// Nothing.
    Nothing,
}

/// Answers that networks may still have.
#[derive(Debug)]
pub struct Budget {
    per_second: f32,
    hasher: RandomState,
    buckets: Vec<Bucket>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    left: f32,
    at_ms: u64,
    slip: bool,
}

impl Budget {
    /// So many answers a second for each network.
    #[must_use]
    pub fn new(per_second: u32) -> Self {
        let per_second = per_second as f32;
        let full = Bucket {
            left: per_second * BURST_SECS,
            at_ms: 0,
            slip: false,
        };
        Self {
            per_second,
            hasher: RandomState::new(),
            buckets: vec![full; BUCKETS],
        }
    }

    /// What a question from `source` gets, `since` the start.
    pub fn take(&mut self, source: IpAddr, since: Duration) -> Grant {
        let network = Prefix::around(source, 24, 56);
        let place = self.hasher.hash_one(network) as usize % BUCKETS;
        let bucket = &mut self.buckets[place];
        let now_ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        let passed = now_ms.saturating_sub(bucket.at_ms) as f32 / 1_000.0;
        bucket.at_ms = now_ms;
        let full = self.per_second * BURST_SECS;
        bucket.left = (bucket.left + passed * self.per_second).min(full);
        if bucket.left >= 1.0 {
            bucket.left -= 1.0;
            return Grant::Answer;
        }
        bucket.slip = !bucket.slip;
        if bucket.slip {
            Grant::Slip
        } else {
            Grant::Nothing
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_gets_its_answers_and_another_one_its_own() {
        let mut budget = Budget::new(10);
        let (one, mate, other) = ("192.0.2.1", "192.0.2.77", "198.51.100.1");
        let mut ask =
            |source: &str, ms| budget.take(source.parse().unwrap(), Duration::from_millis(ms));
        let answers = (0..100)
            .filter(|_| ask(one, 5_000) == Grant::Answer)
            .count();
        assert_eq!(answers, 20);
        assert_eq!(ask(mate, 5_000), Grant::Slip, "the same network");
        assert_eq!(ask(mate, 5_000), Grant::Nothing);
        assert_eq!(ask(other, 5_000), Grant::Answer);
        assert_eq!(ask(one, 5_100), Grant::Answer, "a tenth of a second later");
        assert_ne!(ask(one, 5_100), Grant::Answer);
    }
}
