//! How far this node's wall clock is from those of others, by what they say in their pulses.
//!
//! Of each peer the word counts that was under way for the shortest time lately: what a word is
//! late by beyond half the round trip looks like an offset. Of all peers and this node, the one in
//! the middle is right: so a node alone with its time yields, and of two nobody does.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tidegate_model::{Mono, NodeId, Now, Wall};

/// Words of one peer that are kept.
const WORDS_MAX: usize = 16;
/// What was said longer ago is forgotten: clocks drift, and ways change.
const LATELY: Duration = Duration::from_secs(5);

/// After this node has stood still, what had waited for it is read within so long.
const DEAF: Duration = Duration::from_secs(1);

/// What peers' clocks show.
#[derive(Debug, Default)]
pub(crate) struct Clocks {
    peers: BTreeMap<NodeId, VecDeque<Word>>,
    /// What is heard before says nothing of clocks.
    deaf_until: Mono,
}

#[derive(Clone, Copy, Debug)]
struct Word {
    /// What the peer's wall clock showed when our monotonic one showed nothing, in microseconds.
    base_us: i64,
    one_way: Duration,
    at: Mono,
}

impl Clocks {
    /// A peer has said what its clock showed when it spoke, `one_way` before `now`.
    pub(crate) fn hear(&mut self, from: &NodeId, said: Wall, one_way: Duration, now: Mono) {
        if now < self.deaf_until {
            return;
        }
        let words = self.peers.entry(from.clone()).or_default();
        if words.len() == WORDS_MAX {
            words.pop_front();
        }
        let arrived_us = said.unix_micros().saturating_add(micros(one_way));
        words.push_back(Word {
            base_us: signed(arrived_us).saturating_sub(signed(now.as_nanos() / 1_000)),
            one_way,
            at: now,
        });
    }

    /// This node stood still. What has waited for it meanwhile was said long ago, and would make
    /// the clocks of all others look late.
    pub(crate) fn stood_still(&mut self, now: Mono) {
        self.peers.clear();
        self.deaf_until = now + DEAF;
    }

    /// By how many microseconds the clock in the middle is ahead of ours. `None` with fewer than
    /// two peers.
    pub(crate) fn apart_us(&mut self, now: Now) -> Option<i64> {
        for words in self.peers.values_mut() {
            words.retain(|word| now.mono.since(word.at) <= LATELY);
        }
        self.peers.retain(|_, words| !words.is_empty());
        let own =
            signed(now.wall.unix_micros()).saturating_sub(signed(now.mono.as_nanos() / 1_000));
        let best = |words: &VecDeque<Word>| words.iter().min_by_key(|word| word.one_way).copied();
        let peers = self.peers.values().filter_map(best);
        let mut apart: Vec<i64> = peers
            .map(|word| word.base_us.saturating_sub(own))
            .chain([0])
            .collect();
        if apart.len() < 3 {
            return None;
        }
        apart.sort_unstable();
        // Of an even number, the one of the middle two that asks less of us.
        let middle = [apart[(apart.len() - 1) / 2], apart[apart.len() / 2]];
        middle.into_iter().min_by_key(|apart| apart.unsigned_abs())
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// What a peer says can be any number.
fn signed(micros: u64) -> i64 {
    i64::try_from(micros).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAY: Duration = Duration::from_millis(40);

    fn now(secs: u64) -> Now {
        Now {
            mono: Mono::from_millis(secs * 1_000),
            wall: Wall::from_unix_secs(1_000_000 + secs),
        }
    }

    fn said(secs: u64, ahead_ms: i64) -> Wall {
        let arrived = signed(now(secs).wall.unix_micros());
        let spoken = arrived - signed(micros(WAY)) + ahead_ms * 1_000;
        Wall::from_unix_micros(spoken.unsigned_abs())
    }

    fn apart(peers: &[i64]) -> Option<i64> {
        let mut clocks = Clocks::default();
        for (i, ahead_ms) in peers.iter().enumerate() {
            let from: NodeId = format!("eu/n{i}").parse().expect("a node");
            clocks.hear(&from, said(10, *ahead_ms), WAY, now(10).mono);
        }
        clocks.apart_us(now(10)).map(|us| us / 1_000)
    }

    #[test]
    fn a_node_alone_with_its_time_is_told_and_others_are_not() {
        assert_eq!(apart(&[2_000, 2_000]), Some(2_000), "we are behind");
        assert_eq!(
            apart(&[-3_600_000, -3_600_000, -3_599_990]),
            Some(-3_599_990)
        );
        assert_eq!(apart(&[2_000, 0, 0]), Some(0), "one of them is ahead");
        assert_eq!(apart(&[2_000]), None, "of two nobody can say");
        assert_eq!(apart(&[2_000, 2_000, 0]), Some(0), "two against two");
        assert_eq!(apart(&[i64::MAX / 2_000, -900_000]), Some(0));
    }

    #[test]
    fn the_word_that_came_fastest_counts_and_our_own_steps_do_not_confuse() {
        let mut clocks = Clocks::default();
        for name in ["eu/a", "eu/b"] {
            let from: NodeId = name.parse().expect("a node");
            clocks.hear(&from, said(10, 500), WAY, now(10).mono);
            // Late by 90 ms of which its link knows nothing.
            let late = said(11, 410);
            clocks.hear(&from, late, WAY + Duration::from_millis(1), now(11).mono);
        }
        assert_eq!(clocks.apart_us(now(12)), Some(500_000));
        let stepped = Now {
            wall: now(12).wall + Duration::from_millis(500),
            ..now(12)
        };
        assert_eq!(clocks.apart_us(stepped), Some(0));
        assert_eq!(clocks.apart_us(now(30)), None, "long ago");
    }

    #[test]
    fn what_waited_while_the_node_stood_still_says_nothing_of_clocks() {
        let mut clocks = Clocks::default();
        let peers = ["eu/a", "eu/b"].map(|name| name.parse().expect("a node"));
        clocks.stood_still(now(30).mono);
        for from in &peers {
            clocks.hear(from, said(10, 0), WAY, now(30).mono);
        }
        assert_eq!(clocks.apart_us(now(30)), None);
        for from in &peers {
            clocks.hear(from, said(32, 0), WAY, now(32).mono);
        }
        assert_eq!(clocks.apart_us(now(32)), Some(0));
    }
}
