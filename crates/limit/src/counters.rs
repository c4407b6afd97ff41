//! The half that belongs to the control thread: what every actor counted, and what follows from it.
//!
//! Own counts are collected from the [`Table`]'s dirty slots; those of others arrive in batches and
//! are merged; what is new is queued for whoever should hear of it. After each change the subject's
//! line is drawn again and handed to the table. Which peer is told when is the cluster's affair:
//! here are only two audiences, the region's own nodes and the other regions.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;
use std::time::Duration;

use tidegate_model::{Mono, Now, RegionId};

use crate::digest::shard_of;
use crate::line::{HORIZON, Line, millis};
use crate::share::shares;
use crate::subject::LimitIx;
use crate::table::Registered;
use crate::{
    Actor, Batch, Count, Delta, Digest, Group, LimitId, Presence, RegionPresence, Row, Scope,
    SubjectKey, Table, Update, Window, WindowIx,
};

/// Over which time a rate is averaged.
const RATE_OVER: Duration = Duration::from_millis(100);
/// A count that has not changed for so long is the same everywhere, unless a message was lost.
const SETTLED: Duration = Duration::from_millis(1_500);
/// Actors remembered at most: nodes times their restarts within two windows.
const ACTORS_MAX: usize = 4_096;
/// Actors whose counts of one subject are kept at most; beyond it a row is dropped and counted.
const ROWS_MAX: usize = 512;
/// A subject in demand is spoken of at least so often, so that its rate stays believed.
const RETELL: Duration = Duration::from_millis(250);
/// Own counts: the actor that this node is.
const ME: u16 = 0;
/// The fastest rate that is believed, in tenths a second.
const RATE_DECI_MAX: u32 = 100_000_000;

/// Who this node is among the others.
#[derive(Clone, Debug)]
pub struct CountersSpec {
    /// This life of this node.
    pub actor: Actor,
    /// All regions of the world, this one included.
    pub regions: Vec<RegionId>,
}

/// For whom news is meant, and from whom it came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Audience {
    /// The other nodes of this region.
    Mates,
    /// The other regions.
    World,
}

/// What became of a batch's rows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Absorbed {
    /// Rows that told something new.
    pub learned: u32,
    /// Rows that told nothing new, or our own.
    pub known: u32,
    /// Rows of a limit that this node does not have.
    pub unknown_limit: u32,
    /// Rows of a window that is over, or too far ahead of our clock.
    pub out_of_window: u32,
    /// Rows that claim what cannot be.
    pub implausible: u32,
    /// Rows for which there was no room.
    pub no_room: u32,
}

/// All that is known of all subjects.
#[derive(Debug)]
pub struct Counters {
    table: Arc<Table>,
    limits: Vec<Registered>,
    regions: Vec<RegionId>,
    home: RegionId,
    presence: Vec<Presence>,
    actors: Vec<(Actor, Option<usize>)>,
    actor_ix: BTreeMap<Actor, u16>,
    subjects: HashMap<SubjectKey, Subject, BuildHasherDefault<AsHashed>>,
    /// Subjects that someone is asking for at the moment.
    hot: BTreeMap<SubjectKey, ()>,
    queues: [VecDeque<(SubjectKey, u16)>; 2],
    /// The next slot to look at for subjects whose time is over, and slots found idle the last time
    /// round.
    sweep_at: usize,
    idle: Vec<bool>,
}

#[derive(Debug)]
struct Subject {
    slot: usize,
    limit: LimitIx,
    /// Requests asked for here, decayed over [`RATE_OVER`], and when that was worked out.
    recent: f64,
    recent_at: Mono,
    offered_seen: (WindowIx, u32),
    /// The first is our own.
    rows: Vec<ActorRow>,
    /// What each region was asked for in the last window that all regions were heard in.
    demand: Option<(WindowIx, Vec<u32>)>,
}

/// What a peer's update says, in our terms.
struct Heard {
    window: WindowIx,
    count: Count,
    rate: f64,
    as_of: Mono,
}

#[derive(Debug)]
struct ActorRow {
    actor: u16,
    row: Row,
    rate: f64,
    as_of: Mono,
    changed: Mono,
    queued: [bool; 2],
    /// The rate last told to others, and when.
    told_rate: f64,
    told_at: Mono,
}

/// Subjects are hashes already.
#[derive(Debug, Default)]
struct AsHashed(u64);

impl Hasher for AsHashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("subjects hash as one u64")
    }

    fn write_u64(&mut self, raw: u64) {
        self.0 = raw;
    }
}

