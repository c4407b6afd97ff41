//! Looking again at subjects that are being asked for: rates fall, and peers fall silent.

use tidegate_model::Now;

use super::Counters;
use super::history::History;
use super::hot::{Look, Wanted};
use super::untold::{Due, keeps_back};
use crate::line::{HORIZON, Line};
use crate::{Algorithm, Presence, SubjectKey};

/// What can be under way between nodes is little if it is less than this part of what is left.
const UNDER_WAY: f64 = 0.1;

impl Counters {
    /// Looks again at subjects that were asked for lately: rates fall, and peers fall silent. Call
    /// every 50 ms or so.
    pub fn refresh(&mut self, now: Now) {
        for key in self.hot.due(&self.subjects, now.mono) {
            self.look_again(key, now);
        }
    }

    fn look_again(&mut self, key: SubjectKey, now: Now) {
        let Some(subject) = self.subjects.get_mut(&key) else {
            return;
        };
        subject.rate.pass(now.mono);
        let rate = subject.rate.settled();
        let limit = usize::from(subject.limit.0);
        let own = &mut subject.rows[0];
        own.rate = rate;
        let held = match self.limits.get(limit) {
            Some(terms) if terms.algorithm == Algorithm::Concurrency => {
                own.as_of = now.mono;
                own.leases(terms.lease, now.mono)
            }
            _ => 0,
        };
        let still =
            rate > 0.0 || subject.told.believed(self.keeps_back, now.mono) > 0.0 || held > 0;
        self.tell_due(key, Due::Refresh { held }, now);
        let calm = self.keep_looking(key, now) == Wanted::Calm;
        let line = self.line_of(key);
        let line = if calm && line.slope == 0.0 {
            self.note_demand(key, now);
            line
        } else {
            self.spill_for_silent(key, now);
            self.redraw(key, now)
        };
        self.judge(key, line, now);
        if !still && line.slope == 0.0 && !self.holds_leases(key, now) {
            self.look_no_more(key, now);
        } else if self.is_calm(key) {
            self.calm_down(key, now);
        }
    }

    /// Sees to it that a subject is looked at again. Returns how closely.
    pub(super) fn keep_looking(&mut self, key: SubjectKey, now: Now) -> Wanted {
        let calm = self.is_calm(key);
        let Some(subject) = self.subjects.get_mut(&key) else {
            return Wanted::Idle;
        };
        // What was not calm is let go at its next look only.
        let wanted = match calm && subject.look != Look::Close {
            true => Wanted::Calm,
            false => Wanted::Close,
        };
        self.hot.place(key, &mut subject.look, wanted, now.mono);
        wanted
    }

    fn calm_down(&mut self, key: SubjectKey, now: Now) {
        if let Some(subject) = self.subjects.get_mut(&key) {
            subject.history = History::default();
            self.hot
                .place(key, &mut subject.look, Wanted::Calm, now.mono);
        }
    }

    fn look_no_more(&mut self, key: SubjectKey, now: Now) {
        if let Some(subject) = self.subjects.get_mut(&key) {
            subject.history = History::default();
            self.hot
                .place(key, &mut subject.look, Wanted::Idle, now.mono);
        }
    }

    /// Whether no answer depends on what is under way between nodes: that is little beside what is
    /// left, and everybody is heard. Its line stands until somebody tells something.
    fn is_calm(&self, key: SubjectKey) -> bool {
        let Some(subject) = self.subjects.get(&key) else {
            return true;
        };
        let terms = self.limits.get(usize::from(subject.limit.0));
        terms.is_some_and(keeps_back)
            && terms.is_some_and(|terms| terms.burst_share >= 1.0)
            && !subject.rate_matters
            && self.presence.iter().all(|p| *p == Presence::Reachable)
            && {
                let slope = f64::from(self.table.slot(subject.slot).line().slope);
                slope * HORIZON.as_secs_f64() <= UNDER_WAY * f64::from(subject.left)
            }
    }

    pub(super) fn is_hot(&self, key: SubjectKey) -> bool {
        let subject = self.subjects.get(&key);
        subject.is_some_and(|subject| subject.look != Look::Idle)
    }

    /// Takes down what each region was asked for.
    pub(super) fn note_demand(&mut self, key: SubjectKey, now: Now) {
        if let Some(subject) = self.subjects.get_mut(&key)
            && let Some(terms) = self.limits.get(usize::from(subject.limit.0))
        {
            subject
                .demand
                .note(&subject.rows, terms, &self.presence, now);
        }
    }

    fn line_of(&self, key: SubjectKey) -> Line {
        let subject = self.subjects.get(&key);
        subject.map_or_else(Line::default, |s| self.table.slot(s.slot).line())
    }

    pub(super) fn forget(&mut self, key: SubjectKey) {
        if let Some(subject) = self.subjects.remove(&key) {
            self.hot.forget(key, subject.look);
        }
    }
}
