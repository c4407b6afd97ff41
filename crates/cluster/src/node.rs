//! The node: passes events between its parts, and owns nothing else.

mod view;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tidegate_limit::{Audience, Batch, RightsTo, RightsWord, Table};
use tidegate_model::{Machine, Mono, NodeId, Now, RegionId, Seed as RandomSeed, Wall};
use tidegate_steer::{Controller, Input, Other, State, View};

use crate::border::elect;
use crate::clocks::Clocks;
use crate::codec::decode;
use crate::complaints::Complaints;
use crate::membership::{Change, Membership, Pool};
use crate::outbox::{Effect, Notice, Outbox, Peer};
use crate::relay::{Hop, Relay};
use crate::replicator::{Peers, Replicator};
use crate::report::Bulletin;
use crate::resets::{Reset, Resets, Taken};
use crate::spec::{BORDER_SILENT_AFTER, COMPARE_CLOCKS, PULSE};
use crate::steady::Steady;
use crate::{ClusterSpec, Entry, Ledger, Message, NodeFacts, Seed};

/// A node repeats its report so often, though nothing has changed.
const REPEAT: Duration = Duration::from_secs(1);
/// A node of another region is taken for dead when its report is older than this.
const REPORT_FRESH: Duration = Duration::from_millis(4_500);
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
    Checked(Result<(), String>),
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
    /// The node is being stopped or drained.
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
    borders: BTreeSet<NodeId>,
    /// When each other border node of the region was heard last.
    borders_heard: BTreeMap<NodeId, Mono>,
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
            borders: BTreeSet::new(),
            borders_heard: BTreeMap::new(),
            peers: Peers::default(),
            resets: Resets::new(Arc::clone(&table)),
            replicator: Replicator::new(&spec, table, now),
            bulletin: Bulletin::new(spec.node.clone(), spec.epoch, spec.addr, facts, now.mono),
            ledger: Ledger::default(),
            ledger_compared: BTreeMap::new(),
            steer: Controller::new(spec.node.clone(), spec.steer, now),
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

    // Messages.

    fn receive(&mut self, from: &NodeId, bytes: &[u8], one_way: Duration, now: Now) {
        let Ok(message) = decode(bytes) else {
            self.complaints.undecodable(from);
            return;
        };
        let audience = self.audience(from);
        if audience == Audience::World {
            self.replicator.hear(&from.region, now.mono - one_way);
        } else if self.borders.contains(from) {
            self.borders_heard.insert(from.clone(), now.mono);
        }
        match message {
            Message::SwimRegion(packet) if audience == Audience::Mates => {
                self.region_pool.receive(&packet, now.mono);
            }
            // From another region: not for us, and a bug or a forgery over there.
            Message::SwimRegion(_) => self.complaints.undecodable(from),
            Message::SwimWorld(packet) => {
                if let Some(pool) = &mut self.world_pool {
                    pool.receive(&packet, now.mono);
                }
            }
            Message::Counts(batch) => self.take_in(from, &batch, one_way, now),
            Message::Pulse {
                heard,
                reports,
                ledger,
                wall_us,
            } => {
                let said = Wall::from_unix_micros(wall_us);
                self.clocks.hear(from, said, one_way, now.mono);
                for entry in heard.iter().filter(|_| audience == Audience::Mates) {
                    let age = one_way + Duration::from_millis(u64::from(entry.age_ms));
                    self.replicator.hear(&entry.region, now.mono - age);
                }
                for report in reports {
                    self.bulletin.absorb(report, audience, one_way, now.mono);
                }
                self.compare_ledger(from, ledger, now.mono);
            }
            Message::CountsDigest { digest, fresh } => {
                if let Some(peer) = self.peer(from) {
                    self.replicator.answer_digest(
                        &peer,
                        audience,
                        &digest,
                        fresh,
                        now,
                        &mut self.out,
                    );
                }
            }
            Message::CountsRepair {
                settled,
                part,
                parts,
                batch,
            } => {
                self.take_in(from, &batch, one_way, now);
                self.replicator
                    .answered(from, settled, part, parts, &mut self.out);
            }
            Message::Rights { to, hops, word } => self.pass_rights(to, hops, word, now),
            Message::LedgerDigest(digest) => {
                for entries in self.ledger.lacking(&digest) {
                    let peer = self.peer(from);
                    self.out
                        .send(peer.as_ref(), &Message::Ledger(entries), true);
                }
            }
            Message::Ledger(entries) => self.learn_entries(entries, Some(audience), now),
            Message::News(news) if audience == Audience::Mates && news.len() <= NEWS_BYTES_MAX => {
                self.out.push(Effect::News(news));
            }
            Message::News(_) => self.complaints.undecodable(from),
        }
    }

    /// Takes in entries of the ledger and passes on those that are new; `from` is `None` for our
    /// own.
    fn learn_entries(&mut self, entries: Vec<Entry>, from: Option<Audience>, now: Now) {
        let new: Vec<Entry> = entries
            .into_iter()
            .filter(|entry| self.holds(entry, now) && self.ledger.insert(entry.clone()))
            .collect();
        if new.is_empty() {
            return;
        }
        let message = Message::Ledger(new.clone());
        if from != Some(Audience::Mates) {
            self.out.send(&self.peers.mates, &message, true);
        }
        if from != Some(Audience::World) {
            self.out.send(&self.peers.world, &message, true);
        }
        let facts = new.into_iter().filter(|entry| Reset::of(entry).is_none());
        let facts: Vec<Entry> = facts.collect();
        if from.is_some() && !facts.is_empty() {
            self.out.push(Effect::Learned(facts));
        }
    }

    /// Acts on an entry that tells of a reset. Returns whether an entry may enter the ledger.
    fn holds(&mut self, entry: &Entry, now: Now) -> bool {
        Reset::of(entry).is_none_or(|reset| self.resets.take(reset, entry, now.wall) == Taken::Held)
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

    fn compare_ledger(&mut self, with: &NodeId, theirs: u64, now: Mono) {
        let lately = self
            .ledger_compared
            .get(with)
            .is_some_and(|at| now.since(*at) < LEDGER_PAUSE);
        if lately || theirs == self.ledger.root() {
            return;
        }
        if let Some(peer) = self.peer(with) {
            self.ledger_compared.insert(with.clone(), now);
            self.out
                .send([&peer], &Message::LedgerDigest(self.ledger.digest()), true);
        }
    }

    /// Speaks to everyone, even with nothing to say: silence is what tells of a cut.
    fn pulse(&mut self, now: Now) {
        self.pulse_at = now.mono + PULSE;
        // Until the others have reported, their regions are taken to be as large as ours.
        let (regions, mates) = (self.spec.regions.len(), self.spec.nodes.len());
        let reported = self.bulletin.all().count();
        self.replicator
            .set_counting(reported.max(regions * mates), now.mono);
        self.share_borders(now);
        if now.mono >= self.repeat_at {
            self.repeat_at = now.mono + REPEAT;
            self.bulletin.repeat_own(now.mono);
        }
        for audience in [Audience::Mates, Audience::World] {
            let mut reports = self
                .bulletin
                .export(audience, REPORTS_PER_MESSAGE, now.mono);
            if reports.is_empty() {
                reports.push(Vec::new());
            }
            let peers = self.peers.of(audience);
            for (i, reports) in reports.into_iter().enumerate() {
                let heard = if i == 0 {
                    self.replicator.hearing().list(now.mono)
                } else {
                    Vec::new()
                };
                let pulse = Message::Pulse {
                    heard,
                    reports,
                    ledger: self.ledger.root(),
                    wall_us: now.wall.unix_micros(),
                };
                self.out.send(peers, &pulse, false);
            }
        }
    }

    fn compare_clocks(&mut self, now: Now) {
        if now.mono < self.compare_clocks_at {
            return;
        }
        self.compare_clocks_at = now.mono + COMPARE_CLOCKS;
        self.apart_us = self.clocks.apart_us(now);
        self.out.push(Effect::Clocks {
            apart_us: self.apart_us,
        });
    }

    /// Shares the telling of other regions with the border nodes that are heard.
    fn share_borders(&mut self, now: Now) {
        let borders = &self.borders;
        self.borders_heard.retain(|node, heard| {
            borders.contains(node) && now.mono.since(*heard) <= BORDER_SILENT_AFTER
        });
        let me = borders.get(&self.spec.node);
        let heard = self.borders_heard.keys().chain(me).cloned().collect();
        self.replicator.set_voices(heard, now.mono);
    }

    fn take_in(&mut self, from: &NodeId, batch: &Batch, one_way: Duration, now: Now) {
        let audience = self.audience(from);
        let report = self.replicator.counts(batch, audience, one_way, now);
        self.complaints.rows(from, report);
    }

    // Rights of strict limits.

    /// Hears a word about rights, or passes it on towards whom it is for.
    fn pass_rights(&mut self, to: RightsTo, hops: u8, word: RightsWord, now: Now) {
        let home = self.replicator.counters().home_of(word.of());
        let way = Relay {
            me: &self.spec.node,
            peers: &self.peers,
            borders: &self.borders,
        };
        match way.next(&to, home, hops) {
            Hop::Here => self.replicator.hear_rights(&word, now),
            Hop::Nowhere => {}
            Hop::To(peer) => {
                let hops = hops + 1;
                self.out
                    .send([peer], &Message::Rights { to, hops, word }, false);
            }
        }
    }

    /// Sends what counters want said about rights.
    fn send_rights(&mut self, now: Now) {
        while let Some((to, word)) = self.replicator.poll_rights() {
            self.pass_rights(to, 0, word, now);
        }
    }

    // Membership.

    /// Takes over what the pools want sent and what has changed in them.
    fn settle(&mut self, now: Now) {
        let mut changed = false;
        for pool in [Some(&mut self.region_pool), self.world_pool.as_mut()]
            .into_iter()
            .flatten()
        {
            while let Some(change) = pool.poll_change() {
                changed = true;
                self.out.notice(match change {
                    Change::Up(node) => {
                        self.steady.up(&node, now.mono);
                        Notice::Up(node)
                    }
                    Change::Down(node) => {
                        self.steady.down(&node);
                        Notice::Down(node)
                    }
                    Change::Rejoined => Notice::Rejoined,
                });
            }
        }
        if changed {
            self.reelect(now);
        }
        self.send_rights(now);
        self.send_packets();
    }

    fn send_packets(&mut self) {
        while let Some((to, packet)) = self.region_pool.poll_packet() {
            let peer = Peer {
                node: to.node,
                addr: to.addr,
            };
            self.out
                .send([&peer], &Message::SwimRegion(packet.to_vec()), false);
        }
        while let Some((to, packet)) = self.world_pool.as_mut().and_then(Membership::poll_packet) {
            let peer = Peer {
                node: to.node,
                addr: to.addr,
            };
            self.out
                .send([&peer], &Message::SwimWorld(packet.to_vec()), false);
        }
    }

    /// Works out anew who is a border node and who can be written to.
    fn reelect(&mut self, now: Now) {
        let mut steady: BTreeSet<NodeId> = self
            .region_pool
            .alive()
            .map(|(node, _)| node.clone())
            .filter(|node| self.steady.is_steady(node, now.mono))
            .collect();
        steady.insert(self.spec.node.clone());
        self.borders = elect(&self.borders, &steady);
        let border = self.borders.contains(&self.spec.node);
        if border != self.world_pool.is_some() {
            self.cross_border(border, now);
        }
        self.peers.mates = self
            .region_pool
            .alive()
            .map(|(node, addr)| Peer {
                node: node.clone(),
                addr,
            })
            .collect();
        self.peers.world = self.world_peers();
        let mates = self.peers.mates.iter().map(|peer| peer.node.clone());
        self.replicator.set_alive(mates);
    }

    fn cross_border(&mut self, border: bool, now: Now) {
        self.out.notice(Notice::Border(border));
        self.bulletin
            .set_own(now.mono, |facts| facts.border = border);
        if border {
            let seeds = seeds_of(&self.spec, false);
            let random = self.random.child("world");
            self.world_pool = Some(Membership::new(
                Pool::World,
                self.spec.member(),
                seeds,
                random,
                now.mono,
            ));
        } else if let Some(mut pool) = self.world_pool.take() {
            pool.leave(now.mono);
            while let Some((to, packet)) = pool.poll_packet() {
                let peer = Peer {
                    node: to.node,
                    addr: to.addr,
                };
                self.out
                    .send([&peer], &Message::SwimWorld(packet.to_vec()), false);
            }
        }
    }

    /// Where an answer to `node` goes, if it is a member of a pool of ours.
    fn peer(&self, node: &NodeId) -> Option<Peer> {
        let pools = [Some(&self.region_pool), self.world_pool.as_ref()];
        let mut members = pools.into_iter().flatten().flat_map(Membership::alive);
        members
            .find(|(member, _)| *member == node)
            .map(|(node, addr)| Peer {
                node: node.clone(),
                addr,
            })
    }

    /// One border node of each other region: a different one for each of ours, so that news crosses
    /// on several ways.
    fn world_peers(&self) -> Vec<Peer> {
        let Some(pool) = &self.world_pool else {
            return Vec::new();
        };
        let mut by_region: BTreeMap<&RegionId, Vec<Peer>> = BTreeMap::new();
        for (node, addr) in pool
            .alive()
            .filter(|(node, _)| node.region != self.spec.node.region)
        {
            by_region.entry(&node.region).or_default().push(Peer {
                node: node.clone(),
                addr,
            });
        }
        let rank = self
            .borders
            .iter()
            .position(|node| *node == self.spec.node)
            .unwrap_or(0);
        by_region
            .into_values()
            .map(|mut peers| {
                peers.sort_by(|a, b| a.node.cmp(&b.node));
                let at = rank % peers.len();
                peers.swap_remove(at)
            })
            .collect()
    }

    // Steering.

    fn checked(&mut self, result: Result<(), String>, now: Now) {
        let result = match result {
            Ok(()) if !self.replicator.learned() => {
                Err("learning what other nodes have counted".to_owned())
            }
            result => result,
        };
        let others = self
            .bulletin
            .all()
            .filter(|known| known.report.node != self.spec.node);
        let view = View {
            others: others
                .map(|known| Other {
                    node: known.report.node.clone(),
                    announced: known.report.facts.announced,
                    fit: known.report.facts.fit,
                    as_of: known.as_of,
                })
                .collect(),
        };
        self.steer.handle(now, Input::Viewed(view));
        self.steer.handle(now, Input::Checked(result));
        self.steered(now);
    }

    fn steered(&mut self, now: Now) {
        let (fit, ready) = (self.steer.is_fit(), self.is_ready());
        self.bulletin.set_own(now.mono, |facts| {
            facts.fit = fit;
            facts.ready = ready;
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
        self.steer.reconfigure(self.spec.steer);
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
            Event::Leave => {
                self.steer.handle(now, Input::Leave);
                self.steered(now);
            }
            Event::Hold(held) => {
                self.steer.handle(now, Input::Hold(held));
                self.steered(now);
            }
            Event::Return => {
                self.steer.handle(now, Input::Return);
                self.steered(now);
            }
            Event::Farewell => self.farewell(now),
        }
        self.settle(now);
    }

    fn wake(&mut self, now: Now) {
        self.region_pool.wake(now.mono);
        if let Some(pool) = &mut self.world_pool {
            pool.wake(now.mono);
        }
        if now.mono >= self.pulse_at {
            for entry in self.resets.expire(now.wall) {
                self.ledger.forget(&entry);
            }
            // Whoever was unsteady may be steady by now.
            self.reelect(now);
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
