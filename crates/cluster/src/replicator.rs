//! Which counts go to whom, and when.
//!
//! News waits 10 ms for company on its way to the region's nodes and 20 ms on its way to other
//! regions, where only border nodes send it; longer when there is much of it (`pace.rs`). What is
//! lost on the way is found by comparing digests every two seconds. A node that has just started
//! asks for everything first, and counts as fit only once it has been answered or nobody is there
//! to ask.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tidegate_limit::{
    Absorbed, Audience, Batch, Counters, Digest, RegionPresence, RightsTo, RightsWord, Table,
};
use tidegate_model::{Mono, NodeId, Now, RegionId};

use crate::codec::DATAGRAM_MAX;
use crate::hearing::Hearing;
use crate::outbox::{Effect, Notice, Outbox, Peer};
use crate::pace::Pace;
use crate::spec::{
    ASK_AGAIN, COMPARE, HEADERS, KEEP, KEEP_SUBJECTS, LEARN_WITHIN, REFRESH, ROW_BYTES,
    ROWS_PER_FLUSH, ROWS_PER_PART, SWEEP, TELL_ALL, WEIGHED_OVER,
};
use crate::{ClusterSpec, Message};

const AUDIENCES: [Audience; 2] = [Audience::Mates, Audience::World];

/// Who can be written to at the moment.
#[derive(Debug, Default)]
pub(crate) struct Peers {
    /// The other nodes of this region.
    pub(crate) mates: Vec<Peer>,
    /// One border node of each other region; empty unless this is a border node.
    pub(crate) world: Vec<Peer>,
}

