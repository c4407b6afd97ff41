//! The virtual clock and all that happens on it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tidegate_cluster::{ClusterSpec, Effect, Event, Node, Seed as ClusterSeed, SyncSpec};
use tidegate_limit::{Ask, Limit, LimitIx, SubjectKey, Table, TableSpec, WindowIx, rights_pause};
use tidegate_model::{Epoch, Generation, Machine, Mono, NodeId, Now, RegionId, Seed, Wall};
use tidegate_steer::{SteerSpec, Trouble};

use crate::check::{Finding, judge, judged};
use crate::clients::Stream;
use crate::internet::{CONVERGENCE, Internet};
use crate::network::{Network, Ways};
use crate::outcome::Outcome;
use crate::plan::{FaultKind, Plan, Source};
use crate::tally::{Demand, Tally, Waits};
use crate::traffic::Traffic;

/// Wall time at the start of a run: the start of a window of any length up to a day.
pub(crate) const EPOCH_DAYS: u64 = 20_000;
/// The cluster needs a moment to find itself before an unannounced world counts against it.
const SETTLED: Duration = Duration::from_secs(10);
/// Room for subjects on each node.
const SUBJECTS: usize = 4_096;

/// Plays a plan.
#[must_use]
pub fn run(plan: &Plan, seed: Seed) -> Outcome {
    World::new(plan, seed).play()
}

/// What happens, at its time.
enum Happening {
    Wake {
        node: usize,
        life: u64,
    },
    Deliver {
        to: usize,
        from: usize,
        bytes: Bytes,
        one_way: Duration,
    },
    Check {
        node: usize,
        life: u64,
    },
    Routes {
        announced: BTreeSet<RegionId>,
    },
    Converged {
        region: usize,
        node: usize,
        announced: bool,
    },
    Request {
        stream: usize,
    },
    /// A request that waits for rights of a strict limit asks again.
    Again {
        node: usize,
        key: String,
        since: Mono,
    },
    Arrival {
        node: usize,
        subject: u32,
    },
    Fault {
        number: usize,
    },
}

/// A request that comes to a node whatever is announced.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    /// When.
    pub(crate) at: Mono,
    /// Where, counted as [`Plan::node_ids`] does.
    pub(crate) node: usize,
    /// On which subject.
    pub(crate) subject: u32,
}

impl Arrival {
    pub(crate) const fn on_one_subject(at: Mono, node: usize) -> Self {
        let subject = 0;
        Self { at, node, subject }
    }
}

pub(crate) struct World<'p> {
    plan: &'p Plan,
    seed: Seed,
    /// Wall time at the start.
    started: Wall,
    now: Mono,
    end: Mono,
    heap: BinaryHeap<Reverse<(Mono, u64)>>,
    happenings: BTreeMap<u64, Happening>,
    sequence: u64,
    nodes: Vec<SimNode>,
    regions: Vec<RegionId>,
    ill: BTreeSet<usize>,
    network: Network,
    internet: Internet,
    streams: Vec<Stream>,
    arrivals: Box<dyn Iterator<Item = Arrival> + 'p>,
    limit: Limit,
    tally: Tally,
    broken: Vec<Finding>,
    traffic: Traffic,
    /// What was sent before is of no interest.
    count_from: Option<Mono>,
    room: usize,
    events: u64,
    trace: u64,
}

struct SimNode {
    id: NodeId,
    region: usize,
    /// Counts lives; what was meant for an earlier one is dropped.
    life: u64,
    alive: Option<Alive>,
    announced: bool,
}

struct Alive {
    machine: Node,
    table: Arc<Table>,
    limit: LimitIx,
    wake_at: Option<Mono>,
}