impl Counters {
    /// The counters behind `table`, knowing nothing yet.
    #[must_use]
    pub fn new(table: Arc<Table>, spec: CountersSpec) -> Self {
        let home = spec.actor.node.region.clone();
        let mut counters = Self {
            idle: vec![false; table.capacity()],
            limits: table.limits(),
            presence: vec![Presence::Reachable; spec.regions.len()],
            regions: spec.regions,
            home,
            actors: Vec::new(),
            actor_ix: BTreeMap::new(),
            subjects: HashMap::default(),
            hot: BTreeMap::new(),
            queues: Default::default(),
            sweep_at: 0,
            table,
        };
        counters.actor(&spec.actor);
        counters
    }

    /// Our number for an actor; `None` when there are too many.
    fn actor(&mut self, actor: &Actor) -> Option<u16> {
        if let Some(&ix) = self.actor_ix.get(actor) {
            return Some(ix);
        }
        if self.actors.len() == ACTORS_MAX {
            return None;
        }
        let region = self
            .regions
            .iter()
            .position(|region| *region == actor.node.region);
        let ix = self.actors.len() as u16;
        self.actors.push((actor.clone(), region));
        self.actor_ix.insert(actor.clone(), ix);
        Some(ix)
    }

    /// Call when the table's limits or the world's regions have changed.
    pub fn reconfigure(&mut self, regions: Vec<RegionId>, now: Now) {
        self.limits = self.table.limits();
        if self.regions != regions {
            self.presence = vec![Presence::Reachable; regions.len()];
            self.regions = regions;
            for (actor, region) in &mut self.actors {
                *region = self
                    .regions
                    .iter()
                    .position(|known| *known == actor.node.region);
            }
            for subject in self.subjects.values_mut() {
                subject.demand = None;
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
        let silent = presence.iter().filter(|p| **p == Presence::Silent).count();
        self.table
            .set_silent(silent as f64 / self.regions.len().max(1) as f64);
        // Demand is taken down while everyone can still be heard, so that both sides of a cut share
        // by the same figures.
        let limits = self.limits.clone();
        for subject in self.subjects.values_mut() {
            note_demand(subject, &self.actors, &self.presence, &limits, now);
        }
        self.presence = presence;
        self.redraw_all(now);
        true
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
        let Some(terms) = self.limits.get(usize::from(limit.0)).copied() else {
            return false;
        };
        let window = Window::at(now.wall, terms.window).ix;
        let count = self.table.slot(slot).own(window);
        let subject = subject_entry(&mut self.subjects, key, slot, limit, now.mono);
        subject.decay(now.mono);
        subject.recent += f64::from(match subject.offered_seen {
            (seen_in, seen) if seen_in == window => count.offered.saturating_sub(seen),
            _ => count.offered,
        });
        subject.offered_seen = (window, count.offered);
        let rate = subject.recent / RATE_OVER.as_secs_f64();
        let own = &mut subject.rows[0];
        let before = own.row.count_at(window).admitted;
        own.row.join(window, count);
        own.rate = rate;
        own.as_of = now.mono;
        let news =
            own.row.count_at(window).admitted != before || worth_telling(rate, own.told_rate);
        if news {
            own.changed = now.mono;
            enqueue(&mut self.queues, own, key, Audience::Mates);
            if terms.scope == Scope::Global {
                enqueue(&mut self.queues, own, key, Audience::World);
            }
        }
        self.hot.insert(key, ());
        self.redraw(key, now);
        news
    }

    /// Looks again at subjects that were asked for lately: rates fall, and peers fall silent. Call
    /// every 50 ms or so.
    pub fn refresh(&mut self, now: Now) {
        let hot: Vec<SubjectKey> = self.hot.keys().copied().collect();
        for key in hot {
            let Some(subject) = self.subjects.get_mut(&key) else {
                self.hot.remove(&key);
                continue;
            };
            subject.decay(now.mono);
            let rate = match subject.recent / RATE_OVER.as_secs_f64() {
                rate if rate < 0.5 => 0.0,
                rate => rate,
            };
            let limit = usize::from(subject.limit.0);
            let own = &mut subject.rows[0];
            own.rate = rate;
            own.as_of = now.mono;
            let stale = rate > 0.0 && now.mono.since(own.told_at) >= RETELL;
            if stale || worth_telling(rate, own.told_rate) {
                enqueue(&mut self.queues, own, key, Audience::Mates);
                if self
                    .limits
                    .get(limit)
                    .is_some_and(|terms| terms.scope == Scope::Global)
                {
                    enqueue(&mut self.queues, own, key, Audience::World);
                }
            }
            let still = rate > 0.0 || own.told_rate > 0.0;
            let line = self.redraw(key, now);
            if !still && line.slope == 0.0 {
                self.hot.remove(&key);
            }
        }
    }

    /// Takes in what a peer sent. `one_way` is how long it was under way, at a guess.
    pub fn absorb(
        &mut self,
        batch: &Batch,
        from: Audience,
        one_way: Duration,
        now: Now,
    ) -> Absorbed {
        let mut report = Absorbed::default();
        for delta in &batch.deltas {
            let Some(actor) = self.actor(&delta.actor) else {
                report.no_room += delta
                    .groups
                    .iter()
                    .map(|group| group.updates.len() as u32)
                    .sum::<u32>();
                continue;
            };
            for group in &delta.groups {
                self.absorb_group(actor, group, from, one_way, now, &mut report);
            }
        }
        report
    }

    fn absorb_group(
        &mut self,
        actor: u16,
        group: &Group,
        from: Audience,
        one_way: Duration,
        now: Now,
        report: &mut Absorbed,
    ) {
        let rows = group.updates.len() as u32;
        let found = self
            .limits
            .iter()
            .position(|terms| terms.id == group.limit && terms.scope != Scope::Node);
        let Some(ix) = found else {
            report.unknown_limit += rows;
            return;
        };
        let current = Window::at(now.wall, self.limits[ix].window).ix;
        if group.window < current.previous() || group.window > current.next() {
            report.out_of_window += rows;
            return;
        }
        if actor == ME {
            report.known += rows;
            return;
        }
        for update in &group.updates {
            let offered = update.admitted.checked_add(update.refused);
            let Some(offered) = offered.filter(|_| update.rate_deci <= RATE_DECI_MAX) else {
                report.implausible += 1;
                continue;
            };
            let count = Count {
                admitted: update.admitted,
                offered,
            };
            let key = SubjectKey::from_raw(u64::from_le_bytes(update.subject));
            let Some(slot) = self.table.admit_subject(key, LimitIx(ix as u16)) else {
                report.no_room += 1;
                continue;
            };
            let age = one_way + Duration::from_millis(u64::from(update.age_ms));
            let rate = f64::from(update.rate_deci) / 10.0;
            let heard = Heard {
                window: group.window,
                count,
                rate,
                as_of: now.mono - age,
            };
            match self.absorb_row(key, slot, LimitIx(ix as u16), actor, heard, from, now) {
                Some(true) => report.learned += 1,
                Some(false) => report.known += 1,
                None => report.no_room += 1,
            }
        }
    }

    /// Takes in one row. Returns whether it was news, or `None` if there is no room for another
    /// actor.
    #[expect(
        clippy::too_many_arguments,
        reason = "who, what and when of one row; grouping them would only rename them"
    )]
    fn absorb_row(
        &mut self,
        key: SubjectKey,
        slot: usize,
        limit: LimitIx,
        actor: u16,
        heard: Heard,
        from: Audience,
        now: Now,
    ) -> Option<bool> {
        let subject = subject_entry(&mut self.subjects, key, slot, limit, now.mono);
        let row = subject.row(actor, now.mono)?;
        let grew = row.row.join(heard.window, heard.count);
        // Hints are taken from the youngest word only; one that comes late must not bring an old
        // rate back.
        let younger = heard.as_of > row.as_of;
        let stale = heard.as_of.since(row.as_of) >= RETELL / 2;
        let news = grew || younger && (stale || worth_telling(heard.rate, row.rate));
        if younger {
            row.rate = heard.rate;
            row.as_of = heard.as_of;
        }
        if grew {
            row.changed = now.mono;
        }
        if news {
            let native = self.actors[usize::from(actor)].0.node.region == self.home;
            // Each row travels once over each step: mates tell the border, the border tells the
            // world, and what comes from the world is passed to the mates.
            match from {
                Audience::World => enqueue(&mut self.queues, row, key, Audience::Mates),
                Audience::Mates if native => enqueue(&mut self.queues, row, key, Audience::World),
                Audience::Mates => {}
            }
            self.hot.insert(key, ());
            self.redraw(key, now);
        }
        Some(news)
    }

