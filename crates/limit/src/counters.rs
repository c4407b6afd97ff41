//! The half that belongs to the control thread: what every actor counted, and what follows from it.
//!
//! Own counts are collected from the [`Table`]'s dirty slots; those of others arrive in batches and
//! are merged; what is new is queued for whoever should hear of it. After each change the subject's
//! line is drawn again and handed to the table. Which peer is told when is the cluster's affair:
//! here are only two audiences, the region's own nodes and the other regions.

mod actors;
mod draw;
mod history;
mod packer;
mod subject;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tidegate_model::{Mono, Now, RegionId};

use self::actors::{ACTORS_MAX, Actors, ME};
use self::draw::Drawing;
use self::history::History;
use self::packer::Packer;
use self::subject::{ActorRow, RATE_OVER, Subjects, subject_entry, worth_telling};
use crate::digest::shard_of;
use crate::line::Line;
use crate::share::SilentParts;
use crate::subject::LimitIx;
use crate::table::Registered;
use crate::{
    Actor, Algorithm, Batch, Count, Digest, Group, Presence, RegionPresence, Scope, SubjectKey,
    Table, Window, WindowIx,
};

/// A count that has not changed for so long is the same everywhere, unless a message was lost.
const SETTLED: Duration = Duration::from_millis(1_500);
/// A subject in demand is spoken of at least so often, so that its rate stays believed.
const RETELL: Duration = Duration::from_millis(250);
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
    actors: Actors,
    subjects: Subjects,
    /// Subjects that someone is asking for at the moment.
    hot: BTreeMap<SubjectKey, History>,
    queues: [VecDeque<(SubjectKey, u16)>; 2],
    /// The next slot to look at for subjects whose time is over, and slots found idle the last time
    /// round.
    sweep_at: usize,
    idle: Vec<bool>,
}

/// What a peer's update says, in our terms.
struct Heard {
    window: WindowIx,
    count: Count,
    rate: f64,
    as_of: Mono,
}

impl Counters {
    /// The counters behind `table`, knowing nothing yet.
    #[must_use]
    pub fn new(table: Arc<Table>, spec: CountersSpec) -> Self {
        let home = spec.actor.node.region.clone();
        Self {
            idle: vec![false; table.capacity()],
            limits: table.limits(),
            presence: vec![Presence::Reachable; spec.regions.len()],
            actors: Actors::new(&spec.actor, &spec.regions),
            regions: spec.regions,
            home,
            subjects: Subjects::default(),
            hot: BTreeMap::new(),
            queues: Default::default(),
            sweep_at: 0,
            table,
        }
    }

    /// Call when the table's limits or the world's regions have changed.
    pub fn reconfigure(&mut self, regions: Vec<RegionId>, now: Now) {
        self.limits = self.table.limits();
        if self.regions != regions {
            self.presence = vec![Presence::Reachable; regions.len()];
            self.regions = regions;
            self.actors.reorder(&self.regions);
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
        self.table.set_silent(SilentParts::of(&presence));
        // Demand is taken down while everyone can still be heard, so that both sides of a cut share
        // by the same figures.
        for subject in self.subjects.values_mut() {
            if let Some(terms) = self.limits.get(usize::from(subject.limit.0)) {
                subject.note_demand(terms, &self.actors, &self.presence, now);
            }
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
        let count_before = Count {
            admitted: self.table.slot(slot).own_before(window),
            offered: 0,
        };
        let subject = subject_entry(&mut self.subjects, key, slot, limit, now.mono);
        subject.decay(now.mono);
        subject.tally(window, count, count_before.admitted);
        let rate = subject.recent / RATE_OVER.as_secs_f64();
        let own = &mut subject.rows[0];
        let before = own.row.count_at(window).admitted;
        let settled = own.count(window.previous(), count_before);
        own.count(window, count);
        own.rate = rate;
        own.as_of = now.mono;
        let news = settled
            || own.row.count_at(window).admitted != before
            || worth_telling(rate, own.told_rate);
        if news {
            own.changed = now.mono;
            enqueue(&mut self.queues, own, key, Audience::Mates);
            if terms.scope == Scope::Global {
                enqueue(&mut self.queues, own, key, Audience::World);
            }
        }
        let own = own.row.count_at(window).admitted;
        self.hot.entry(key).or_default().note(now.mono, window, own);
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
            let Some(actor) = self.actors.number(&delta.actor, &self.regions) else {
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
        let grew = row.count(heard.window, heard.count);
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
            let native = self.actors.get(actor).node.region == self.home;
            // Each row travels once over each step: mates tell the border, the border tells the
            // world, and what comes from the world is passed to the mates.
            match from {
                Audience::World => enqueue(&mut self.queues, row, key, Audience::Mates),
                Audience::Mates if native => enqueue(&mut self.queues, row, key, Audience::World),
                Audience::Mates => {}
            }
            self.hot.entry(key).or_default();
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
            let settles = std::mem::take(&mut row.settled[audience as usize]);
            if settles && terms.algorithm == Algorithm::Sliding {
                packer.add_before(key, terms.id, row, now);
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
        self.each_live(audience, now, |key, terms, row| {
            let window = row.row.newest();
            let current = Window::at(now.wall, terms.window).ix;
            if window == current && now.mono.since(row.changed) >= SETTLED {
                let actor = self.actors.get(row.actor);
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
                if terms.algorithm == Algorithm::Sliding {
                    packer.add_before(key, terms.id, row, now);
                }
                packer.add(key, terms.id, row, now);
                if packer.rows >= rows_max {
                    batches.extend(std::mem::take(&mut packer).finish(&self.actors));
                }
            }
        });
        batches.extend(packer.finish(&self.actors));
        batches
    }

    /// Visits all rows that an audience should know: with counts in the current window, or in the
    /// one before if that still matters.
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
            let oldest = match terms.algorithm {
                Algorithm::Fixed => current,
                Algorithm::Sliding => current.previous(),
            };
            for row in &subject.rows {
                let newest = row.row.newest();
                if (oldest..=current).contains(&newest) && row.row.count_at(newest).admitted > 0 {
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
        subject.note_demand(terms, &self.actors, &self.presence, now);
        let amount = match self.table.slot(subject.slot).terms() {
            (_, 0) => terms.amount,
            (_, amount) => amount,
        };
        let line = Drawing {
            subject,
            terms,
            amount,
            actors: &self.actors,
            presence: &self.presence,
            history: self.hot.get(&key),
            window: Window::at(now.wall, terms.window),
            now: now.mono,
        }
        .line();
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
        rows.map(|row| (self.actors.get(row.actor).clone(), row.row.count_at(window)))
            .collect()
    }
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

#[cfg(test)]
mod tests;