impl<'p> World<'p> {
    pub(crate) fn new(plan: &'p Plan, seed: Seed) -> Self {
        let places: Vec<_> = plan.regions.values().copied().collect();
        let end = Mono::ZERO + plan.run_for.get();
        let regions = plan.region_ids();
        let place = |id: &NodeId| {
            regions
                .iter()
                .position(|r| *r == id.region)
                .expect("a node has a region")
        };
        let nodes = plan
            .node_ids()
            .into_iter()
            .map(|id| SimNode {
                region: place(&id),
                id,
                life: 0,
                alive: None,
                announced: false,
            })
            .collect();
        let stream = |(i, client)| Stream::new(client, i, end, seed);
        Self {
            network: Network::new(Ways::between(&places), plan.loss, seed),
            internet: Internet::new(places),
            streams: plan.clients.iter().enumerate().map(stream).collect(),
            arrivals: Box::new(std::iter::empty()),
            limit: Limit::new("limit", &plan.limit),
            started: Wall::from_unix_secs(EPOCH_DAYS * 86_400),
            now: Mono::ZERO,
            heap: BinaryHeap::new(),
            happenings: BTreeMap::new(),
            sequence: 0,
            ill: BTreeSet::new(),
            tally: Tally::default(),
            broken: Vec::new(),
            traffic: Traffic::default(),
            count_from: None,
            room: SUBJECTS,
            events: 0,
            trace: seed.value(),
            plan,
            seed,
            end,
            nodes,
            regions,
        }
    }

    /// The same world with other distances, in which windows begin at `aligned` after the start,
    /// and more requests come.
    pub(crate) fn with(
        mut self,
        ways: Ways,
        aligned: Duration,
        arrivals: impl Iterator<Item = Arrival> + 'p,
    ) -> Self {
        self.network = Network::new(ways, self.plan.loss, self.seed);
        self.started = Wall::from_unix_micros(
            self.started.unix_micros() - u64::try_from(aligned.as_micros()).unwrap_or(0),
        );
        self.arrivals = Box::new(arrivals);
        self
    }

    /// Plays to the end. Returns what came and was admitted of the requests that arrive, in each
    /// window that any came in, and how long they waited for rights.
    pub(crate) fn tally(mut self) -> (BTreeMap<WindowIx, Demand>, Waits) {
        self.run();
        let waits = self.tally.waits;
        let windows = self.tally.windows.into_iter();
        let arrived = windows.map(|((_, window), demand)| (window, demand));
        (arrived.collect(), waits)
    }

    /// The same world with room for so many subjects on each node.
    pub(crate) fn with_room_for(mut self, subjects: usize) -> Self {
        self.room = subjects;
        self
    }

    /// Plays to the end. Returns what was sent since a moment.
    pub(crate) fn traffic(mut self, since: Mono) -> Traffic {
        self.count_from = Some(since);
        self.run();
        self.traffic
    }

    fn play(mut self) -> Outcome {
        self.run();
        self.finish()
    }

    fn run(&mut self) {
        for node in 0..self.nodes.len() {
            self.start(node);
        }
        for (number, fault) in self.plan.faults.iter().enumerate() {
            self.schedule(
                Mono::ZERO + fault.value.at.get(),
                Happening::Fault { number },
            );
        }
        for stream in 0..self.streams.len() {
            self.next_request(stream);
        }
        self.next_arrival();
        while let Some(Reverse((at, sequence))) = self.heap.pop() {
            if at > self.end {
                break;
            }
            self.now = at;
            if self.count_from.is_some_and(|from| at >= from) {
                self.count_from = None;
                self.traffic = Traffic::default();
            }
            let happening = self
                .happenings
                .remove(&sequence)
                .expect("scheduled once, taken once");
            self.events += 1;
            self.happen(happening);
        }
        self.now = self.end;
    }

    fn wall(&self) -> Wall {
        self.started + self.now.since(Mono::ZERO)
    }

    fn clock(&self) -> Now {
        Now {
            mono: self.now,
            wall: self.wall(),
        }
    }

    fn schedule(&mut self, at: Mono, happening: Happening) {
        self.sequence += 1;
        self.heap.push(Reverse((at, self.sequence)));
        self.happenings.insert(self.sequence, happening);
    }