    /// Takes up to `rows_max` rows of news for an audience. `None` when there is none.
    pub fn export(&mut self, audience: Audience, rows_max: usize, now: Now) -> Option<Batch> {
        let mut packer = Packer::default();
        while packer.rows < rows_max {
            let Some((key, actor)) = self.queues[audience as usize].pop_front() else {
                break;
            };
            let Some(subject) = self.subjects.get_mut(&key) else {
                continue;
            };
            let Some(terms) = self.limits.get(usize::from(subject.limit.0)) else {
                continue;
            };
            let Some(row) = subject.rows.iter_mut().find(|row| row.actor == actor) else {
                continue;
            };
            row.queued[audience as usize] = false;
            if actor == ME {
                row.told_rate = row.rate;
                row.told_at = now.mono;
            }
            if audience == Audience::World && terms.scope != Scope::Global {
                continue;
            }
            packer.add(key, terms.id, row, now);
        }
        packer.finish(&self.actors)
    }

    /// Whether there is news for an audience.
    #[must_use]
    pub fn has_news(&self, audience: Audience) -> bool {
        !self.queues[audience as usize].is_empty()
    }

    /// Drops what was queued for an audience that does not exist at the moment; a digest will bring
    /// it later.
    pub fn forget_news(&mut self, audience: Audience) {
        while let Some((key, actor)) = self.queues[audience as usize].pop_front() {
            let rows = self.subjects.get_mut(&key).map(|subject| &mut subject.rows);
            if let Some(row) = rows.and_then(|rows| rows.iter_mut().find(|row| row.actor == actor))
            {
                row.queued[audience as usize] = false;
            }
        }
    }

