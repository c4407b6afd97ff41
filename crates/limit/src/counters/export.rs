//! What others should hear, on its way out: news, digests, and whole shards for those who missed
//! it.

use std::collections::VecDeque;

use tidegate_model::Now;

use super::actors::ME;
use super::packer::Packer;
use super::subject::{ActorRow, OwnWord};
use super::{Audience, Counters, SETTLED};
use crate::digest::shard_of;
use crate::table::Registered;
use crate::{Algorithm, Batch, Digest, Scope, SubjectKey};

impl Counters {
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
            // Another border node tells of this one.
            if audience == Audience::World && !self.voice.speaks_for(key) {
                continue;
            }
            if actor == ME {
                subject.told = OwnWord {
                    rate: row.rate,
                    at: now.mono,
                    window: row.row.newest(),
                };
            }
            if audience == Audience::World && terms.scope != Scope::Global {
                continue;
            }
            let settles = std::mem::take(&mut row.settled[audience as usize]);
            if settles && terms.algorithm.remembers() {
                packer.add_before(key, terms.id, row, now);
            }
            packer.add(key, terms.id, row, now);
        }
        packer.finish(&self.actors)
    }

    /// Counts of quotas that have changed since they were last kept, of up to `subjects_max`
    /// subjects, to be kept on disk: they outlive the restart of everybody at once. Handed to
    /// [`absorb`](Self::absorb) after a restart, they count as those of the life that made them.
    pub fn export_quotas(&mut self, subjects_max: usize, now: Now) -> Option<Batch> {
        let mut packer = Packer::default();
        for _ in 0..subjects_max {
            let Some(key) = self.unkept.pop_first() else {
                break;
            };
            let Some(subject) = self.subjects.get(&key) else {
                continue;
            };
            let Some(terms) = self.limits.get(usize::from(subject.limit.0)) else {
                continue;
            };
            for row in subject.rows.iter().filter(|row| row.is_live(terms, now)) {
                packer.add(key, terms.id, row, now);
            }
        }
        packer.finish(&self.actors)
    }

    /// Whether quotas have changed since they were last kept.
    #[must_use]
    pub fn has_quotas_to_keep(&self) -> bool {
        !self.unkept.is_empty()
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
            let current = terms.algorithm == Algorithm::Concurrency
                || window == terms.windows.at(now.wall).ix;
            if current && now.mono.since(row.changed) >= SETTLED {
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
                if terms.algorithm.remembers() {
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
            for row in &subject.rows {
                if row.is_live(terms, now) {
                    visit(*key, terms, row);
                }
            }
        }
    }
}

/// Queues a row for an audience, once.
pub(super) fn enqueue(
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