    /// Folds something into the trace (FNV-1a).
    fn note(&mut self, what: u64, more: u64) {
        for word in [self.now.as_nanos(), what, more] {
            for byte in word.to_le_bytes() {
                self.trace = (self.trace ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
            }
        }
    }

    // Nodes.

    fn start(&mut self, node: usize) {
        let SimNode { id, life, .. } = &self.nodes[node];
        let (id, life) = (id.clone(), *life);
        let spec = ClusterSpec {
            epoch: Epoch(1_000_000 + life),
            addr: addr(node),
            regions: self.regions.clone(),
            nodes: (self.nodes.iter().map(|n| &n.id))
                .filter(|n| n.region == id.region)
                .cloned()
                .collect(),
            seeds: (0..)
                .zip(&self.nodes)
                .map(|(i, n)| ClusterSeed {
                    node: n.id.clone(),
                    addr: addr(i),
                })
                .collect(),
            generation: Generation(1),
            steer: SteerSpec::default(),
            sync: SyncSpec::default(),
            node: id.clone(),
        };
        let table = Arc::new(Table::new(TableSpec {
            subjects_max: self.room,
        }));
        let limit = table.register(&self.limit).expect("one limit fits");
        let random = self.seed.child(&format!("{id} {life}"));
        let machine = Node::new(spec, Arc::clone(&table), random, self.clock());
        self.nodes[node].alive = Some(Alive {
            machine,
            table,
            limit,
            wake_at: None,
        });
        let announced = self
            .internet
            .announced()
            .map(|r| self.regions[r].clone())
            .collect();
        self.tell(node, Event::Routes(Some(announced)));
        self.schedule(
            self.now + Duration::from_millis(500),
            Happening::Check { node, life },
        );
    }

    fn crash(&mut self, node: usize) {
        self.nodes[node].life += 1;
        self.nodes[node].alive = None;
        // Fate sharing: the process takes its announcement with it.
        self.announce(node, false);
    }

    /// Hands an event to a node, and does what it wants done.
    fn tell(&mut self, node: usize, event: Event) {
        let now = self.clock();
        if let Some(alive) = &mut self.nodes[node].alive {
            alive.machine.handle(now, event);
        }
        self.settle(node);
    }

    fn settle(&mut self, node: usize) {
        while let Some(effect) = self.nodes[node]
            .alive
            .as_mut()
            .and_then(|alive| alive.machine.poll())
        {
            match effect {
                Effect::Send {
                    to,
                    bytes,
                    reliable,
                    ..
                } => self.send(node, &to, bytes, reliable),
                Effect::Apply(plan) => {
                    self.announce(node, plan.announce);
                    let now = self.clock();
                    if let Some(alive) = &mut self.nodes[node].alive {
                        alive.machine.handle(
                            now,
                            Event::Applied {
                                announced: plan.announce,
                            },
                        );
                    }
                }
                // Of clocks the plan decides.
                Effect::Clocks { .. }
                | Effect::Keep(_)
                | Effect::Learned(_)
                | Effect::News(_)
                | Effect::Notice(_) => {}
            }
        }
        let SimNode { alive, life, .. } = &mut self.nodes[node];
        let Some(alive) = alive else { return };
        let wanted = alive.machine.next_wake().map(|at| at.max(self.now));
        if let Some(at) = wanted
            && alive.wake_at.is_none_or(|planned| at < planned)
        {
            alive.wake_at = Some(at);
            let life = *life;
            self.schedule(at, Happening::Wake { node, life });
        }
    }

    fn send(&mut self, from: usize, to: &NodeId, bytes: Bytes, reliable: bool) {
        let Some(to) = self.nodes.iter().position(|node| node.id == *to) else {
            return;
        };
        let (a, b) = (self.nodes[from].region, self.nodes[to].region);
        self.traffic.note(from, a, b, &bytes);
        if let Some(time) = self.network.carry(a, b, reliable) {
            let one_way = self.network.one_way(a, b);
            self.schedule(
                self.now + time,
                Happening::Deliver {
                    to,
                    from,
                    bytes,
                    one_way,
                },
            );
        }
    }

    fn announce(&mut self, node: usize, announced: bool) {
        if std::mem::replace(&mut self.nodes[node].announced, announced) != announced {
            let region = self.nodes[node].region;
            self.note(2, node as u64 * 2 + u64::from(announced));
            self.schedule(
                self.now + CONVERGENCE,
                Happening::Converged {
                    region,
                    node,
                    announced,
                },
            );
            let some = self.nodes.iter().any(|node| node.announced);
            let settled = self.now.since(Mono::ZERO) > SETTLED;
            let servable = self.nodes.iter().any(|node| node.alive.is_some());
            if self.plan.expect.always_announced && settled && !some && servable {
                let seen = format!("no region at {:?}", self.now);
                self.broken.push(Finding {
                    expectation: "always_announced",
                    seen,
                });
            }
        }
    }

    // What happens.

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Wake { node, life } => self.wake(node, life),
            Happening::Deliver {
                to,
                from,
                bytes,
                one_way,
            } => {
                let hash = bytes
                    .iter()
                    .fold(0_u64, |h, b| h.rotate_left(5) ^ u64::from(*b));
                self.note(3, hash);
                let from = self.nodes[from].id.clone();
                self.tell(
                    to,
                    Event::Received {
                        from,
                        bytes,
                        one_way,
                    },
                );
            }
            Happening::Check { node, life } => {
                if self.nodes[node].life == life {
                    let ill = self.ill.contains(&self.nodes[node].region);
                    let result = if ill {
                        Err(Trouble::total("no service"))
                    } else {
                        Ok(())
                    };
                    self.tell(node, Event::Checked(result));
                    self.schedule(
                        self.now + Duration::from_millis(500),
                        Happening::Check { node, life },
                    );
                }
            }
            Happening::Converged {
                region,
                node,
                announced,
            } => {
                self.internet.set(region, node, announced);
                let announced: BTreeSet<RegionId> = self
                    .internet
                    .announced()
                    .map(|r| self.regions[r].clone())
                    .collect();
                self.schedule(self.now, Happening::Routes { announced });
            }
            Happening::Routes { announced } => {
                for node in 0..self.nodes.len() {
                    self.tell(node, Event::Routes(Some(announced.clone())));
                }
            }
            Happening::Request { stream } => self.request(stream),
            Happening::Again { node, key, since } => {
                if !self.ask(node, &key, since, true) {
                    // It waited at a node that is no more.
                    self.tally.failed += 1;
                }
            }
            Happening::Arrival { node, subject } => {
                self.decide(node, &subject.to_string());
                self.next_arrival();
            }
            Happening::Fault { number } => self.fault(&self.plan.faults[number].value.what),
        }
    }

    fn wake(&mut self, node: usize, life: u64) {
        let now = self.clock();
        let SimNode {
            alive,
            life: current,
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
        alive.machine.wake(now);
        self.settle(node);
    }

    fn next_request(&mut self, stream: usize) {
        if let Some(at) = self.streams[stream].next(self.now) {
            self.schedule(at, Happening::Request { stream });
        }
    }

    fn next_arrival(&mut self) {
        if let Some(Arrival { at, node, subject }) = self.arrivals.next() {
            self.schedule(at, Happening::Arrival { node, subject });
        }
    }

    fn request(&mut self, stream: usize) {
        self.streams[stream].turn += 1;
        let turn = self.streams[stream].turn;
        let client = &self.plan.clients[stream];
        let (place, node) = match &client.from.value {
            Source::AllNodes => (None, Some(turn % self.nodes.len())),
            Source::Node(id) => (None, self.nodes.iter().position(|node| node.id == *id)),
            Source::Everywhere => {
                let place = turn % self.regions.len();
                (Some(place), self.internet.route(place))
            }
            Source::Near(region) => {
                let place = self
                    .regions
                    .iter()
                    .position(|r| r.as_str() == region)
                    .expect("checked");
                (Some(place), self.internet.route(place))
            }
        };
        let answered = node.is_some_and(|node| self.decide(node, &client.key));
        if let Some(place) = place {
            self.tally.reached(place, answered, self.now);
        }
        self.next_request(stream);
    }

    /// Lets a node decide one request. Returns whether it could.
    fn decide(&mut self, node: usize, key: &str) -> bool {
        self.ask(node, key, self.now, false)
    }

    /// Asks a node, `again` if the request has waited since `since` for rights.
    fn ask(&mut self, node: usize, key: &str, since: Mono, again: bool) -> bool {
        let now = self.clock();
        let Some(alive) = &self.nodes[node].alive else {
            return false;
        };
        let subject = SubjectKey::new(7, self.limit.id, key.as_bytes());
        let ask = Ask {
            limit: &self.limit,
            ix: alive.limit,
            subject,
            amount: self.limit.amount,
            cost: 1,
        };
        let decision = match again {
            false => alive.table.decide(now, &[ask]),
            true => alive.table.decide_again(now, &[ask]),
        };
        let waited = self.now.since(since);
        let pause = rights_pause(waited, self.limit.rights_wait);
        if let Some(pause) = pause.filter(|_| decision.awaits_rights()) {
            let key = key.to_owned();
            self.schedule(self.now + pause, Happening::Again { node, key, since });
        } else {
            let window = self.limit.windows.at(now.wall).ix;
            self.tally.answered(key, window, decision.admitted);
            self.tally.waited(waited, decision.admitted);
            self.note(1, node as u64 * 2 + u64::from(decision.admitted));
        }
        if decision.wake {
            self.tell(node, Event::Dirty);
        }
        true
    }

    fn fault(&mut self, what: &FaultKind) {
        let region = |id: &RegionId| self.regions.iter().position(|r| r == id).expect("checked");
        let node = |id: &NodeId| {
            self.nodes
                .iter()
                .position(|n| n.id == *id)
                .expect("checked")
        };
        let of_region = |id: &RegionId| {
            let at = region(id);
            (0..self.nodes.len())
                .filter(|n| self.nodes[*n].region == at)
                .collect::<Vec<_>>()
        };
        match what {
            FaultKind::Crash(id) => self.crash(node(id)),
            FaultKind::Restart(id) => self.restart(node(id)),
            FaultKind::CrashRegion(id) => of_region(id).into_iter().for_each(|n| self.crash(n)),
            FaultKind::RestartRegion(id) => of_region(id).into_iter().for_each(|n| self.restart(n)),
            FaultKind::Cut(id) => self.network.cut(region(id)),
            FaultKind::Heal(id) => self.network.heal(region(id)),
            FaultKind::Ill(id) => {
                self.ill.insert(region(id));
            }
            FaultKind::Well(id) => {
                self.ill.remove(&region(id));
            }
        }
    }

    fn restart(&mut self, node: usize) {
        if self.nodes[node].alive.is_none() {
            self.start(node);
        }
    }

    // The end.

    fn finish(mut self) -> Outcome {
        if self.plan.expect.counts_agree {
            self.check_agreement();
        }
        let mut outcome = Outcome {
            seed: self.seed,
            trace: self.trace,
            events: self.events,
            requests: (self.tally.answered, self.tally.failed),
            over_under: (0.0, 0.0),
            false_refusals: 0,
            outage: Duration::ZERO,
            bytes: self.traffic.payload(),
            broken: std::mem::take(&mut self.broken),
        };
        let window_ms = self.limit.windows.longest().as_millis() as u64;
        let first = WindowIx((EPOCH_DAYS * 86_400_000 / window_ms) as u32);
        let windows = judged(&self.plan.expect, first, window_ms, self.end);
        judge(self.plan, &self.tally, windows, self.end, &mut outcome);
        outcome
    }

    /// All living nodes know the same counts of every key.
    fn check_agreement(&mut self) {
        let now = self.clock();
        let keys: BTreeSet<&str> = self
            .plan
            .clients
            .iter()
            .map(|client| client.key.as_str())
            .collect();
        for key in keys {
            let subject = SubjectKey::new(7, self.limit.id, key.as_bytes());
            let known = |node: &SimNode| {
                let alive = node.alive.as_ref()?;
                let counts = alive.machine.counters().known(subject, now);
                Some((
                    node.id.clone(),
                    counts.iter().map(|(_, count)| count.admitted).sum::<u32>(),
                ))
            };
            let all: Vec<(NodeId, u32)> = self.nodes.iter().filter_map(known).collect();
            if all.iter().any(|(_, count)| *count != all[0].1) {
                let seen = format!("key {key}: {all:?}");
                self.broken.push(Finding {
                    expectation: "counts_agree",
                    seen,
                });
            }
        }
    }
}

fn addr(node: usize) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 10_000 + node as u16))
}
