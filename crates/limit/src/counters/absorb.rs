//! What others counted, on its way in. Nothing that a peer claims is believed that cannot be, and
//! every row that is dropped is counted.

use std::cmp::Ordering;
use std::time::Duration;

use tidegate_model::{Mono, Now};

use super::actors::ME;
use super::export::enqueue;
use super::rate::worth_telling;
use super::subject::subject_entry;
use super::untold::Due;
use super::{Audience, Counters, RATE_DECI_MAX, RETELL};
use crate::subject::LimitIx;
use crate::{Algorithm, Batch, Count, Group, Row, Scope, SubjectKey, Window, WindowIx};

/// Clocks of nodes may be apart by so much before rows of the present look implausible.
const CLOCKS_APART: Duration = Duration::from_secs(1);

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

/// What a peer's update says, in our terms.
struct Heard {
    window: WindowIx,
    /// The last window that a row can be of, by our clock; none for words about leases.
    latest: Option<WindowIx>,
    count: Count,
    rate: f64,
    as_of: Mono,
}

impl Counters {
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
        self.act_on_news(now);
        report
    }

    /// Looks once at each subject that a batch told something new of: often it tells of one subject
    /// what many nodes have counted.
    fn act_on_news(&mut self, now: Now) {
        let mut told = std::mem::take(&mut self.told);
        told.sort_unstable();
        told.dedup();
        for key in told.drain(..) {
            self.redraw(key, now);
            self.tell_due(key, Due::Heard, now);
            self.keep_looking(key, now);
        }
        self.told = told;
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
        let terms = &self.limits[ix];
        let window = terms.windows.at(now.wall);
        let current = window.ix;
        // What counts leases by itself numbers its words, where others have windows.
        let windowed = terms.algorithm != Algorithm::Concurrency;
        if windowed && (group.window < current.previous() || group.window > current.next()) {
            report.out_of_window += rows;
            return;
        }
        if actor == ME {
            report.known += rows;
            return;
        }
        let most = match terms.algorithm {
            Algorithm::Concurrency => u32::MAX,
            _ => most_in(group.window, window),
        };
        for update in &group.updates {
            let offered = update.admitted.checked_add(update.refused);
            let plausible = |offered: &u32| *offered <= most && update.rate_deci <= RATE_DECI_MAX;
            let Some(offered) = offered.filter(plausible) else {
                report.implausible += 1;
                continue;
            };
            let count = Count {
                admitted: update.admitted,
                offered,
            };
            let key = SubjectKey::from_raw(u64::from_le_bytes(update.subject));
            let limit = LimitIx(ix as u16);
            if update.rate_deci == 0 && self.would_press(key, limit) {
                report.no_room += 1;
                continue;
            }
            let terms = &self.limits[ix];
            let Some(slot) = self.table.admit_subject(key, limit, terms, now) else {
                report.no_room += 1;
                continue;
            };
            let age = one_way + Duration::from_millis(u64::from(update.age_ms));
            let rate = f64::from(update.rate_deci) / 10.0;
            let heard = Heard {
                window: group.window,
                latest: windowed.then(|| current.next()),
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
        if heard.rate > 0.0 {
            self.eviction.refer(slot);
        }
        let home = self.actors.region(ME);
        let subject = subject_entry(&mut self.subjects, key, slot, limit, home, now.mono);
        let row = subject.row(actor, &self.actors, now.mono)?;
        if heard.latest.is_some_and(|latest| row.row.newest() > latest) {
            // Our clock was ahead, as was the actor's, and has been set back.
            row.row = Row::default();
        }
        let (earlier, last_word) = (row.row, row.as_of);
        if let Some(region) = row.region.map(usize::from) {
            self.heard[region] = self.heard[region].max(heard.as_of);
        }
        let grew = row.count(heard.window, heard.count);
        let more = row.row.admitted_since(&earlier);
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
        let as_of = heard.as_of;
        if news {
            let native = self.actors.get(actor).node.region == self.home;
            // Each row travels once over each step: mates tell the border, the border tells the
            // world, and what comes from the world is passed to the mates.
            match from {
                Audience::World => enqueue(&mut self.queues, row, key, Audience::Mates),
                Audience::Mates if native => enqueue(&mut self.queues, row, key, Audience::World),
                Audience::Mates => {}
            }
            if self.limits[usize::from(limit.0)].algorithm == Algorithm::Quota {
                self.unkept.insert(key);
            }
            self.spill(key, more, last_word, as_of, now);
            self.told.push(key);
        }
        Some(news)
    }
}

/// The most that anybody can have been asked for in a window by now, at the fastest rate that is
/// believed. Clocks may be apart, so there is a second more.
fn most_in(asked: WindowIx, now: Window) -> u32 {
    let length = now.elapsed + now.left;
    let passed = match asked.cmp(&now.ix) {
        Ordering::Less => length,
        Ordering::Equal => now.elapsed,
        Ordering::Greater => Duration::ZERO,
    };
    let secs = (passed + CLOCKS_APART).as_secs_f64();
    (secs * f64::from(RATE_DECI_MAX / 10)) as u32
}
