//! What a node may keep to itself: counts and rates that change nobody's answer.
//!
//! The row of the own life is what was told, or is about to be; what was counted since is in the
//! slot only. As long as a subject is far from its limit, it matters to nobody whether another node
//! has admitted three requests or five. So each of `N` nodes keeps back less than `headroom / 2N`,
//! and less than a fiftieth of the limit:
//! all of it together is less than half of what is left, and goes to nothing as the limit nears.

use tidegate_model::Now;

use super::export::enqueue;
use super::subject::{ActorRow, Subject};
use super::{Audience, Counters, RETELL};
use crate::line::{HORIZON, Line};
use crate::slot::Slot;
use crate::table::Registered;
use crate::{Algorithm, Count, Mode, Row, Scope, SubjectKey, Window};

/// All nodes together keep back less than this part of what is left of a limit.
const UNTOLD: f64 = 0.5;
/// And each of them less than this part of the limit, for with a node that dies goes what it kept
/// back.
const UNTOLD_BY_ONE: f64 = 0.02;
/// Rates are for what comes while words are under way. What is less than this part of the limit
/// in all the world is not worth the words.
const RATE_MATTERS: f64 = 0.005;
/// Less than so many requests are not kept back: the predictions that are needed near the limit
/// are drawn from words that came before.
const WORTH_KEEPING: f64 = 3.0;

/// What was counted here of a subject, told or not.
#[derive(Clone, Copy)]
pub(super) struct Own {
    pub(super) count: Count,
    /// Admitted in the window before.
    pub(super) before: u32,
}

/// Why it is asked whether anything is to be told.
#[derive(Clone, Copy)]
pub(super) enum Due {
    /// Requests have come.
    News,
    /// Time has passed; so many leases are held.
    Refresh { held: u32 },
    /// Others have told something.
    Heard,
}

impl Own {
    pub(super) fn of(slot: &Slot, terms: &Registered, subject: &Subject, window: Window) -> Self {
        let count = slot.own(window.ix);
        if terms.mode != Mode::Strict {
            let before = slot.own_before(window.ix);
            return Self { count, before };
        }
        let (given, given_before) = subject.rights.given(window.ix);
        Self {
            count: Count {
                admitted: count.admitted.saturating_sub(given),
                offered: count.offered.saturating_sub(given),
            },
            before: slot.own_before(window.ix).saturating_sub(given_before),
        }
    }

    /// What is left of a limit, as far as this node can tell.
    pub(super) fn headroom(
        self,
        slot: &Slot,
        line: &Line,
        terms: &Registered,
        window: Window,
        now: Now,
    ) -> u32 {
        if !keeps_back(terms) {
            return 0;
        }
        let amount = match slot.terms() {
            (_, 0) => terms.amount,
            (_, amount) => amount,
        };
        let carried = match terms.algorithm {
            Algorithm::Sliding => {
                let before = line.before_at(now, window, amount);
                window.carried(before.saturating_add(self.before))
            }
            _ => 0,
        };
        amount
            .saturating_sub(line.at(now, window, amount))
            .saturating_sub(self.count.admitted)
            .saturating_sub(carried)
    }

    /// Makes the row say all of it.
    fn publish(self, row: &mut ActorRow, window: Window) {
        if row.row.newest() > window.ix.next() {
            // The clock was set back. Nobody has believed what was told of that future.
            row.row = Row::default();
        }
        let before = Count {
            admitted: self.before,
            offered: 0,
        };
        row.count(window.ix.previous(), before);
        row.count(window.ix, self.count);
    }

    /// What of it others have not been told, as it weighs on the present.
    fn untold(self, told: &ActorRow, terms: &Registered, window: Window) -> u32 {
        let row = told.row;
        let admitted = row.count_at(window.ix).admitted;
        let before = row.count_at(window.ix.previous()).admitted;
        let carried = match terms.algorithm {
            Algorithm::Sliding => window.carried(self.before.saturating_sub(before)),
            _ => 0,
        };
        self.count.admitted.saturating_sub(admitted) + carried
    }
}

/// What is left of a `headroom` when others hear of what this node says now, which is asked for at
/// `rate` itself.
pub(super) fn foreseen(headroom: u32, line: &Line, rate: f64, way_s: f64) -> u32 {
    // Once to be heard, and once more, lest the last words before the limit be old ones.
    let coming = (f64::from(line.slope) + rate) * way_s;
    headroom.saturating_sub(coming as u32)
}

/// Whether anything of a limit may be kept back. Quotas outlive restarts by what was told, rights
/// and leases are exact, and what is taken of a bucket ages by the moment it is told.
pub(super) fn keeps_back(terms: &Registered) -> bool {
    terms.mode != Mode::Strict && matches!(terms.algorithm, Algorithm::Fixed | Algorithm::Sliding)
}

/// How many nodes count a limit together; 0 if that is not known.
pub(super) fn together(terms: &Registered, world: usize, mates: usize) -> usize {
    match terms.scope {
        Scope::Global => world,
        Scope::Region | Scope::Node if world == 0 => 0,
        Scope::Region | Scope::Node => mates + 1,
    }
}

