//! The half that belongs to the control thread: what every actor counted, and what follows from it.
//!
//! Own counts are collected from the [`Table`]'s dirty slots; those of others arrive in batches and
//! are merged; what is new is queued for whoever should hear of it. After each change the subject's
//! line is drawn again and handed to the table. Which peer is told when is the cluster's affair:
//! here are only two audiences, the region's own nodes and the other regions.

mod absorb;
mod actors;
mod bucket;
mod demand;
mod draw;
mod escrow;
mod evict;
mod export;
mod history;
mod hot;
mod inspect;
mod judged;
mod looks;
mod packer;
mod rare;
mod rate;
mod subject;
mod untold;
mod voice;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tidegate_model::{Mono, NodeId, Now, RegionId, Wall};

pub use self::absorb::Absorbed;
use self::actors::{ACTORS_MAX, Actors, ME};
use self::demand::Demand;
use self::draw::Drawing;
use self::evict::Eviction;
use self::hot::{Hot, Look, Wanted};
pub use self::inspect::{HotSubject, NodeWord, RegionPart, SubjectView, TOP_MAX, Told, Top, TopBy};
pub use self::judged::Judged;
use self::subject::{ActorRow, Subjects, subject_entry};
use self::untold::{Due, Own, allowance, foreseen, together};
use self::voice::Voice;
use crate::line::Line;
use crate::share::SilentParts;
use crate::subject::LimitIx;
use crate::table::Registered;
use crate::{
    Actor, Algorithm, Count, Mode, Presence, RealmSpec, RegionPresence, RightsTo, RightsWord,
    SubjectKey, Table,
};

/// A count that has not changed for so long is the same everywhere, unless a message was lost.
const SETTLED: Duration = Duration::from_millis(1_500);
/// A subject in demand is spoken of at least so often, so that its rate stays believed.
const RETELL: Duration = Duration::from_millis(250);
/// How long it takes until all have heard of something, until words have told how long they take.
const HEARD_AFTER: Duration = Duration::from_millis(150);
/// News is told because a request came, which says nothing of how often others do: all of it if
/// they come at random, half of it if they come evenly.
const TOLD: f64 = 0.6;
/// The fastest rate that is believed, in tenths a second.
const RATE_DECI_MAX: u32 = 100_000_000;

/// Who this node is among the others.
#[derive(Clone, Debug)]
pub struct CountersSpec {
    /// This life of this node.
    pub actor: Actor,
    /// All regions of the world, this one included, in the order that all agree on.
    pub regions: Vec<RegionId>,
    /// All nodes of this region, alive or not, in the order that all agree on.
    pub nodes: Vec<NodeId>,
    /// When this life of the node began.
    pub born: Wall,
}

/// For whom news is meant, and from whom it came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Audience {
    /// The other nodes of this region.
    Mates,
    /// The other regions.
    World,
}

/// All that is known of all subjects.
#[derive(Debug)]
pub struct Counters {
    table: Arc<Table>,
    limits: Vec<Registered>,
    regions: Vec<RegionId>,
    nodes: Vec<NodeId>,
    /// Those of them that can be written to.
    alive: BTreeSet<NodeId>,
    /// Nodes of the whole world that count together; 0 as long as nobody has said.
    counting: usize,
    /// Whether counts are kept back that change nobody's answer.
    keeps_back: bool,
    /// Subjects collected so far.
    collected: u64,
    /// Which subjects this node tells other regions of.
    voice: Voice,
    home: RegionId,
    presence: Vec<Presence>,
    /// How young the youngest word of each region is, on any subject.
    heard: Vec<Mono>,
    actors: Actors,
    subjects: Subjects,
    /// Subjects that someone is asking for at the moment.
    hot: Hot,
    queues: [VecDeque<(SubjectKey, u16)>; 2],
    /// Subjects of which the batch that is being taken in told something new.
    told: Vec<SubjectKey>,
    /// How far limits were off.
    judged: Vec<Judged>,
    /// Quotas that have changed since they were last kept.
    unkept: BTreeSet<SubjectKey>,
    /// Words about rights that wait to be sent.
    words: VecDeque<(RightsTo, RightsWord)>,
    /// The farthest has heard of something after so long: the longest way a word has come lately.
    heard_after: Duration,
    /// The next slot to look at for subjects whose time is over, and slots found idle the last time
    /// round.
    sweep_at: usize,
    idle: Vec<bool>,
    eviction: Eviction,
}