    /// A summary of all rows at rest that an audience should know.
    #[must_use]
    pub fn digest(&self, audience: Audience, now: Now) -> Digest {
        let mut digest = Digest::default();
        self.each_live(audience, now, |key, _, row| {
            if now.mono.since(row.changed) >= SETTLED {
                let window = row.row.newest();
                let actor = &self.actors[usize::from(row.actor)].0;
                digest.add(key, actor, window, row.row.count_at(window).admitted);
            }
        });
        digest
    }

    /// All rows of some shards, in batches of at most `rows_max`, for one peer of the audience.
    #[must_use]
    pub fn export_shards(
        &self,
        shards: &[u8],
        audience: Audience,
        rows_max: usize,
        now: Now,
    ) -> Vec<Batch> {
        let mut batches = Vec::new();
        let mut packer = Packer::default();
        self.each_live(audience, now, |key, terms, row| {
            if shards.contains(&shard_of(key)) {
                packer.add(key, terms.id, row, now);
                if packer.rows == rows_max {
                    batches.extend(std::mem::take(&mut packer).finish(&self.actors));
                }
            }
        });
        batches.extend(packer.finish(&self.actors));
        batches
    }

    /// Visits all rows with counts in the current window that an audience should know.
    fn each_live(
        &self,
        audience: Audience,
        now: Now,
        mut visit: impl FnMut(SubjectKey, &Registered, &ActorRow),
    ) {
        for (key, subject) in &self.subjects {
            let Some(terms) = self.limits.get(usize::from(subject.limit.0)) else {
                continue;
            };
            if audience == Audience::World && terms.scope != Scope::Global {
                continue;
            }
            let current = Window::at(now.wall, terms.window).ix;
            for row in &subject.rows {
                if row.row.newest() == current && row.row.count_at(current).admitted > 0 {
                    visit(*key, terms, row);
                }
            }
        }
    }

    /// Forgets subjects whose windows are over, looking at a part of the table each time. Call
    /// every 100 ms or so.
    pub fn sweep(&mut self, now: Now) {
        const PARTS: usize = 64;
        let chunk = self.table.capacity().div_ceil(PARTS);
        let end = (self.sweep_at + chunk).min(self.table.capacity());
        for slot in self.sweep_at..end {
            let over = self.is_over(slot, now);
            // A subject goes when it is found idle twice in a row, several seconds apart: a core
            // may just be using the slot for the first time.
            if over && self.idle[slot] {
                if let Some(key) = self.table.key(slot) {
                    self.subjects.remove(&key);
                    self.hot.remove(&key);
                }
                self.table.free(slot);
                self.idle[slot] = false;
            } else {
                self.idle[slot] = over;
            }
        }
        self.sweep_at = if end == self.table.capacity() { 0 } else { end };
        if self.actors.len() > ACTORS_MAX / 2 && self.sweep_at == 0 {
            self.forget_actors();
        }
    }

