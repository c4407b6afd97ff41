//! Announcements, routers beside nodes, and networks that follow.

use std::collections::BTreeSet;

use tidegate_cluster::Event;
use tidegate_model::{Machine, RegionId};
use tidegate_steer::{Plan, Reason};

use super::{Happening, World};
use crate::internet::{Choice, Following};
use crate::recording::EventKind;

impl World<'_> {
    /// A node wants routers to agree with its plan.
    pub(super) fn apply(&mut self, node: usize, plan: &Plan) {
        let choice = match plan.reduced {
            true => Choice::Second,
            false => Choice::First,
        };
        let wanted = plan.announce.then_some(choice);
        self.nodes[node].wanted = wanted;
        self.nodes[node].reason = match wanted {
            Some(Choice::First) => String::new(),
            Some(Choice::Second) => "the second choice".to_owned(),
            None => reason(&plan.reason).to_owned(),
        };
        let leaves = self.nodes[node].announced.is_some() && !plan.announce;
        self.announce(node, wanted);
        if leaves {
            self.watch_leaving(node, &plan.reason);
        }
        let now = self.clock_of(node);
        if let Some(alive) = &mut self.nodes[node].alive {
            let announced = plan.announce;
            alive.machine.handle(now, Event::Applied { announced });
        }
    }

    pub(super) fn announce(&mut self, node: usize, announced: Option<Choice>) {
        if std::mem::replace(&mut self.nodes[node].announced, announced) == announced {
            return;
        }
        let region = self.nodes[node].region;
        let choice = announced.map_or(0, |choice| 1 + choice as u64);
        self.note(2, node as u64 * 3 + choice);
        let at = self.now + self.plan.internet.router.get();
        let happening = Happening::Converged {
            region,
            node,
            announced,
        };
        self.schedule(at, happening);
        self.record(EventKind::Route, |world| {
            let sim = &world.nodes[node];
            let what = match (announced, sim.reason.as_str()) {
                (Some(Choice::First), _) => "announced".to_owned(),
                (Some(Choice::Second), _) => "announced as the second choice".to_owned(),
                (None, "") => "withdrawn".to_owned(),
                (None, why) => format!("withdrawn: {why}"),
            };
            (sim.id.to_string(), what)
        });
        self.watch_announced();
    }

    pub(super) fn announced_regions(&self) -> BTreeSet<RegionId> {
        let announced = self.internet.announced();
        announced.map(|r| self.regions[r].clone()).collect()
    }

    /// The router beside a node follows; networks will if that changes what the region is.
    pub(super) fn converged(&mut self, region: usize, node: usize, announced: Option<Choice>) {
        // The node has changed its mind meanwhile.
        if self.nodes[node].announced != announced {
            return;
        }
        if !self.internet.set(region, node, announced) {
            return;
        }
        for following in self.internet.follow(region) {
            match following.after.is_zero() {
                true => self.followed(following),
                false => self.schedule(self.now + following.after, Happening::Follow(following)),
            }
        }
        let announced = self.announced_regions();
        for node in 0..self.nodes.len() {
            self.tell(node, Event::Routes(Some(announced.clone())));
        }
    }

    pub(super) fn followed(&mut self, following: Following) {
        let (broken, hunting) = self.internet.followed(following);
        self.broke_sessions(following.network, broken);
        let network = following.network;
        self.note(4, network as u64 * 64 + following.region as u64);
        if let Some(time) = hunting {
            self.schedule(self.now + time, Happening::Hunted { network });
        }
    }

    pub(super) fn hunted(&mut self, network: usize) {
        let broken = self.internet.hunted(network);
        self.broke_sessions(network, broken);
    }

    fn broke_sessions(&mut self, network: usize, broken: u64) {
        self.watch.broken_sessions += broken;
        let place = self.internet.place(network);
        if let Some(recorder) = &mut self.recorder {
            recorder.step.regions[place].broken_sessions += broken;
        }
    }

    /// A watchdog finds a node frozen, and takes its announcement from it.
    pub(super) fn watchdog(&mut self, node: usize, freezes: u64) {
        let sim = &mut self.nodes[node];
        if sim.frozen.is_some() && sim.freezes == freezes {
            "frozen".clone_into(&mut sim.reason);
            self.announce(node, None);
        }
    }
}

const fn reason(reason: &Reason) -> &'static str {
    match reason {
        Reason::Starting => "starting",
        Reason::Fit | Reason::Returning | Reason::Ailing(_) => "",
        Reason::Unfit(_) => "unfit",
        Reason::Leaving => "leaving",
    }
}
