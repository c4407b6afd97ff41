//! Nodes: production's machines, and what surrounds each: a disk, a clock, a queue.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tidegate_cluster::{ClusterSpec, Effect, Entry, Event, Node, Seed as ClusterSeed, SyncSpec};
use tidegate_identity::{Guard, KeyCache};
use tidegate_limit::{Batch, LimitIx, Table, TableSpec};
use tidegate_model::{Epoch, Generation, Machine, Mono, NodeId, RegionId, Seed};
use tidegate_steer::Trouble;

use super::clock::NodeClock;
use super::lookup::Waiting;
use super::{Happening, Illness, World};
use crate::internet::Choice;
use crate::plan::Plan;

/// Batches of kept counts on a disk at most; older ones are in newer ones mostly.
const KEPT_MAX: usize = 4_096;

pub(super) struct SimNode {
    pub(super) id: NodeId,
    pub(super) region: usize,
    /// Counts lives; what was meant for an earlier one is dropped.
    pub(super) life: u64,
    pub(super) alive: Option<Alive>,
    /// The announcement that stands.
    pub(super) announced: Option<Choice>,
    /// What it wants announced, and why not as usual.
    pub(super) wanted: Option<Choice>,
    pub(super) reason: String,
    /// Messages that come while its process stands still.
    pub(super) frozen: Option<Vec<(usize, Bytes, Duration)>>,
    /// Counts freezes.
    pub(super) freezes: u64,
    /// How many times as long everything takes.
    pub(super) slow: u32,
    /// When the last request that it has taken will be done.
    pub(super) busy_until: Mono,
    pub(super) clock: NodeClock,
    /// Whether its certificate of the mesh is good.
    pub(super) meshed: bool,
    pub(super) generation: u64,
    /// Whether its configuration breaks it.
    pub(super) breaks: bool,
    /// Whether an operator drains it.
    pub(super) drained: bool,
    pub(super) disk: Disk,
    pub(super) load: Load,
}

/// What outlives a process.
#[derive(Default)]
pub(super) struct Disk {
    pub(super) entries: Vec<Entry>,
    pub(super) kept: Vec<Batch>,
}

/// Requests since the last look.
#[derive(Clone, Copy, Default)]
pub(super) struct Load {
    pub(super) came: u32,
    pub(super) admitted: u32,
    pub(super) limited: u32,
}

/// A process.
pub(super) struct Alive {
    pub(super) machine: Node,
    pub(super) table: Arc<Table>,
    pub(super) limit: LimitIx,
    pub(super) cache: Option<KeyCache>,
    pub(super) guard: Guard,
    pub(super) waiting: Waiting,
    wake_at: Option<Mono>,
}

/// All nodes of a plan, none of which has started.
pub(super) fn all(plan: &Plan, regions: &[RegionId], _seed: Seed) -> Vec<SimNode> {
    let place = |id: &NodeId| {
        let region = regions.iter().position(|r| *r == id.region);
        region.expect("a node has a region")
    };
    let nodes = plan.node_ids().into_iter();
    let node = |id: NodeId| SimNode {
        region: place(&id),
        id,
        life: 0,
        alive: None,
        announced: None,
        wanted: None,
        reason: String::new(),
        frozen: None,
        freezes: 0,
        slow: 1,
        busy_until: Mono::ZERO,
        clock: NodeClock::default(),
        meshed: true,
        generation: 1,
        breaks: false,
        drained: false,
        disk: Disk::default(),
        load: Load::default(),
    };
    nodes.map(node).collect()
}