impl Counters {
    /// The counters behind `table`, knowing nothing yet.
    #[must_use]
    pub fn new(table: Arc<Table>, spec: CountersSpec) -> Self {
        let home = spec.actor.node.region.clone();
        table.set_realm(realm(
            &spec.actor.node,
            &spec.regions,
            &spec.nodes,
            spec.born,
        ));
        Self {
            idle: vec![false; table.capacity()],
            eviction: Eviction::new(table.capacity()),
            limits: table.limits(),
            presence: vec![Presence::Reachable; spec.regions.len()],
            heard: vec![Mono::ZERO; spec.regions.len()],
            actors: Actors::new(&spec.actor, &spec.regions),
            regions: spec.regions,
            nodes: spec.nodes,
            alive: BTreeSet::new(),
            counting: 0,
            keeps_back: false,
            collected: 0,
            voice: Voice::default(),
            home,
            subjects: Subjects::default(),
            hot: Hot::default(),
            queues: Default::default(),
            told: Vec::new(),
            judged: Vec::new(),
            unkept: BTreeSet::new(),
            words: VecDeque::new(),
            heard_after: HEARD_AFTER,
            sweep_at: 0,
            table,
        }
    }

    /// Call when the table's limits, the world's regions or this region's nodes have changed.
    pub fn reconfigure(&mut self, regions: Vec<RegionId>, nodes: Vec<NodeId>, now: Now) {
        self.limits = self.table.limits();
        if self.regions != regions || self.nodes != nodes {
            // What this node held by the old lists and what it holds by the new are not to be
            // spent in one window.
            let me = &self.actors.get(ME).node;
            self.table.set_realm(realm(me, &regions, &nodes, now.wall));
        }
        self.nodes = nodes;
        if self.regions != regions {
            self.presence = vec![Presence::Reachable; regions.len()];
            self.heard = vec![Mono::ZERO; regions.len()];
            self.regions = regions;
            self.actors.reorder(&self.regions);
            for subject in self.subjects.values_mut() {
                subject.demand = Demand::default();
                for row in &mut subject.rows {
                    row.region = self.actors.region(row.actor);
                }
            }
        }
        self.redraw_all(now);
    }

    /// Tells which of the other regions are heard. Returns whether that changed anything.
    pub fn set_presence(&mut self, heard: &[RegionPresence], now: Now) -> bool {
        let mut presence = vec![Presence::Reachable; self.regions.len()];
        for entry in heard.iter().filter(|entry| entry.region != self.home) {
            if let Some(i) = self
                .regions
                .iter()
                .position(|region| *region == entry.region)
            {
                presence[i] = entry.presence;
            }
        }
        if presence == self.presence {
            return false;
        }
        self.table.set_silent(SilentParts::of(&presence));
        // Demand is taken down while everyone can still be heard, so that both sides of a cut share
        // by the same figures.
        let keys: Vec<SubjectKey> = self.subjects.keys().copied().collect();
        for key in keys {
            self.note_demand(key, now);
        }
        self.presence = presence;
        self.redraw_all(now);
        true
    }

    /// Whether a strict limit is short of rights; asked once. If so, [`collect`](Self::collect) at
    /// once: requests are waiting.
    #[must_use]
    pub fn is_urgent(&self) -> bool {
        self.table.take_urgent()
    }

    /// Collects what the cores counted since the last time. Returns how many subjects have news.
    pub fn collect(&mut self, now: Now) -> usize {
        let table = Arc::clone(&self.table);
        let mut collected = 0;
        table.drain_dirty(|slot| collected += usize::from(self.collect_slot(slot, now)));
        collected
    }

