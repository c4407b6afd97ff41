//! One subject of a limit: what every actor is known to have counted of it.

use std::hash::{BuildHasherDefault, Hasher};
use std::time::Duration;

use tidegate_model::{Mono, Now};

use super::actors::{Actors, ME};
use crate::subject::LimitIx;
use crate::table::Registered;
use crate::{Presence, Row, Scope, SubjectKey, Window, WindowIx};

/// Over which time a rate is averaged.
pub(super) const RATE_OVER: Duration = Duration::from_millis(100);
/// Actors whose counts of one subject are kept at most; beyond it a row is dropped and counted.
const ROWS_MAX: usize = 512;

#[expect(
    clippy::disallowed_types,
    reason = "keys are hashes of a fixed function, so the order is the same in every run"
)]
pub(super) type Subjects =
    std::collections::HashMap<SubjectKey, Subject, BuildHasherDefault<AsHashed>>;

/// Subjects are hashes already.
#[derive(Debug, Default)]
pub(super) struct AsHashed(u64);

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

#[derive(Debug)]
pub(super) struct Subject {
    pub(super) slot: usize,
    pub(super) limit: LimitIx,
    /// Requests asked for here, decayed over [`RATE_OVER`], and when that was worked out.
    pub(super) recent: f64,
    pub(super) recent_at: Mono,
    pub(super) offered_seen: (WindowIx, u32),
    /// The first is our own.
    pub(super) rows: Vec<ActorRow>,
    /// What each region was asked for in the last window that all regions were heard in.
    pub(super) demand: Option<(WindowIx, Vec<u32>)>,
}

#[derive(Debug)]
pub(super) struct ActorRow {
    pub(super) actor: u16,
    pub(super) row: Row,
    pub(super) rate: f64,
    pub(super) as_of: Mono,
    pub(super) changed: Mono,
    pub(super) queued: [bool; 2],
    /// The rate last told to others, and when.
    pub(super) told_rate: f64,
    pub(super) told_at: Mono,
}

impl Subject {
    /// What a region is known to have admitted.
    pub(super) fn spent_by(&self, region: usize, actors: &Actors, window: WindowIx) -> f64 {
        let rows = self
            .rows
            .iter()
            .filter(|row| actors.region(row.actor) == Some(region));
        rows.map(|row| f64::from(row.row.count_at(window).admitted))
            .sum()
    }

    /// Lets the rate asked for here fall with time.
    pub(super) fn decay(&mut self, now: Mono) {
        let passed = now.since(self.recent_at).as_secs_f64();
        self.recent *= (-passed / RATE_OVER.as_secs_f64()).exp();
        self.recent_at = now;
    }

    /// An actor's row; `None` if there is no room for another.
    pub(super) fn row(&mut self, actor: u16, now: Mono) -> Option<&mut ActorRow> {
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

    /// Takes down, once a window, what each region was asked for in the window before. Only while
    /// all regions are heard, so that both sides of a cut share by the same figures.
    pub(super) fn note_demand(
        &mut self,
        terms: &Registered,
        actors: &Actors,
        presence: &[Presence],
        now: Now,
    ) {
        if terms.scope != Scope::Global || presence.iter().any(|p| *p != Presence::Reachable) {
            return;
        }
        let last = Window::at(now.wall, terms.window).ix.previous();
        if matches!(&self.demand, Some((noted, _)) if *noted == last) {
            return;
        }
        let mut demand = vec![0_u32; presence.len()];
        for row in &self.rows {
            if let Some(region) = actors.region(row.actor) {
                demand[region] = demand[region].saturating_add(row.row.count_at(last).offered);
            }
        }
        if demand.iter().any(|d| *d > 0) {
            self.demand = Some((last, demand));
        }
    }
}

impl ActorRow {
    pub(super) fn new(actor: u16, now: Mono) -> Self {
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

/// The subject of a key, made if it is not known.
pub(super) fn subject_entry(
    subjects: &mut Subjects,
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

/// Whether a rate differs enough from the one last told: by a quarter, or it has fallen to nothing.
pub(super) fn worth_telling(rate: f64, told: f64) -> bool {
    (rate == 0.0) != (told == 0.0) || (rate - told).abs() > 0.25 * told.max(rate)
}