impl World<'_> {
    fn spec(&self, node: usize) -> ClusterSpec {
        let SimNode {
            id,
            life,
            generation,
            ..
        } = &self.nodes[node];
        let nodes = self.nodes.iter();
        ClusterSpec {
            epoch: Epoch(1_000_000 + life),
            addr: addr(node),
            regions: self.regions.clone(),
            nodes: (nodes.clone().map(|n| &n.id))
                .filter(|n| n.region == id.region)
                .cloned()
                .collect(),
            seeds: (0..)
                .zip(nodes)
                .map(|(i, n)| ClusterSeed {
                    node: n.id.clone(),
                    addr: addr(i),
                })
                .collect(),
            generation: Generation(*generation),
            steer: self.plan.steer,
            sync: SyncSpec::default(),
            node: id.clone(),
        }
    }

    pub(super) fn start(&mut self, node: usize) {
        self.nodes[node].clock.restart();
        let spec = self.spec(node);
        let SimNode { id, life, .. } = &self.nodes[node];
        let (random, life) = (self.seed.child(&format!("{id} {life}")), *life);
        let table = Arc::new(Table::new(TableSpec {
            subjects_max: self.room,
        }));
        let limit = table.register(&self.limit).expect("one limit fits");
        let machine = Node::new(spec, Arc::clone(&table), random, self.clock_of(node));
        let cache_spec = self.plan.keys.map(|keys| keys.cache);
        self.nodes[node].alive = Some(Alive {
            machine,
            table,
            limit,
            cache: cache_spec.map(KeyCache::new),
            guard: Guard::new(cache_spec.map_or(0, |spec| spec.lookups_per_second)),
            waiting: Waiting::default(),
            wake_at: None,
        });
        self.nodes[node].drained = false;
        self.nodes[node].busy_until = self.now;
        self.read_disk(node);
        let announced = self.announced_regions();
        self.tell(node, Event::Routes(Some(announced)));
        let at = self.now + self.plan.steer.check_interval.get();
        self.schedule(at, Happening::Check { node, life });
    }

    /// A new process reads what its disk has.
    fn read_disk(&mut self, node: usize) {
        let entries = self.nodes[node].disk.entries.clone();
        if !entries.is_empty() {
            self.act_on(node, &entries);
            self.tell(node, Event::Record(entries));
        }
        for batch in self.nodes[node].disk.kept.clone() {
            self.tell(node, Event::Restored(batch));
        }
    }

    pub(super) fn crash(&mut self, node: usize) {
        let sim = &mut self.nodes[node];
        sim.life += 1;
        sim.alive = None;
        sim.frozen = None;
        sim.wanted = None;
        "no process".clone_into(&mut sim.reason);
        // Fate sharing: the process takes its announcement with it.
        self.announce(node, None);
    }

    pub(super) fn restart(&mut self, node: usize) {
        if self.nodes[node].alive.is_none() {
            self.start(node);
        }
    }

    /// Takes on the generation that its files have now.
    pub(super) fn reconfigure(&mut self, node: usize) {
        let spec = self.spec(node);
        self.tell(node, Event::Reconfigured(Box::new(spec)));
    }

    pub(super) fn is_frozen(&self, node: usize) -> bool {
        self.nodes[node].frozen.is_some()
    }

    /// Hands an event to a node, and does what it wants done.
    pub(super) fn tell(&mut self, node: usize, event: Event) {
        if self.is_frozen(node) {
            return;
        }
        let now = self.clock_of(node);
        if let Some(alive) = &mut self.nodes[node].alive {
            alive.machine.handle(now, event);
        }
        self.settle(node);
    }

    pub(super) fn settle(&mut self, node: usize) {
        while let Some(effect) = self.nodes[node]
            .alive
            .as_mut()
            .and_then(|alive| alive.machine.poll())
        {
            self.carry_out(node, effect);
        }
        let now = self.now;
        let SimNode { alive, life, .. } = &mut self.nodes[node];
        let Some(alive) = alive else { return };
        let wanted = alive.machine.next_wake().map(|at| at.max(now));
        if let Some(at) = wanted
            && alive.wake_at.is_none_or(|planned| at < planned)
        {
            alive.wake_at = Some(at);
            let life = *life;
            self.schedule(at, Happening::Wake { node, life });
        }
    }

    fn carry_out(&mut self, node: usize, effect: Effect) {
        match effect {
            Effect::Send {
                to,
                bytes,
                reliable,
                ..
            } => self.send(node, &to, bytes, reliable),
            Effect::Apply(plan) => self.apply(node, &plan),
            Effect::Clocks { apart_us } => {
                let now = self.now;
                self.nodes[node].clock.discipline(apart_us, now);
            }
            Effect::Keep(batch) => {
                let kept = &mut self.nodes[node].disk.kept;
                if kept.len() == KEPT_MAX {
                    kept.remove(0);
                }
                kept.push(batch);
                let now = self.clock_of(node);
                if let Some(alive) = &mut self.nodes[node].alive {
                    alive.machine.handle(now, Event::Kept);
                }
            }
            Effect::Learned(entries) => {
                self.act_on(node, &entries);
                self.nodes[node].disk.entries.extend(entries);
            }
            Effect::News(_) | Effect::Notice(_) => {}
        }
    }

    pub(super) fn wake(&mut self, node: usize, life: u64) {
        let now = self.clock_of(node);
        let SimNode {
            alive,
            life: current,
            frozen,
            ..
        } = &mut self.nodes[node];
        let Some(alive) = alive.as_mut().filter(|_| *current == life) else {
            return;
        };
        // An earlier wake-up was planned meanwhile, and this one is left over.
        if alive.wake_at != Some(now.mono) {
            return;
        }
        alive.wake_at = None;
        if frozen.is_some() {
            return;
        }
        alive.machine.wake(now);
        self.settle(node);
    }

    /// What a node finds wrong with itself.
    fn trouble(&self, node: usize) -> Option<Trouble> {
        let sim = &self.nodes[node];
        if sim.breaks {
            return Some(Trouble::total("the configuration breaks it"));
        }
        match self.ill[sim.region] {
            Illness::None => None,
            Illness::Some => Some(Trouble::partial("some services are gone")),
            Illness::All => Some(Trouble::total("no service")),
        }
    }

    pub(super) fn check(&mut self, node: usize, life: u64) {
        if self.nodes[node].life != life {
            return;
        }
        let result = self.trouble(node).map_or(Ok(()), Err);
        self.tell(node, Event::Checked(result));
        let at = self.now + self.plan.steer.check_interval.get();
        self.schedule(at, Happening::Check { node, life });
    }

    /// Whether a node could serve, were it announced.
    pub(super) fn can_serve(&self, node: usize) -> bool {
        let sim = &self.nodes[node];
        let process = sim.alive.is_some() && sim.frozen.is_none();
        process && !sim.drained && self.trouble(node).is_none()
    }

    pub(super) fn freeze(&mut self, node: usize) {
        let sim = &mut self.nodes[node];
        if sim.alive.is_none() || sim.frozen.is_some() {
            return;
        }
        sim.frozen = Some(Vec::new());
        sim.freezes += 1;
        let freezes = sim.freezes;
        if let Some(after) = self.plan.internet.watchdog {
            let at = self.now + after.get();
            self.schedule(at, Happening::Watchdog { node, freezes });
        }
    }

    /// A node goes on, with all that has come meanwhile.
    pub(super) fn thaw(&mut self, node: usize) {
        let Some(mail) = self.nodes[node].frozen.take() else {
            return;
        };
        let wanted = self.nodes[node].wanted;
        self.announce(node, wanted);
        let now = self.clock_of(node);
        if let Some(alive) = &mut self.nodes[node].alive {
            alive.wake_at = None;
            alive.machine.wake(now);
        }
        self.settle(node);
        for (from, bytes, one_way) in mail {
            self.receive(node, from, bytes, one_way);
        }
        let announced = self.announced_regions();
        self.tell(node, Event::Routes(Some(announced)));
    }
}

fn addr(node: usize) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 10_000 + node as u16))
}