    fn is_over(&self, slot: usize, now: Now) -> bool {
        let Some(key) = self.table.key(slot) else {
            return false;
        };
        let (limit, _) = self.table.slot(slot).terms();
        let Some(terms) = self.limits.get(usize::from(limit.0)) else {
            return true;
        };
        let oldest = Window::at(now.wall, terms.window).ix.previous();
        let rows_over = self
            .subjects
            .get(&key)
            .is_none_or(|subject| subject.rows.iter().all(|row| row.row.newest() < oldest));
        self.table.slot(slot).own_window() < oldest && rows_over
    }

    /// Drops actors that no row names any more.
    fn forget_actors(&mut self) {
        let mut used = vec![false; self.actors.len()];
        used[usize::from(ME)] = true;
        for row in self.subjects.values().flat_map(|subject| &subject.rows) {
            used[usize::from(row.actor)] = true;
        }
        let mut renumbered = vec![ME; self.actors.len()];
        let mut kept = Vec::new();
        for (old, entry) in self
            .actors
            .drain(..)
            .enumerate()
            .filter(|(old, _)| used[*old])
        {
            renumbered[old] = kept.len() as u16;
            kept.push(entry);
        }
        self.actors = kept;
        self.actor_ix = self
            .actors
            .iter()
            .enumerate()
            .map(|(i, (actor, _))| (actor.clone(), i as u16))
            .collect();
        for row in self
            .subjects
            .values_mut()
            .flat_map(|subject| &mut subject.rows)
        {
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
        note_demand(subject, &self.actors, &self.presence, &self.limits, now);
        let window = Window::at(now.wall, terms.window);
        let mut seen = 0.0;
        let mut slope = 0.0;
        for row in &subject.rows[1..] {
            let count = f64::from(row.row.count_at(window.ix).admitted);
            let presence = self.actors[usize::from(row.actor)]
                .1
                .map_or(Presence::Reachable, |r| self.presence[r]);
            seen += match presence {
                // Silent regions are added below, each as a whole.
                Presence::Silent => 0.0,
                Presence::Withdrawn => count,
                Presence::Reachable => {
                    let age = now.mono.since(row.as_of);
                    let rate = if age < HORIZON { row.rate } else { 0.0 };
                    slope += rate;
                    count + rate * age.min(window.elapsed).as_secs_f64()
                }
            };
        }
        let mut roll = 0.0;
        let silent = terms.scope == Scope::Global && self.presence.contains(&Presence::Silent);
        if silent {
            let amount = match self.table.slot(subject.slot).terms() {
                (_, 0) => terms.amount,
                (_, amount) => amount,
            };
            let even = vec![0; self.regions.len()];
            let mut share = Vec::new();
            shares(
                subject.demand.as_ref().map_or(&even, |(_, demand)| demand),
                &mut share,
            );
            for region in
                (0..self.regions.len()).filter(|region| self.presence[*region] == Presence::Silent)
            {
                let part = share[region] * f64::from(amount);
                seen += subject.spent_by(region, &self.actors, window.ix).max(part);
                roll += part;
            }
        }
        let line = Line {
            window: window.ix,
            base: if silent {
                whole(seen)
            } else {
                seen.round() as u32
            },
            from_ms: millis(now.mono),
            slope: slope as f32,
            roll: whole(roll),
        };
        self.table.slot(subject.slot).set_line(line);
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
        let window = Window::at(now.wall, terms.window).ix;
        let rows = subject.rows.iter();
        rows.map(|row| {
            (
                self.actors[usize::from(row.actor)].0.clone(),
                row.row.count_at(window),
            )
        })
        .collect()
    }
}

impl Subject {
    fn spent_by(&self, region: usize, actors: &[(Actor, Option<usize>)], window: WindowIx) -> f64 {
        let rows = self
            .rows
            .iter()
            .filter(|row| actors[usize::from(row.actor)].1 == Some(region));
        rows.map(|row| f64::from(row.row.count_at(window).admitted))
            .sum()
    }

    fn decay(&mut self, now: Mono) {
        let passed = now.since(self.recent_at).as_secs_f64();
        self.recent *= (-passed / RATE_OVER.as_secs_f64()).exp();
        self.recent_at = now;
    }

