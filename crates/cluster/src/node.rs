//! The node: passes events between its parts, and owns nothing else.

mod hear;
mod pools;
mod speak;
mod view;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tidegate_limit::{Audience, Batch, Table};
use tidegate_model::{Machine, Mono, NodeId, Now, RegionId, Seed as RandomSeed};
use tidegate_steer::{Controller, Input, Other, Seat, State, Trouble, View};

use crate::clocks::Clocks;
use crate::complaints::Complaints;
use crate::membership::{Membership, Pool};
use crate::outbox::{Effect, Notice, Outbox};
use crate::replicator::{Peers, Replicator};
use crate::report::{Bulletin, Known};
use crate::resets::Resets;
use crate::spec::{COMPARE_CLOCKS, MATE_SILENT_AFTER, SILENT_AFTER};
use crate::steady::Steady;
use crate::{ClusterSpec, Entry, Ledger, Message, NodeFacts, Seed};

/// A node repeats its report so often, though nothing has changed.
const REPEAT: Duration = Duration::from_secs(1);
/// A node of another region is taken for dead when its report is older than this.
const REPORT_FRESH: Duration = Duration::from_millis(4_500);
/// A node whose pulse is so late has stood still: it was frozen, or starved of its processor.
const STOOD_STILL: Duration = Duration::from_millis(600);
/// Two nodes compare ledgers at most so often.
const LEDGER_PAUSE: Duration = Duration::from_secs(1);
/// Reports in one message: with long names they stay below the smallest QUIC datagram.
const REPORTS_PER_MESSAGE: usize = 8;
/// Longer news is neither told nor taken.
pub const NEWS_BYTES_MAX: usize = 4_096;

/// What may happen to a node.
#[derive(Clone, PartialEq, Debug)]
pub enum Event {
    /// A message has arrived; the sender's name was proven by its certificate.
    Received {
        /// Who sent it.
        from: NodeId,
        /// The message.
        bytes: Bytes,
        /// How long it was under way, at a guess.
        one_way: Duration,
    },
    /// The limits' table has news.
    Dirty,
    /// Counts of quotas that were handed out are on disk.
    Kept,
    /// Counts of quotas that were on disk when the node started.
    Restored(Batch),
    /// The node has checked itself; `Err` says what is wrong.
    Checked(Result<(), Trouble>),
    /// Routers were made to agree with the plan.
    Applied {
        /// Whether the node is announced now.
        announced: bool,
    },
    /// Which regions routing says are announced; `None` if it cannot say.
    Routes(Option<BTreeSet<RegionId>>),
    /// How busy the node is.
    Load {
        /// Requests a second, lately.
        requests_per_s: u32,
        /// Requests a second that were let through.
        admitted_per_s: u32,
        /// Requests a second that a limit refused.
        limited_per_s: u32,
    },
    /// An operator made this entry of the ledger here, or it was read from disk at start.
    Record(Vec<Entry>),
    /// The other nodes of this region shall hear this, once: at most [`NEWS_BYTES_MAX`]. Whoever is
    /// not there to hear it does without.
    News(Vec<u8>),
    /// The configuration has changed. What identifies the node stays as it was at its start.
    Reconfigured(Box<ClusterSpec>),
    /// Where seeds are, resolved anew.
    Seeds(Vec<Seed>),
    /// The operator wants the node to leave, if nothing forbids it.
    Drain,
    /// The drained node has told its connections to close.
    Settled,
    /// The node is being stopped, or drained by force.
    Leave,
    /// The operator holds what is announced as it is, or takes that back.
    Hold(bool),
    /// The operator took that back.
    Return,
    /// The process is about to end: tell the pools.
    Farewell,
}

/// One node of the cluster, as a machine.
#[derive(Debug)]
pub struct Node {
    spec: ClusterSpec,
    random: RandomSeed,
    region_pool: Membership,
    world_pool: Option<Membership>,
    steady: Steady,
    /// Whether a member is left out of the election because it is not steady yet.
    unsteady: bool,
    borders: BTreeSet<NodeId>,
    /// When each other node of the region was heard last.
    mates_heard: BTreeMap<NodeId, Mono>,
    peers: Peers,
    replicator: Replicator,
    bulletin: Bulletin,
    ledger: Ledger,
    resets: Resets,
    ledger_compared: BTreeMap<NodeId, Mono>,
    steer: Controller,
    pulse_at: Mono,
    repeat_at: Mono,
    complaints: Complaints,
    clocks: Clocks,
    /// By how many microseconds most nodes' clocks are ahead of ours, and when that is asked next.
    apart_us: Option<i64>,
    compare_clocks_at: Mono,
    out: Outbox,
}

