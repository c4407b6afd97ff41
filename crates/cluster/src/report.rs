//! How nodes are: what each says of itself, passed on until everyone knows.
//!
//! A report belongs to the node it speaks of; nobody else can make a newer one. Of two reports the
//! later life wins, then the higher version. Ages are relative, so no clock is compared with
//! another.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tidegate_limit::Audience;
use tidegate_model::{Epoch, Generation, Mono, NodeId};
use tidegate_steer::Words;

/// Reports kept at most; a new node's is dropped when there are more.
const REPORTS_MAX: usize = 2_000;
/// A node that was not heard of for so long is forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(600);

/// What a node says of itself.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct NodeFacts {
    /// Whether it takes requests.
    pub ready: bool,
    /// Whether it passed its last check.
    pub fit: bool,
    /// Whether it is announced to the internet.
    pub announced: bool,
    /// Whether it speaks with other regions.
    pub border: bool,
    /// Which configuration it runs.
    pub generation: Generation,
    /// Requests a second, lately.
    pub requests_per_s: u32,
    /// Requests a second that were let through to a service.
    pub admitted_per_s: u32,
    /// Requests a second that a limit refused.
    pub limited_per_s: u32,
    /// What it says of leaving.
    #[serde(default)]
    pub leaving: Words,
}

/// A node's report, as it travels.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct NodeReport {
    /// Who speaks of itself.
    pub node: NodeId,
    /// In which life.
    pub epoch: Epoch,
    /// Counts up with every change.
    pub version: u64,
    /// Where its mesh door is.
    pub addr: SocketAddr,
    /// How it is.
    pub facts: NodeFacts,
    /// How old the report is, in milliseconds, at the moment of sending.
    pub age_ms: u32,
}

/// All that is known of how nodes are.
#[derive(Debug)]
pub(crate) struct Bulletin {
    me: NodeId,
    reports: BTreeMap<NodeId, Known>,
}

#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) report: NodeReport,
    pub(crate) as_of: Mono,
    /// How often each audience is still to be told.
    untold: [u8; 2],
}

/// What others rely on when they withdraw is told so often, a pulse apart: a link that loses one
/// word in five loses three in a row once in a hundred times.
const TELLINGS: u8 = 3;

impl NodeFacts {
    /// How often a report is told that says this, after one that said `before`.
    fn tellings_after(&self, before: Option<&Self>) -> u8 {
        let relied_on = |facts: &Self| (facts.ready, facts.fit, facts.announced);
        let same = before.is_some_and(|before| {
            relied_on(before) == relied_on(self) && before.leaving == self.leaving
        });
        if same { 1 } else { TELLINGS }
    }
}

impl Known {
    fn tell(&mut self, times: u8) {
        self.untold = self.untold.map(|untold| untold.max(times));
    }
}

impl Bulletin {
    pub(crate) fn new(
        me: NodeId,
        epoch: Epoch,
        addr: SocketAddr,
        facts: NodeFacts,
        now: Mono,
    ) -> Self {
        let report = NodeReport {
            node: me.clone(),
            epoch,
            version: 1,
            addr,
            facts,
            age_ms: 0,
        };
        let known = Known {
            report,
            as_of: now,
            untold: [TELLINGS; 2],
        };
        Self {
            reports: BTreeMap::from([(me.clone(), known)]),
            me,
        }
    }

    /// What this node says of itself.
    pub(crate) fn own(&self) -> &NodeFacts {
        &self.reports[&self.me].report.facts
    }

    /// Changes what this node says of itself.
    pub(crate) fn set_own(&mut self, now: Mono, change: impl FnOnce(&mut NodeFacts)) {
        let known = self
            .reports
            .get_mut(&self.me)
            .expect("one's own report is always there");
        let before = known.report.facts.clone();
        change(&mut known.report.facts);
        if known.report.facts != before {
            known.report.version += 1;
            known.tell(known.report.facts.tellings_after(Some(&before)));
        }
        known.as_of = now;
    }

    /// Says again how this node is, though nothing has changed: others take old words for no words.
    pub(crate) fn repeat_own(&mut self, now: Mono) {
        let known = self
            .reports
            .get_mut(&self.me)
            .expect("one's own report is always there");
        known.report.version += 1;
        known.tell(1);
        known.as_of = now;
    }