    fn row(&mut self, actor: u16, now: Mono) -> Option<&mut ActorRow> {
        let found = self.rows.iter().position(|row| row.actor == actor);
        if found.is_none() && self.rows.len() == ROWS_MAX {
            return None;
        }
        let at = found.unwrap_or_else(|| {
            self.rows.push(ActorRow::new(actor, now));
            self.rows.len() - 1
        });
        self.rows.get_mut(at)
    }
}

impl ActorRow {
    fn new(actor: u16, now: Mono) -> Self {
        Self {
            actor,
            row: Row::default(),
            rate: 0.0,
            as_of: Mono::ZERO,
            changed: now,
            queued: [false; 2],
            told_rate: 0.0,
            told_at: Mono::ZERO,
        }
    }
}

fn subject_entry(
    subjects: &mut HashMap<SubjectKey, Subject, BuildHasherDefault<AsHashed>>,
    key: SubjectKey,
    slot: usize,
    limit: LimitIx,
    now: Mono,
) -> &mut Subject {
    subjects.entry(key).or_insert_with(|| Subject {
        slot,
        limit,
        recent: 0.0,
        recent_at: now,
        offered_seen: (WindowIx::default(), 0),
        rows: vec![ActorRow::new(ME, now)],
        demand: None,
    })
}

fn enqueue(
    queues: &mut [VecDeque<(SubjectKey, u16)>; 2],
    row: &mut ActorRow,
    key: SubjectKey,
    audience: Audience,
) {
    if !row.queued[audience as usize] {
        row.queued[audience as usize] = true;
        queues[audience as usize].push_back((key, row.actor));
    }
}

/// Whether a rate differs enough from the one last told: by a quarter, or it has fallen to nothing.
fn worth_telling(rate: f64, told: f64) -> bool {
    (rate == 0.0) != (told == 0.0) || (rate - told).abs() > 0.25 * told.max(rate)
}

/// A share in whole requests: up, so that shares leave no request over, but not for a rounding
/// error.
pub(crate) fn whole(share: f64) -> u32 {
    (share - 0.001).ceil() as u32
}

/// Takes down, once a window, what each region was asked for in the window before, if all regions
/// are heard.
fn note_demand(
    subject: &mut Subject,
    actors: &[(Actor, Option<usize>)],
    presence: &[Presence],
    limits: &[Registered],
    now: Now,
) {
    let Some(terms) = limits.get(usize::from(subject.limit.0)) else {
        return;
    };
    if terms.scope != Scope::Global || presence.iter().any(|p| *p != Presence::Reachable) {
        return;
    }
    let last = Window::at(now.wall, terms.window).ix.previous();
    if subject
        .demand
        .as_ref()
        .is_some_and(|(noted, _)| *noted == last)
    {
        return;
    }
    let mut demand = vec![0_u32; presence.len()];
    for row in &subject.rows {
        if let Some(region) = actors[usize::from(row.actor)].1 {
            demand[region] = demand[region].saturating_add(row.row.count_at(last).offered);
        }
    }
    if demand.iter().any(|d| *d > 0) {
        subject.demand = Some((last, demand));
    }
}

/// Groups rows by actor, limit and window.
#[derive(Default)]
struct Packer {
    rows: usize,
    groups: BTreeMap<(u16, LimitId, WindowIx), Vec<Update>>,
}

impl Packer {
    fn add(&mut self, key: SubjectKey, limit: LimitId, row: &ActorRow, now: Now) {
        let window = row.row.newest();
        let count = row.row.count_at(window);
        let age = now.mono.since(row.as_of);
        // What was last heard long ago says nothing of the present: its rate is not passed on.
        let rate = if age < HORIZON { row.rate } else { 0.0 };
        self.groups
            .entry((row.actor, limit, window))
            .or_default()
            .push(Update {
                subject: key.raw().to_le_bytes(),
                admitted: count.admitted,
                refused: count.offered.saturating_sub(count.admitted),
                rate_deci: ((rate * 10.0).round() as u32).min(RATE_DECI_MAX),
                age_ms: u32::try_from(age.as_millis()).unwrap_or(u32::MAX),
            });
        self.rows += 1;
    }

    fn finish(self, actors: &[(Actor, Option<usize>)]) -> Option<Batch> {
        let mut batch = Batch::default();
        let mut last = None;
        for ((actor, limit, window), updates) in self.groups {
            if last != Some(actor) {
                batch.deltas.push(Delta {
                    actor: actors[usize::from(actor)].0.clone(),
                    groups: Vec::new(),
                });
                last = Some(actor);
            }
            let delta = batch.deltas.last_mut().expect("pushed just above");
            delta.groups.push(Group {
                limit,
                window,
                updates,
            });
        }
        if batch.deltas.is_empty() {
            None
        } else {
            Some(batch)
        }
    }
}

#[cfg(test)]
mod tests;