impl Node {
    /// A node that has just started and knows nobody.
    #[must_use]
    pub fn new(spec: ClusterSpec, table: Arc<Table>, random: RandomSeed, now: Now) -> Self {
        let me = spec.member();
        let facts = NodeFacts {
            generation: spec.generation,
            ..NodeFacts::default()
        };
        let seeds = seeds_of(&spec, true);
        let region_pool =
            Membership::new(Pool::Region, me, seeds, random.child("region"), now.mono);
        let mut node = Self {
            region_pool,
            world_pool: None,
            steady: Steady::default(),
            unsteady: false,
            borders: BTreeSet::new(),
            mates_heard: BTreeMap::new(),
            peers: Peers::default(),
            resets: Resets::new(Arc::clone(&table)),
            replicator: Replicator::new(&spec, table, now),
            bulletin: Bulletin::new(spec.node.clone(), spec.epoch, spec.addr, facts, now.mono),
            ledger: Ledger::default(),
            ledger_compared: BTreeMap::new(),
            steer: Controller::new(seat(&spec), spec.steer, now),
            pulse_at: now.mono,
            repeat_at: now.mono + REPEAT,
            complaints: Complaints::new(now.mono),
            clocks: Clocks::default(),
            apart_us: None,
            compare_clocks_at: now.mono + COMPARE_CLOCKS,
            out: Outbox::default(),
            random,
            spec,
        };
        node.reelect(now);
        node
    }

    /// Whether it takes requests: it knows what others counted and is not leaving.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.replicator.learned() && self.steer.state() != State::Leaving
    }

    /// The counters of limits, for operators and tests.
    #[must_use]
    pub const fn counters(&self) -> &tidegate_limit::Counters {
        self.replicator.counters()
    }

    fn audience(&self, from: &NodeId) -> Audience {
        if from.region == self.spec.node.region {
            Audience::Mates
        } else {
            Audience::World
        }
    }

    /// How many subjects count under a fresh name because an operator reset them.
    #[must_use]
    pub fn resets(&self) -> usize {
        self.resets.len()
    }

    /// How many nodes news goes to directly: of this region, and of others if this is a border
    /// node.
    #[must_use]
    pub fn told_directly(&self) -> (usize, usize) {
        (self.peers.mates.len(), self.peers.world.len())
    }

    // Steering.

    fn checked(&mut self, result: Result<(), Trouble>, now: Now) {
        let result = match result {
            Ok(()) if !self.replicator.learned() => {
                Err(Trouble::partial("learning what other nodes have counted"))
            }
            result => result,
        };
        self.look_around(now);
        self.steer(Input::Checked(result), now);
    }

    /// Tells the controller what is known of the others.
    fn look_around(&mut self, now: Now) {
        let other = |known: &Known| Other {
            node: known.report.node.clone(),
            announced: known.report.facts.announced,
            fit: known.report.facts.fit,
            load: known.report.facts.requests_per_s,
            words: known.report.facts.leaving.clone(),
            as_of: known.as_of,
            heard: self.is_heard(&known.report.node, now.mono),
        };
        let view = View {
            load: self.bulletin.own().requests_per_s,
            others: self.bulletin.others().map(other).collect(),
        };
        self.steer(Input::Viewed(view), now);
    }

    /// Notices that time has passed without this node.
    fn look_for_pause(&mut self, now: Mono) {
        if now.since(self.pulse_at) > STOOD_STILL {
            self.clocks.stood_still(now);
        }
    }

    /// Whether a node of this region was heard a moment ago, or anybody of another region.
    fn is_heard(&self, node: &NodeId, now: Mono) -> bool {
        let (last, silent_after) = match node.region == self.spec.node.region {
            true => (self.mates_heard.get(node).copied(), MATE_SILENT_AFTER),
            false => (
                self.replicator.hearing().heard_at(&node.region),
                SILENT_AFTER,
            ),
        };
        last.is_some_and(|at| now.since(at) < silent_after)
    }

    fn steer(&mut self, input: Input, now: Now) {
        self.steer.handle(now, input);
        self.steered(now);
    }

    /// Whether an operator's drain may go on, and what forbids it if not: in words, and whether
    /// that may pass by itself.
    pub fn may_leave(&self) -> Result<(), (String, bool)> {
        match self.steer.vetoed() {
            Some(veto) => Err((veto.to_string(), veto.passes())),
            None => Ok(()),
        }
    }

    /// Whether it has withdrawn for good.
    #[must_use]
    pub fn has_left(&self) -> bool {
        self.steer.state() == State::Leaving
    }

    fn steered(&mut self, now: Now) {
        let (fit, ready, words) = (self.steer.is_fit(), self.is_ready(), self.steer.words());
        self.bulletin.set_own(now.mono, |facts| {
            facts.fit = fit;
            facts.ready = ready;
            facts.leaving = words;
        });
        while let Some(plan) = self.steer.poll() {
            self.out.push(Effect::Apply(plan));
        }
    }

    fn reconfigure(&mut self, spec: ClusterSpec, now: Now) {
        let ClusterSpec {
            regions,
            nodes,
            seeds,
            generation,
            steer,
            sync,
            ..
        } = spec;
        self.spec = ClusterSpec {
            regions,
            nodes,
            seeds,
            generation,
            steer,
            sync,
            ..self.spec.clone()
        };
        let Seat { regions, mates, .. } = seat(&self.spec);
        self.steer.reconfigure(self.spec.steer, regions, mates);
        self.replicator.reconfigure(&self.spec, now);
        self.bulletin
            .set_own(now.mono, |facts| facts.generation = generation);
        self.reseed();
    }

    fn reseed(&mut self) {
        self.region_pool.set_seeds(seeds_of(&self.spec, true));
        if let Some(pool) = &mut self.world_pool {
            pool.set_seeds(seeds_of(&self.spec, false));
        }
    }

    fn farewell(&mut self, now: Now) {
        self.region_pool.leave(now.mono);
        if let Some(pool) = &mut self.world_pool {
            pool.leave(now.mono);
        }
    }
}