    fn collect_slot(&mut self, slot: usize, now: Now) -> bool {
        let Some(key) = self.table.key(slot) else {
            return false;
        };
        let (limit, _) = self.table.slot(slot).terms();
        let Some(terms) = self.limits.get(usize::from(limit.0)) else {
            return false;
        };
        self.eviction.refer(slot);
        self.collected += 1;
        let strict = terms.mode == Mode::Strict;
        let window = terms.windows.at(now.wall);
        let home = self.actors.region(ME);
        let subject = subject_entry(&mut self.subjects, key, slot, limit, home, now.mono);
        let slot = self.table.slot(slot);
        let own = Own::of(slot, terms, subject, window);
        if subject.look != Look::Close {
            subject.begin_history(window.ix);
        }
        subject.rate.pass(now.mono);
        subject.tally(window.ix, own.count, own.before);
        subject.rows[0].rate = subject.rate.per_second(TOLD);
        let (window, admitted) = match terms.algorithm {
            Algorithm::Concurrency => subject.rows[0].next_word(slot.held()),
            _ => (window.ix, own.count),
        };
        let news = self.tell_due(key, Due::News, now);
        if self.keep_looking(key, now) == Wanted::Close {
            if let Some(subject) = self.subjects.get_mut(&key) {
                subject.history.note(now.mono, window, admitted.admitted);
            }
            self.redraw(key, now);
        }
        if strict {
            self.seek_rights(key, now);
        }
        news
    }

    /// Forgets subjects whose windows are over, looking at a part of the table each time. Call
    /// every 100 ms or so.
    pub fn sweep(&mut self, now: Now) {
        const PARTS: usize = 64;
        for (ix, terms) in (0..).zip(&self.limits) {
            if terms.mode == Mode::Strict {
                let window = terms.windows.at(now.wall).ix;
                self.table.enter_window(LimitIx(ix), window);
            }
        }
        if self.table.is_unused() {
            return;
        }
        self.free_retired(now);
        self.sweep_cells(now);
        let chunk = self.table.capacity().div_ceil(PARTS);
        let end = (self.sweep_at + chunk).min(self.table.capacity());
        for slot in self.sweep_at..end {
            let over = self.is_over(slot, now);
            // A subject goes when it is found idle twice in a row, several seconds apart: a core
            // may just be using the slot for the first time.
            if over && self.idle[slot] {
                if let Some(key) = self.table.key(slot) {
                    self.forget(key);
                }
                self.table.free(slot);
                self.idle[slot] = false;
            } else {
                self.idle[slot] = over;
                self.evict_if_pressed(slot, now);
            }
        }
        self.sweep_at = if end == self.table.capacity() { 0 } else { end };
        if self.actors.len() > ACTORS_MAX / 2 && self.sweep_at == 0 {
            self.forget_actors();
        }
    }

