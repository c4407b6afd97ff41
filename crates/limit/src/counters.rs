//! The half that belongs to the control thread: what every actor counted, and what follows from it.
//!
//! Own counts are collected from the [`Table`]'s dirty slots; those of others arrive in batches and
//! are merged; what is new is queued for whoever should hear of it. After each change the subject's
//! line is drawn again and handed to the table. Which peer is told when is the cluster's affair:
//! here are only two audiences, the region's own nodes and the other regions.

mod absorb;
mod actors;
mod draw;
mod export;
mod history;
mod packer;
mod subject;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tidegate_model::{Now, RegionId};

pub use self::absorb::Absorbed;
use self::actors::{ACTORS_MAX, Actors};
use self::draw::Drawing;
use self::export::enqueue;
use self::history::History;
use self::subject::{RATE_OVER, Subjects, subject_entry, worth_telling};
use crate::line::Line;
use crate::share::SilentParts;
use crate::table::Registered;
use crate::{Actor, Count, Presence, RegionPresence, Scope, SubjectKey, Table, Window};

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

#[cfg(test)]
mod tests;