/// Whether it matters who is asked for what is left. When hardly anything can be admitted it does
/// not, until a fixed window's end.
fn is_open(terms: &Registered, headroom: u32, is_full: bool, window: Window, way_s: f64) -> bool {
    let amount = f64::from(terms.amount);
    match terms.algorithm {
        Algorithm::Sliding => {
            let inflow = amount * way_s / terms.windows.longest().as_secs_f64();
            f64::from(headroom) + inflow > RATE_MATTERS * amount
        }
        _ => !is_full || window.left < HORIZON,
    }
}

/// What each of `together` nodes may keep back; nothing, where it would be hardly anything.
pub(super) fn allowance(terms: &Registered, headroom: u32, together: usize) -> f64 {
    if together == 0 || !keeps_back(terms) {
        return 0.0;
    }
    let part = UNTOLD * f64::from(headroom) / together as f64;
    let part = part.min(UNTOLD_BY_ONE * f64::from(terms.amount));
    if part < WORTH_KEEPING { 0.0 } else { part }
}

impl Counters {
    /// Tells that so many nodes of the whole world count together, and whether they keep back
    /// counts that change nobody's answer: where there is little to tell, all is told.
    pub const fn set_counting(&mut self, nodes: usize, keeps_back: bool) {
        self.counting = nodes;
        self.keeps_back = keeps_back;
    }

    /// Rows that would have been told so far because requests came, if none were kept back.
    #[must_use]
    pub const fn collected(&self) -> u64 {
        self.collected
    }

    /// Rows a second that would be told besides, so that rates stay believed.
    #[must_use]
    pub fn retold_per_s(&self) -> f64 {
        self.hot.len() as f64 / RETELL.as_secs_f64()
    }

    /// Queues the own row of a subject if others should hear of it now. Returns whether they
    /// should.
    pub(super) fn tell_due(&mut self, key: SubjectKey, due: Due, now: Now) -> bool {
        let Some(subject) = self.subjects.get_mut(&key) else {
            return false;
        };
        let Some(terms) = self.limits.get(usize::from(subject.limit.0)) else {
            return false;
        };
        let slot = self.table.slot(subject.slot);
        let window = terms.windows.at(now.wall);
        let own = Own::of(slot, terms, subject, window);
        let together = together(terms, self.counting, self.alive.len());
        let line = slot.line();
        let headroom = own.headroom(slot, &line, terms, window, now);
        let way = self.heard_after.as_secs_f64();
        let row = &mut subject.rows[0];
        let rate = row.rate;
        let foreseen = foreseen(headroom, &line, rate, way);
        let allowance = match self.keeps_back {
            true => allowance(terms, foreseen, together),
            false => 0.0,
        };
        let told = subject.told;
        let believed = told.believed(self.keeps_back, now.mono);
        let flow = match believed > rate {
            // One that has fallen is believed until others know, or for the whole horizon.
            true => believed * HORIZON.as_secs_f64(),
            false => rate * way,
        };
        // By what was told, not by what is predicted: as long as there may be room, rates matter.
        let spent = own.count.admitted.saturating_add(line.base);
        let is_full = line.window == window.ix && spent >= terms.amount;
        let in_all = flow * together as f64;
        let matters = together == 0
            || !self.keeps_back
            || !keeps_back(terms)
            || flow >= allowance
                && in_all >= RATE_MATTERS * f64::from(terms.amount)
                && is_open(terms, headroom, is_full, window, way);
        subject.left = headroom;
        subject.rate_matters = matters && (rate > 0.0 || believed > 0.0);
        let rate_due = matters && subject.rate.differs(rate, believed);
        let count_due = || match own.untold(row, terms, window) {
            0 => false,
            untold => f64::from(untold) >= allowance,
        };
        let due = match due {
            Due::News if terms.algorithm == Algorithm::Concurrency => {
                row.next_word(slot.held()).0 != told.window || rate_due
            }
            // What is not kept back is told whenever it has changed, the window before included.
            Due::News if !keeps_back(terms) => {
                let told = |window| row.row.count_at(window).admitted;
                own.count.admitted != told(window.ix)
                    || own.before > told(window.ix.previous())
                    || rate_due
            }
            Due::News => count_due() || rate_due,
            Due::Heard => keeps_back(terms) && count_due(),
            Due::Refresh { held } => {
                let stale = now.mono.since(told.at) >= RETELL;
                stale && (held > 0 || matters && rate > 0.0)
                    || rate_due
                    || keeps_back(terms) && count_due()
            }
        };
        if terms.algorithm == Algorithm::Concurrency {
            let (word, count) = row.next_word(slot.held());
            row.count(word, count);
            row.as_of = now.mono;
        } else if due {
            own.publish(row, window);
            row.as_of = now.mono;
        }
        if due {
            row.changed = now.mono;
            enqueue(&mut self.queues, row, key, Audience::Mates);
            if terms.scope == Scope::Global {
                enqueue(&mut self.queues, row, key, Audience::World);
            }
            if terms.algorithm == Algorithm::Quota {
                self.unkept.insert(key);
            }
        }
        due
    }
}