impl Peers {
    pub(crate) fn of(&self, audience: Audience) -> &[Peer] {
        match audience {
            Audience::Mates => &self.mates,
            Audience::World => &self.world,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Replicator {
    counters: Counters,
    hearing: Hearing,
    /// What the counters were told of other regions last.
    told: Vec<RegionPresence>,
    /// Rows collected by the last time that they were weighed, and when that was.
    collected: (u64, Mono),
    /// Nodes of the whole world that count together.
    counting: usize,
    /// Bytes a second that a node may send to its region.
    budget: f64,
    /// The border nodes that share the telling of other regions.
    voices: BTreeSet<NodeId>,
    learning: Learning,
    flush_at: [Option<Mono>; 2],
    /// How news to the region and to the world is paced.
    paces: [Pace; 2],
    refresh_at: Mono,
    sweep_at: Mono,
    compare_at: Mono,
    compared: usize,
    /// Rows received that told something new.
    learned: u64,
    keep_at: Mono,
    /// Whether counts were handed out to be kept and are not on disk yet.
    keeping: bool,
}

/// How far a node that has just started is with learning what others counted.
#[derive(Debug)]
enum Learning {
    /// Waiting for an answer, at the latest until then.
    Waiting {
        until: Mono,
        asked: BTreeMap<NodeId, Answer>,
    },
    /// Done.
    Learned,
}

#[derive(Debug)]
struct Answer {
    asked_at: Mono,
    parts_seen: BTreeSet<u32>,
}

impl Replicator {
    pub(crate) fn new(spec: &ClusterSpec, table: Arc<Table>, now: Now) -> Self {
        let counters = Counters::new(table, spec.counters(now));
        let now = now.mono;
        Self {
            counters,
            hearing: Hearing::new(spec.node.region.clone(), &spec.regions, now),
            told: Vec::new(),
            collected: (0, now),
            counting: 0,
            budget: spec.sync.region_budget.bytes() as f64,
            voices: BTreeSet::new(),
            learning: Learning::Waiting {
                until: now + LEARN_WITHIN,
                asked: BTreeMap::new(),
            },
            flush_at: [None; 2],
            paces: AUDIENCES.map(|audience| Pace::new(spec.sync.pace(audience), now)),
            refresh_at: now + REFRESH,
            sweep_at: now + SWEEP,
            compare_at: now + COMPARE,
            compared: 0,
            learned: 0,
            keep_at: now + KEEP,
            keeping: false,
        }
    }

    pub(crate) fn reconfigure(&mut self, spec: &ClusterSpec, now: Now) {
        self.hearing.set_regions(&spec.regions, now.mono);
        self.counters
            .reconfigure(spec.regions.clone(), spec.nodes.clone(), now);
        for audience in AUDIENCES {
            self.paces[audience as usize].set_spec(spec.sync.pace(audience));
        }
        self.budget = spec.sync.region_budget.bytes() as f64;
        self.told.clear();
        self.tell_presence(now);
    }

    pub(crate) const fn learned(&self) -> bool {
        matches!(self.learning, Learning::Learned)
    }

    pub(crate) const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Flushes after which news had to wait for the budget, to the region and to the world.
    pub(crate) fn delayed(&self) -> [u64; 2] {
        self.paces.each_ref().map(Pace::delayed)
    }

    /// How many rows received so far told something new.
    pub(crate) const fn rows_learned(&self) -> u64 {
        self.learned
    }

    // Hearing of regions.

    pub(crate) const fn hearing(&self) -> &Hearing {
        &self.hearing
    }

    pub(crate) fn hear(&mut self, region: &RegionId, as_of: Mono) {
        self.hearing.hear(region, as_of);
    }

    /// Takes in which regions routing says are announced; `None` if it cannot say.
    pub(crate) fn set_announced(&mut self, announced: Option<BTreeSet<RegionId>>, now: Now) {
        self.hearing.set_announced(announced, now.mono);
        self.tell_presence(now);
    }

    fn listen(&mut self, now: Now, out: &mut Outbox) {
        let changes = self.hearing.tick(now.mono);
        if !changes.returning.is_empty() {
            self.compare_at = now.mono;
        }
        let lost = changes.lost.into_iter().map(|region| (region, false));
        let back = changes.back.into_iter().map(|region| (region, true));
        for (region, heard) in lost.chain(back) {
            out.notice(Notice::Region { region, heard });
        }
        self.tell_presence(now);
    }

    fn tell_presence(&mut self, now: Now) {
        let all = self.hearing.all(now.mono);
        let all: Vec<_> = all
            .map(|(region, presence)| RegionPresence {
                region: region.clone(),
                presence,
            })
            .collect();
        if all != self.told {
            self.counters.set_presence(&all, now);
            self.told = all;
        }
    }

    // Sending counts.

    /// The table has news.
    pub(crate) fn dirty(&mut self, now: Now) {
        self.expect_flush(Audience::Mates, now.mono);
        // Requests are waiting for rights: those are asked for at once.
        if self.counters.is_urgent() {
            self.counters.collect(now);
        }
    }

    // Rights of strict limits.

    pub(crate) fn set_alive(&mut self, mates: impl Iterator<Item = NodeId>) {
        self.counters.set_alive(mates);
    }

    /// So many nodes of the whole world count together. They keep counts back only if to tell all
    /// would cost a good part of the budget: where there is little traffic, everybody knows
    /// everything.
    pub(crate) fn set_counting(&mut self, nodes: usize, now: Mono) {
        self.counting = nodes;
        let secs = now.since(self.collected.1).as_secs_f64();
        if secs >= WEIGHED_OVER.as_secs_f64() {
            let rows = self.collected_rows() / secs + self.counters.retold_per_s();
            let much = self.weight_of(rows) > TELL_ALL * self.budget;
            self.counters.set_counting(nodes, much);
            self.collected = (self.counters.collected(), now);
        }
    }

    /// A rush is not waited out until the next time that rows are weighed.
    fn brace_for_rush(&mut self) {
        let weight = self.weight_of(self.collected_rows());
        if weight > TELL_ALL * self.budget * WEIGHED_OVER.as_secs_f64() {
            self.counters.set_counting(self.counting, true);
        }
    }

    /// Rows that were collected since they were weighed last.
    fn collected_rows(&self) -> f64 {
        (self.counters.collected() - self.collected.0) as f64
    }

    /// The bytes that it takes to tell so many rows: each goes to every other node, on the whole
    /// from each node as often as to it.
    fn weight_of(&self, rows: f64) -> f64 {
        rows * (self.counting.saturating_sub(1) * ROW_BYTES) as f64
    }

    /// These border nodes of the region are heard: they share the subjects that other regions are
    /// told of. What one that fell silent kept to itself is found by comparing.
    pub(crate) fn set_voices(&mut self, borders: BTreeSet<NodeId>, now: Mono) {
        if borders == self.voices {
            return;
        }
        if !self.voices.is_subset(&borders) {
            self.compare_at = now;
        }
        self.counters.set_voices(borders.iter());
        self.voices = borders;
    }

    pub(crate) fn hear_rights(&mut self, word: &RightsWord, now: Now) {
        self.counters.hear_rights(word, now);
    }

    pub(crate) fn poll_rights(&mut self) -> Option<(RightsTo, RightsWord)> {
        self.counters.poll_rights()
    }

    // Quotas, which outlive restarts.

    /// What was handed out to be kept has been.
    pub(crate) const fn kept(&mut self) {
        self.keeping = false;
    }

    fn keep(&mut self, now: Now, out: &mut Outbox) {
        self.keep_at = now.mono + KEEP;
        if !self.keeping
            && let Some(batch) = self.counters.export_quotas(KEEP_SUBJECTS, now)
        {
            self.keeping = true;
            out.push(Effect::Keep(batch));
        }
    }

    fn schedule(&mut self, now: Mono) {
        for audience in AUDIENCES {
            if self.counters.has_news(audience) {
                self.expect_flush(audience, now);
            }
        }
    }

    fn expect_flush(&mut self, audience: Audience, now: Mono) {
        let next = self.paces[audience as usize].next(now);
        self.flush_at[audience as usize].get_or_insert(next);
    }

    fn flush(&mut self, audience: Audience, peers: &Peers, now: Now, out: &mut Outbox) {
        self.flush_at[audience as usize] = None;
        if audience == Audience::Mates {
            self.counters.collect(now);
            self.brace_for_rush();
        }
        let peers = peers.of(audience);
        if peers.is_empty() {
            self.counters.forget_news(audience);
        }
        let batch = self.counters.export(audience, ROWS_PER_FLUSH, now);
        let mut sent = 0;
        // Room for the message's own head.
        for piece in batch.unwrap_or_default().pieces(DATAGRAM_MAX - 8) {
            sent += out.send(peers, &Message::Counts(piece), false);
            sent += HEADERS * peers.len();
        }
        self.paces[audience as usize].spend(sent, now.mono);
        self.schedule(now.mono);
    }

    /// Takes in what a peer counted, and tells what of it could not be used.
    pub(crate) fn counts(
        &mut self,
        batch: &Batch,
        from: Audience,
        one_way: Duration,
        now: Now,
    ) -> Absorbed {
        let report = self.counters.absorb(batch, from, one_way, now);
        self.learned += u64::from(report.learned);
        self.schedule(now.mono);
        report
    }

    // Comparing and learning.

    /// Sends a digest to one mate in turn and to the border nodes of other regions.
    fn compare(&mut self, peers: &Peers, now: Now, out: &mut Outbox) {
        self.compare_at = now.mono + COMPARE;
        self.compared = self.compared.wrapping_add(1);
        let mate = peers.mates.get(self.compared % peers.mates.len().max(1));
        if let Some(mate) = mate {
            let digest = self.counters.digest(Audience::Mates, now);
            out.send(
                [mate],
                &Message::CountsDigest {
                    digest,
                    fresh: false,
                },
                true,
            );
        }
        if !peers.world.is_empty() {
            let digest = self.counters.digest(Audience::World, now);
            out.send(
                &peers.world,
                &Message::CountsDigest {
                    digest,
                    fresh: false,
                },
                true,
            );
        }
    }

    pub(crate) fn answer_digest(
        &self,
        peer: &Peer,
        audience: Audience,
        digest: &Digest,
        fresh: bool,
        now: Now,
        out: &mut Outbox,
    ) {
        let ours = self.counters.digest(audience, now);
        let shards = if fresh {
            (0..=u8::MAX).collect()
        } else {
            ours.differing(digest)
        };
        let mut batches = self
            .counters
            .export_shards(&shards, audience, ROWS_PER_PART, now);
        if fresh && batches.is_empty() {
            batches.push(Batch::default());
        }
        let parts = batches.len() as u32;
        for (part, batch) in (0..).zip(batches) {
            let repair = Message::CountsRepair {
                settled: self.learned(),
                part,
                parts,
                batch,
            };
            out.send([peer], &repair, true);
        }
    }

    pub(crate) fn answered(
        &mut self,
        from: &NodeId,
        settled: bool,
        part: u32,
        parts: u32,
        out: &mut Outbox,
    ) {
        // An answer of somebody who has just started as well is worth keeping, but it does not end
        // the waiting.
        let Learning::Waiting { asked, .. } = &mut self.learning else {
            return;
        };
        let Some(answer) = asked.get_mut(from).filter(|_| settled && part < parts) else {
            return;
        };
        answer.parts_seen.insert(part);
        if answer.parts_seen.len() as u32 >= parts {
            self.learning = Learning::Learned;
            out.notice(Notice::Learned { from_peer: true });
        }
    }

    fn learn(&mut self, peers: &Peers, now: Mono, out: &mut Outbox) {
        let Learning::Waiting { until, asked } = &mut self.learning else {
            return;
        };
        if now >= *until {
            self.learning = Learning::Learned;
            out.notice(Notice::Learned { from_peer: false });
            return;
        }
        for peer in peers.mates.iter().chain(&peers.world) {
            let answer = asked.get(&peer.node);
            if answer.is_some_and(|answer| now.since(answer.asked_at) < ASK_AGAIN) {
                continue;
            }
            if answer.is_none() {
                // Somebody is there: give the answer its time.
                *until = now + LEARN_WITHIN;
            }
            let answer = Answer {
                asked_at: now,
                parts_seen: BTreeSet::new(),
            };
            asked.insert(peer.node.clone(), answer);
            let digest = Digest::default();
            out.send(
                [peer],
                &Message::CountsDigest {
                    digest,
                    fresh: true,
                },
                true,
            );
        }
    }

    // Time.

    pub(crate) fn wake(&mut self, peers: &Peers, now: Now, out: &mut Outbox) {
        self.learn(peers, now.mono, out);
        if now.mono >= self.refresh_at {
            self.refresh_at = now.mono + REFRESH;
            self.listen(now, out);
            self.counters.refresh(now);
            self.schedule(now.mono);
        }
        for audience in AUDIENCES {
            if self.flush_at[audience as usize].is_some_and(|at| now.mono >= at) {
                self.flush(audience, peers, now, out);
            }
        }
        if now.mono >= self.sweep_at {
            self.sweep_at = now.mono + SWEEP;
            self.counters.sweep(now);
        }
        if now.mono >= self.compare_at {
            self.compare(peers, now, out);
        }
        if now.mono >= self.keep_at {
            self.keep(now, out);
        }
    }

    pub(crate) fn next_wake(&self) -> Mono {
        let flushes = self.flush_at.iter().flatten().copied();
        let keep = self.counters.has_quotas_to_keep().then_some(self.keep_at);
        // Who counts nothing wakes up for those it must hear only.
        let refresh = match self.counters.is_idle() {
            true => {
                let tick = self.hearing.next_tick().unwrap_or(self.compare_at);
                self.refresh_at.max(tick)
            }
            false => self.refresh_at.min(self.sweep_at),
        };
        let next = flushes.chain(keep).chain([refresh, self.compare_at]);
        next.min().expect("never empty")
    }
}
