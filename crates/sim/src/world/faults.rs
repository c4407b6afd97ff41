//! What goes wrong, what is mended, and what operators do.

use std::time::Duration;

use tidegate_cluster::Event;
use tidegate_model::{NodeId, RegionId};

use super::{Happening, Illness, World};
use crate::plan::{FaultKind, Rollout, Target};

/// A drained node tells its connections to close for so long before it withdraws.
const SETTLE: Duration = Duration::from_millis(500);
/// A process that has left serves what still comes, ends, and its successor starts.
const STOPPED: Duration = Duration::from_secs(2);
/// An upgrade waits for its turn so long; then the node is stopped all the same.
const PATIENCE: Duration = Duration::from_secs(120);

impl World<'_> {
    /// The fault with this number of the plan happens, and will so many times in all from now.
    pub(super) fn fault(&mut self, number: usize, times: u32) {
        let plan = self.plan;
        let fault = &plan.faults[number].value;
        self.watch.fault_at = self.now;
        self.note(6, number as u64);
        self.record(fault.what.kind(), |_| {
            (fault.what.place(), fault.what.to_string())
        });
        self.happens(number, &fault.what);
        if let Some(every) = fault.every
            && times > 1
        {
            let at = self.now + every.get().max(Duration::from_millis(1));
            let times = times - 1;
            self.schedule(at, Happening::Fault { number, times });
        }
    }

    fn happens(&mut self, number: usize, what: &FaultKind) {
        match what {
            FaultKind::Crash(id) => self.crash(self.node(id)),
            FaultKind::Restart(id) => self.restart(self.node(id)),
            FaultKind::RestartEmpty(id) => {
                let node = self.node(id);
                if self.nodes[node].alive.is_none() {
                    self.nodes[node].disk = super::nodes::Disk::default();
                    self.start(node);
                }
            }
            FaultKind::CrashRegion(id) => self.each_of_region(id, Self::crash),
            FaultKind::RestartRegion(id) => self.each_of_region(id, Self::restart),
            FaultKind::Cut(id) => self.network.cut(self.region(id), true),
            FaultKind::Heal(id) => self.network.cut(self.region(id), false),
            FaultKind::CutWay(way) => self.cut_way(way, true),
            FaultKind::HealWay(way) => self.cut_way(way, false),
            FaultKind::Ill(id) => self.fall_ill(id, Illness::All),
            FaultKind::Partly(id) => self.fall_ill(id, Illness::Some),
            FaultKind::Well(id) => self.fall_ill(id, Illness::None),
            FaultKind::Freeze(who) => self.each_of(who, Self::freeze),
            FaultKind::Thaw(who) => self.each_of(who, Self::thaw),
            FaultKind::Slow(slow) => {
                let times = slow.times.max(1);
                self.each_of(&slow.who, |world, node| world.nodes[node].slow = times);
            }
            FaultKind::Drain(who) => self.each_of(who, Self::drain),
            FaultKind::Undrain(who) => self.each_of(who, |world, node| {
                world.nodes[node].drained = false;
                world.tell(node, Event::Return);
            }),
            FaultKind::Upgrade(rollout) | FaultKind::Rollout(rollout) => {
                self.roll_out(number, rollout);
            }
            FaultKind::MeshExpired(who) => {
                self.each_of(who, |world, node| world.nodes[node].meshed = false);
            }
            FaultKind::MeshRenewed(who) => {
                self.each_of(who, |world, node| world.nodes[node].meshed = true);
            }
            FaultKind::ClockJump(jump) => self.each_of(&jump.who, |world, node| {
                world.nodes[node].clock.jump(jump.seconds);
            }),
            FaultKind::ClockDrift(drift) => self.each_of(&drift.who, |world, node| {
                let now = world.now;
                world.nodes[node].clock.drift(drift.ppm, now);
            }),
            FaultKind::Weather(weather) => self.network.set_weather(weather.clone()),
            FaultKind::StoreDown(place) => self.set_store(place, false),
            FaultKind::StoreUp(place) => self.set_store(place, true),
            FaultKind::StoreDelay(delay) => {
                for store in &mut self.stores {
                    store.delay = delay.get();
                }
            }
            FaultKind::Revoke(name) => self.revoke(name),
        }
    }

    fn region(&self, id: &RegionId) -> usize {
        let region = self.regions.iter().position(|r| r == id);
        region.expect("checked")
    }

    fn node(&self, id: &NodeId) -> usize {
        self.number_of(id).expect("checked")
    }

    fn each_of_region(&mut self, id: &RegionId, act: impl FnMut(&mut Self, usize)) {
        self.each_of(&Target::Region(id.clone()), act);
    }

    fn each_of(&mut self, who: &Target, mut act: impl FnMut(&mut Self, usize)) {
        let nodes: Vec<usize> = match who {
            Target::Node(id) => vec![self.node(id)],
            Target::Region(id) => {
                let region = self.region(id);
                let at_home = |node: &usize| self.nodes[*node].region == region;
                (0..self.nodes.len()).filter(at_home).collect()
            }
        };
        for node in nodes {
            act(self, node);
        }
    }

    fn cut_way(&mut self, way: &crate::plan::Way, cut: bool) {
        let (from, to) = (self.region(&way.from), self.region(&way.to));
        self.network.cut_way(from, to, cut);
    }

    fn fall_ill(&mut self, id: &RegionId, illness: Illness) {
        let region = self.region(id);
        self.ill[region] = illness;
    }

    fn drain(&mut self, node: usize) {
        if self.nodes[node].alive.is_none() || self.is_frozen(node) {
            return;
        }
        self.nodes[node].drained = true;
        let life = self.nodes[node].life;
        self.tell(node, Event::Drain);
        self.schedule(self.now + SETTLE, Happening::Settled { node, life });
    }

    pub(super) fn settled(&mut self, node: usize, life: u64) {
        let sim = &self.nodes[node];
        if sim.life == life && sim.drained {
            self.tell(node, Event::Settled);
        }
    }

    /// Each node takes its turn.
    fn roll_out(&mut self, fault: usize, rollout: &Rollout) {
        for node in 0..self.nodes.len() {
            let at = self.now + rollout.pause.get() * node as u32;
            self.schedule(at, Happening::Turn { node, fault });
        }
    }

    fn rollout(&self, fault: usize) -> (&Rollout, bool) {
        match &self.plan.faults[fault].value.what {
            FaultKind::Upgrade(rollout) => (rollout, true),
            FaultKind::Rollout(rollout) => (rollout, false),
            _ => unreachable!("only rollouts have turns"),
        }
    }

    pub(super) fn turn(&mut self, node: usize, fault: usize) {
        let (rollout, upgrade) = self.rollout(fault);
        let (generation, breaks) = (rollout.generation, rollout.breaks);
        if upgrade {
            self.drain(node);
            let (life, since) = (self.nodes[node].life, self.now);
            let happening = Happening::Leaving {
                node,
                life,
                fault,
                since,
            };
            return self.schedule(self.now + SETTLE * 2, happening);
        }
        self.nodes[node].generation = generation;
        self.nodes[node].breaks = breaks;
        self.reconfigure(node);
    }

    /// A node that is being upgraded ends once it has left.
    pub(super) fn leaving(
        &mut self,
        node: usize,
        life: u64,
        fault: usize,
        since: tidegate_model::Mono,
    ) {
        let sim = &self.nodes[node];
        if sim.life != life {
            return;
        }
        let left = sim.alive.as_ref().is_some_and(|a| a.machine.has_left());
        if !left && self.now.since(since) < PATIENCE {
            let happening = Happening::Leaving {
                node,
                life,
                fault,
                since,
            };
            return self.schedule(self.now + SETTLE, happening);
        }
        self.tell(node, Event::Farewell);
        self.schedule(self.now + STOPPED, Happening::Upgraded { node, fault });
    }

    pub(super) fn upgraded(&mut self, node: usize, fault: usize) {
        let (rollout, _) = self.rollout(fault);
        let (generation, breaks) = (rollout.generation, rollout.breaks);
        self.crash(node);
        self.nodes[node].generation = generation;
        self.nodes[node].breaks = breaks;
        self.start(node);
    }
}