fn seat(spec: &ClusterSpec) -> Seat {
    Seat {
        me: spec.node.clone(),
        regions: spec.regions.clone(),
        mates: u16::try_from(spec.nodes.len()).unwrap_or(u16::MAX),
    }
}

fn seeds_of(spec: &ClusterSpec, home: bool) -> Vec<Seed> {
    let ours = |seed: &&Seed| (seed.node.region == spec.node.region) == home;
    spec.seeds.iter().filter(ours).cloned().collect()
}

impl Machine for Node {
    type Input = Event;
    type Output = Effect;

    fn handle(&mut self, now: Now, event: Event) {
        match event {
            Event::Received {
                from,
                bytes,
                one_way,
            } => self.receive(&from, &bytes, one_way, now),
            Event::Dirty => self.replicator.dirty(now),
            Event::Kept => self.replicator.kept(),
            Event::Restored(batch) => {
                self.replicator
                    .counts(&batch, Audience::Mates, Duration::ZERO, now);
            }
            Event::Checked(result) => self.checked(result, now),
            Event::Applied { announced } => self
                .bulletin
                .set_own(now.mono, |facts| facts.announced = announced),
            Event::Routes(announced) => self.replicator.set_announced(announced, now),
            Event::Load {
                requests_per_s,
                admitted_per_s,
                limited_per_s,
            } => {
                self.bulletin.set_own(now.mono, |facts| {
                    (
                        facts.requests_per_s,
                        facts.admitted_per_s,
                        facts.limited_per_s,
                    ) = (requests_per_s, admitted_per_s, limited_per_s);
                });
            }
            Event::Record(entries) => self.learn_entries(entries, None, now),
            Event::News(news) if news.len() <= NEWS_BYTES_MAX => {
                self.out.send(&self.peers.mates, &Message::News(news), true);
            }
            Event::News(_) => {}
            Event::Reconfigured(spec) => self.reconfigure(*spec, now),
            Event::Seeds(seeds) => {
                self.spec.seeds = seeds;
                self.reseed();
            }
            Event::Drain => self.steer(Input::Drain, now),
            Event::Settled => self.steer(Input::Settled, now),
            Event::Leave => self.steer(Input::Leave, now),
            Event::Hold(held) => self.steer(Input::Hold(held), now),
            Event::Return => self.steer(Input::Return, now),
            Event::Farewell => self.farewell(now),
        }
        self.settle(now);
    }

    fn wake(&mut self, now: Now) {
        self.look_for_pause(now.mono);
        self.region_pool.wake(now.mono);
        if let Some(pool) = &mut self.world_pool {
            pool.wake(now.mono);
        }
        if now.mono >= self.pulse_at {
            for entry in self.resets.expire(now.wall) {
                self.ledger.forget(&entry);
            }
            // Whoever was unsteady may be steady by now.
            if self.unsteady {
                self.reelect(now);
            }
            self.look_around(now);
            self.pulse(now);
            self.compare_clocks(now);
            if let Some((from, what)) = self.complaints.poll(now.mono) {
                self.out.notice(Notice::Unusable { from, what });
            }
        }
        self.replicator.wake(&self.peers, now, &mut self.out);
        self.settle(now);
    }

    fn next_wake(&self) -> Option<Mono> {
        let world = self.world_pool.as_ref().map(Membership::next_wake);
        let others = [
            self.region_pool.next_wake(),
            self.replicator.next_wake(),
            self.pulse_at,
        ];
        others.into_iter().chain(world).min()
    }

    fn poll(&mut self) -> Option<Effect> {
        self.out.pop()
    }
}

#[cfg(test)]
mod tests;
