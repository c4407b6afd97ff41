//! Rows, grouped into the batches that travel.

use std::collections::BTreeMap;

use tidegate_model::Now;

use super::RATE_DECI_MAX;
use super::actors::Actors;
use super::subject::ActorRow;
use crate::line::HORIZON;
use crate::{Batch, Delta, Group, LimitId, SubjectKey, Update, WindowIx};

/// Groups rows by actor, limit and window.
#[derive(Default)]
pub(super) struct Packer {
    pub(super) rows: usize,
    groups: BTreeMap<(u16, LimitId, WindowIx), Vec<Update>>,
}

impl Packer {
    /// Adds a row's newest window.
    pub(super) fn add(&mut self, key: SubjectKey, limit: LimitId, row: &ActorRow, now: Now) {
        self.add_window(key, limit, row, row.row.newest(), now);
    }

    /// Adds what the window before the newest came to, if it came to anything.
    pub(super) fn add_before(&mut self, key: SubjectKey, limit: LimitId, row: &ActorRow, now: Now) {
        let before = row.row.newest().previous();
        if row.row.count_at(before).admitted > 0 {
            self.add_window(key, limit, row, before, now);
        }
    }

    fn add_window(
        &mut self,
        key: SubjectKey,
        limit: LimitId,
        row: &ActorRow,
        window: WindowIx,
        now: Now,
    ) {
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

    pub(super) fn finish(self, actors: &Actors) -> Option<Batch> {
        let mut batch = Batch::default();
        let mut last = None;
        for ((actor, limit, window), updates) in self.groups {
            if last != Some(actor) {
                batch.deltas.push(Delta {
                    actor: actors.get(actor).clone(),
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