    /// Takes in what a node is said to say.
    pub(crate) fn absorb(
        &mut self,
        report: NodeReport,
        from: Audience,
        one_way: Duration,
        now: Mono,
    ) {
        if report.node == self.me {
            return;
        }
        let as_of = now - one_way - Duration::from_millis(u64::from(report.age_ms));
        let newer = |known: &Known| {
            (report.epoch, report.version) > (known.report.epoch, known.report.version)
        };
        let known = self.reports.get(&report.node);
        if known.is_some_and(|known| !newer(known))
            || known.is_none() && self.reports.len() >= REPORTS_MAX
        {
            return;
        }
        // The same way that counts travel: from mates over the border to the world, from the world
        // to the mates.
        let native = report.node.region == self.me.region;
        let before = known.map(|known| (&known.report.facts, known.untold));
        let tellings = report.facts.tellings_after(before.map(|(facts, _)| facts));
        let [mates, world] = before.map_or([0; 2], |(_, untold)| untold);
        let untold = match from {
            Audience::World => [mates.max(tellings), 0],
            Audience::Mates if native => [0, world.max(tellings)],
            Audience::Mates => [0; 2],
        };
        self.reports.insert(
            report.node.clone(),
            Known {
                report,
                as_of,
                untold,
            },
        );
    }

    /// What an audience has not been told, in messages of at most `per_message`.
    pub(crate) fn export(
        &mut self,
        audience: Audience,
        per_message: usize,
        now: Mono,
    ) -> Vec<Vec<NodeReport>> {
        self.reports
            .retain(|node, known| *node == self.me || now.since(known.as_of) < FORGOTTEN_AFTER);
        let home = &self.me.region;
        let mut reports = Vec::new();
        for known in self.reports.values_mut() {
            let meant = audience == Audience::Mates || known.report.node.region == *home;
            let untold = &mut known.untold[audience as usize];
            if meant && *untold > 0 {
                *untold -= 1;
                let age = now.since(known.as_of).as_millis();
                let age_ms = u32::try_from(age).unwrap_or(u32::MAX);
                reports.push(NodeReport {
                    age_ms,
                    ..known.report.clone()
                });
            }
        }
        reports
            .chunks(per_message)
            .map(<[NodeReport]>::to_vec)
            .collect()
    }

    /// All reports but one's own.
    pub(crate) fn others(&self) -> impl Iterator<Item = &Known> {
        let others = self.reports.iter().filter(|(node, _)| **node != self.me);
        others.map(|(_, known)| known)
    }

    /// How many nodes have reported, this one included.
    pub(crate) fn len(&self) -> usize {
        self.reports.len()
    }

    /// All reports, one's own among them.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Known> {
        self.reports.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(node: &str, epoch: u64, version: u64) -> NodeReport {
        let (node, addr) = (node.parse().unwrap(), "127.0.0.1:1".parse().unwrap());
        NodeReport {
            node,
            epoch: Epoch(epoch),
            version,
            addr,
            facts: NodeFacts::default(),
            age_ms: 0,
        }
    }

    fn bulletin() -> Bulletin {
        let NodeReport {
            node,
            epoch,
            addr,
            facts,
            ..
        } = report("us/a", 1, 1);
        Bulletin::new(node, epoch, addr, facts, Mono::ZERO)
    }

    fn told(bulletin: &mut Bulletin, audience: Audience) -> Vec<String> {
        let reports = bulletin.export(audience, 100, Mono::ZERO).concat();
        reports
            .iter()
            .map(|r| format!("{} {}.{}", r.node, r.epoch.0, r.version))
            .collect()
    }

    #[test]
    fn reports_travel_over_each_step_and_changes_three_times() {
        let mut border = bulletin();
        border.absorb(
            report("us/b", 1, 5),
            Audience::Mates,
            Duration::ZERO,
            Mono::ZERO,
        );
        border.absorb(
            report("eu/a", 1, 9),
            Audience::World,
            Duration::ZERO,
            Mono::ZERO,
        );
        for _ in 0..TELLINGS {
            assert_eq!(told(&mut border, Audience::World), ["us/a 1.1", "us/b 1.5"]);
            assert_eq!(told(&mut border, Audience::Mates), ["eu/a 1.9", "us/a 1.1"]);
        }
        let nothing: [&str; 0] = [];
        assert_eq!(told(&mut border, Audience::World), nothing);
        assert_eq!(told(&mut border, Audience::Mates), nothing);
        // The same once more.
        let again = report("us/b", 1, 6);
        border.absorb(again, Audience::Mates, Duration::ZERO, Mono::ZERO);
        assert_eq!(told(&mut border, Audience::World), ["us/b 1.6"]);
        assert_eq!(told(&mut border, Audience::World), nothing);
    }

    #[test]
    fn the_later_word_wins_whatever_the_order() {
        let mut bulletin = bulletin();
        for r in [
            report("eu/a", 2, 1),
            report("eu/a", 1, 9),
            report("eu/a", 2, 1),
        ] {
            bulletin.absorb(r, Audience::World, Duration::ZERO, Mono::ZERO);
        }
        assert_eq!(
            told(&mut bulletin, Audience::Mates),
            ["eu/a 2.1", "us/a 1.1"]
        );
    }

    #[test]
    fn nobody_else_speaks_for_me() {
        let mut bulletin = bulletin();
        let mut forged = report("us/a", 9, 9);
        forged.facts.announced = true;
        bulletin.absorb(forged, Audience::World, Duration::ZERO, Mono::ZERO);
        assert!(!bulletin.own().announced);
    }
}