    /// Whether nobody is counted, and [`refresh`](Self::refresh) and [`sweep`](Self::sweep) have
    /// nothing to do.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        let strict = self.limits.iter().any(|terms| terms.mode == Mode::Strict);
        !strict && self.table.is_unused() && self.hot.len() == 0
    }

    fn is_over(&self, slot: usize, now: Now) -> bool {
        let Some(key) = self.table.key(slot) else {
            return false;
        };
        let (limit, _) = self.table.slot(slot).terms();
        let Some(terms) = self.limits.get(usize::from(limit.0)) else {
            return true;
        };
        let current = terms.windows.at(now.wall).ix;
        // The window before is kept for shares, but not a month of it.
        let oldest = match terms.algorithm {
            Algorithm::Quota => current,
            _ => current.previous(),
        };
        let slot = self.table.slot(slot);
        if terms.algorithm == Algorithm::Concurrency {
            return slot.own_window() < oldest && slot.held() == 0 && !self.holds_leases(key, now);
        }
        // What is told of a future is of a clock that was set back since.
        let over = |row: &ActorRow| {
            let newest = row.row.newest();
            newest < oldest || newest > current.next()
        };
        let rows_over = self
            .subjects
            .get(&key)
            .is_none_or(|subject| subject.rows.iter().all(over));
        slot.own_window() < oldest && rows_over
    }

    /// Whether anybody holds leases of a subject.
    fn holds_leases(&self, key: SubjectKey, now: Now) -> bool {
        let Some(subject) = self.subjects.get(&key) else {
            return false;
        };
        let terms = self.limits.get(usize::from(subject.limit.0));
        let Some(terms) = terms.filter(|terms| terms.algorithm == Algorithm::Concurrency) else {
            return false;
        };
        subject
            .rows
            .iter()
            .any(|row| row.leases(terms.lease, now.mono) > 0)
    }

    /// Drops actors that no row names any more.
    fn forget_actors(&mut self) {
        let mut used = vec![false; self.actors.len()];
        for row in self.subjects.values().flat_map(|subject| &subject.rows) {
            used[usize::from(row.actor)] = true;
        }
        let renumbered = self.actors.keep(&used);
        let subjects = self.subjects.values_mut();
        for row in subjects.flat_map(|subject| &mut subject.rows) {
            row.actor = renumbered[usize::from(row.actor)];
        }
        for (_, actor) in self.queues.iter_mut().flatten() {
            *actor = renumbered[usize::from(*actor)];
        }
    }

    fn redraw_all(&mut self, now: Now) {
        let keys: Vec<SubjectKey> = self.subjects.keys().copied().collect();
        for key in keys {
            self.redraw(key, now);
        }
    }

    /// Works out what others do of one subject, and hands it to the table.
    fn redraw(&mut self, key: SubjectKey, now: Now) -> Line {
        let Some(subject) = self.subjects.get_mut(&key) else {
            return Line::default();
        };
        let Some(terms) = self.limits.get(usize::from(subject.limit.0)) else {
            return Line::default();
        };
        subject
            .demand
            .note(&subject.rows, terms, &self.presence, now);
        let amount = match self.table.slot(subject.slot).terms() {
            (_, 0) => terms.amount,
            (_, amount) => amount,
        };
        if terms.mode == Mode::Strict {
            let line = subject.rights.line(terms.windows.at(now.wall).ix);
            self.table.slot(subject.slot).set_line(line);
            return line;
        }
        let window = terms.windows.at(now.wall);
        let slot = self.table.slot(subject.slot);
        let own = Own::of(slot, terms, subject, window);
        let (rate, way_s) = (subject.rows[0].rate, self.heard_after.as_secs_f64());
        let line = slot.line();
        let headroom = own.headroom(slot, &line, terms, window, now);
        let headroom = foreseen(headroom, &line, rate, way_s);
        let together = together(terms, self.counting, self.alive.len());
        let line = Drawing {
            subject,
            allowance: match self.keeps_back {
                true => allowance(terms, headroom, together),
                false => 0.0,
            },
            terms,
            amount,
            presence: &self.presence,
            heard: &self.heard,
            window,
            now: now.mono,
            heard_after: self.heard_after,
        }
        .line();
        match terms.algorithm {
            Algorithm::Bucket => slot.set_bucket_line(line),
            _ => slot.set_line(line),
        }
        line
    }

    /// How many subjects and actors are known, and how many subjects are being asked for.
    #[must_use]
    pub fn sizes(&self) -> (usize, usize, usize) {
        (self.subjects.len(), self.actors.len(), self.hot.len())
    }

    /// What every actor is known to have admitted of a subject in the window of `now`, for tests
    /// and operators.
    #[must_use]
    pub fn known(&self, key: SubjectKey, now: Now) -> Vec<(Actor, Count)> {
        let Some(subject) = self.subjects.get(&key) else {
            return Vec::new();
        };
        let Some(terms) = self.limits.get(usize::from(subject.limit.0)) else {
            return Vec::new();
        };
        let window = terms.windows.at(now.wall).ix;
        let leases = terms.algorithm == Algorithm::Concurrency;
        let count = |row: &ActorRow| match leases {
            true => row.row.count_at(row.row.newest()),
            false => row.row.count_at(window),
        };
        let rows = subject.rows.iter();
        rows.map(|row| (self.actors.get(row.actor).clone(), count(row)))
            .collect()
    }
}

/// Where a node stands among those that divide rights. One that is not listed is nobody's home.
fn realm(me: &NodeId, regions: &[RegionId], nodes: &[NodeId], born: Wall) -> RealmSpec {
    let number = |place: Option<usize>| place.map_or(u16::MAX, |place| place as u16);
    RealmSpec {
        regions: regions.len() as u16,
        region: number(regions.iter().position(|region| *region == me.region)),
        nodes: nodes.len() as u16,
        node: number(nodes.iter().position(|node| node == me)),
        born,
    }
}

#[cfg(test)]
mod tests;
