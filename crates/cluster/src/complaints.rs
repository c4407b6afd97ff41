//! What peers send that cannot be used: counted at once, said once a minute.

use std::time::Duration;

use tidegate_limit::Absorbed;
use tidegate_model::{Mono, NodeId};

/// Between two notices.
const EVERY: Duration = Duration::from_secs(60);

/// What could not be used, by reason.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Unusable {
    /// Messages that are none, or that the sender may not send.
    pub undecodable: u64,
    /// Rows of limits that this node does not have.
    pub unknown_limit: u64,
    /// Rows of windows that are over, or far ahead.
    pub out_of_window: u64,
    /// Rows that claim what cannot be.
    pub implausible: u64,
    /// Rows for which there was no room.
    pub no_room: u64,
}

impl Unusable {
    fn since(self, earlier: Self) -> Self {
        Self {
            undecodable: self.undecodable - earlier.undecodable,
            unknown_limit: self.unknown_limit - earlier.unknown_limit,
            out_of_window: self.out_of_window - earlier.out_of_window,
            implausible: self.implausible - earlier.implausible,
            no_room: self.no_room - earlier.no_room,
        }
    }
}

/// All of it, and what was said of it.
#[derive(Debug)]
pub(crate) struct Complaints {
    total: Unusable,
    said: Unusable,
    /// Who sent the last of it.
    last: Option<NodeId>,
    quiet_until: Mono,
}

impl Complaints {
    pub(crate) fn new(now: Mono) -> Self {
        Self {
            total: Unusable::default(),
            said: Unusable::default(),
            last: None,
            quiet_until: now,
        }
    }

    pub(crate) const fn total(&self) -> Unusable {
        self.total
    }

    /// A message was none.
    pub(crate) fn undecodable(&mut self, from: &NodeId) {
        self.total.undecodable += 1;
        self.last = Some(from.clone());
    }

    /// Rows were taken in, some perhaps not.
    pub(crate) fn rows(&mut self, from: &NodeId, report: Absorbed) {
        let before = self.total;
        self.total.unknown_limit += u64::from(report.unknown_limit);
        self.total.out_of_window += u64::from(report.out_of_window);
        self.total.implausible += u64::from(report.implausible);
        self.total.no_room += u64::from(report.no_room);
        if self.total != before {
            self.last = Some(from.clone());
        }
    }

    /// What is to be said now, if anything, and who sent the last of it.
    pub(crate) fn poll(&mut self, now: Mono) -> Option<(NodeId, Unusable)> {
        if now < self.quiet_until || self.total == self.said {
            return None;
        }
        let new = self.total.since(self.said);
        self.said = self.total;
        self.quiet_until = now + EVERY;
        self.last.clone().map(|from| (from, new))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_nonsense_is_one_notice_a_minute() {
        let at = |secs| Mono::ZERO + Duration::from_secs(secs);
        let node: NodeId = "eu/a".parse().expect("a node");
        let mut complaints = Complaints::new(at(0));
        assert_eq!(complaints.poll(at(1)), None);
        let mut said = Vec::new();
        for second in 1..=150 {
            for _ in 0..1_000 {
                complaints.undecodable(&node);
            }
            said.extend(complaints.poll(at(second)));
        }
        let counts: Vec<_> = said.iter().map(|(_, new)| new.undecodable).collect();
        assert_eq!(counts, [1_000, 60_000, 60_000]);
        assert_eq!(complaints.total().undecodable, 150_000);
    }
}
