//! Which members are steady enough to rely on.
//!
//! Membership alone flaps when a node is half cut off or starved. A node that went down must stay
//! up for a while before it is given a part to play again, twice as long after each further fall,
//! up to five minutes; ten quiet minutes clear its record.

use std::collections::BTreeMap;
use std::time::Duration;

use tidegate_model::{Mono, NodeId};

const HOLD: Duration = Duration::from_secs(5);
const HOLD_MAX: Duration = Duration::from_secs(300);
const CLEARED_AFTER: Duration = Duration::from_secs(600);

#[derive(Debug, Default)]
pub(crate) struct Steady {
    falls: BTreeMap<NodeId, Record>,
}

#[derive(Debug)]
struct Record {
    falls: u32,
    up_since: Option<Mono>,
}

impl Steady {
    pub(crate) fn down(&mut self, node: &NodeId) {
        let record = self.falls.entry(node.clone()).or_insert(Record {
            falls: 0,
            up_since: None,
        });
        record.falls = record.falls.saturating_add(1);
        record.up_since = None;
    }

    pub(crate) fn up(&mut self, node: &NodeId, now: Mono) {
        if let Some(record) = self.falls.get_mut(node) {
            record.up_since = Some(now);
        }
        self.falls
            .retain(|_, r| r.up_since.is_none_or(|up| now.since(up) < CLEARED_AFTER));
    }

    /// Whether `node`, which is up, should be relied on.
    pub(crate) fn is_steady(&self, node: &NodeId, now: Mono) -> bool {
        self.falls.get(node).is_none_or(|record| {
            let hold = HOLD
                .saturating_mul(1_u32 << (record.falls - 1).min(16))
                .min(HOLD_MAX);
            record.up_since.is_some_and(|up| now.since(up) >= hold)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fall_doubles_the_wait_and_quiet_clears_it() {
        let node: NodeId = "eu/a".parse().unwrap();
        let at = |secs: u64| Mono::from_millis(secs * 1_000);
        let mut steady = Steady::default();
        steady.up(&node, at(0));
        assert!(
            steady.is_steady(&node, at(0)),
            "a newcomer is relied on at once"
        );
        for (fall, hold) in [(100, 5), (200, 10), (300, 20)] {
            steady.down(&node);
            assert!(!steady.is_steady(&node, at(fall)));
            steady.up(&node, at(fall));
            assert!(!steady.is_steady(&node, at(fall + hold - 1)));
            assert!(steady.is_steady(&node, at(fall + hold)));
        }
        steady.up(&"eu/b".parse().unwrap(), at(901));
        assert!(steady.falls.is_empty(), "forgotten after ten quiet minutes");
    }
}
