//! What is known of others' counts, as a line for the cores.

use std::time::Duration;

use tidegate_model::Mono;

use super::subject::{ActorRow, Subject};
use crate::line::{HORIZON, Line, Share, millis};
use crate::share::{SilentParts, shares, whole};
use crate::table::Registered;
use crate::{Algorithm, Mode, OnPartition, Presence, Scope, Window, WindowIx};

/// News may be so much longer under way than other news of the same region: it waits for company
/// at each step.
const WAIT_MATES: Duration = Duration::from_millis(10);
const WAIT_WORLD: Duration = Duration::from_millis(30);

/// How far a prediction may be off, in standard deviations of what comes at random.
const DOUBT: f64 = 2.0;

/// All that a line is drawn from.
pub(super) struct Drawing<'c> {
    pub(super) subject: &'c Subject,
    pub(super) terms: &'c Registered,
    /// The amount that applies to this subject.
    pub(super) amount: u32,
    /// What each other node may have admitted and not told.
    pub(super) allowance: f64,
    /// Of each region.
    pub(super) presence: &'c [Presence],
    /// How young the youngest word of each region is, on any subject.
    pub(super) heard: &'c [Mono],
    pub(super) window: Window,
    pub(super) now: Mono,
    /// The farthest has heard of something after so long.
    pub(super) heard_after: Duration,
}

/// What actors of regions have told that may be summed.
#[derive(Default)]
struct Told {
    /// Admitted in this window.
    seen: f64,
    /// Admitted in the one before.
    before: u32,
    /// Admitted in the next one, by those whose clocks are ahead.
    next: f64,
    /// Offered in this window.
    offered: f64,
    /// Offered a second, by those that still speak.
    slope: f64,
    /// Offered since their last words.
    asked: f64,
    /// What those that were silent while others spoke may have kept back.
    untold: f64,
    /// How old the oldest of these words is.
    oldest: Duration,
}

/// What regions that cannot be heard are taken to spend.
#[derive(Default)]
struct Silent {
    /// In this window.
    now: f64,
    /// In one that has just begun.
    anew: f64,
}

impl Drawing<'_> {
    pub(super) fn line(&self) -> Line {
        if self.terms.algorithm == Algorithm::Concurrency {
            return self.line_of_leases();
        }
        let told = self.told();
        let silent = self.silent();
        // How old words are, by the weight of what is offered to those who said them.
        let age = if told.slope > 0.0 {
            Duration::from_secs_f64(told.asked / told.slope)
        } else {
            Duration::ZERO
        };
        // What was left then is shared: in a fixed window that fills, as of the oldest word, lest
        // two take the same; in a sliding one, which never stops filling, as of the words' mean
        // age, lest what younger words tell be taken off twice.
        let then = match self.terms.algorithm {
            Algorithm::Fixed | Algorithm::Quota => told.oldest,
            Algorithm::Sliding | Algorithm::Bucket | Algorithm::Concurrency => age,
        };
        // Who bounds what goes unheard looks back until all have heard.
        let then = if self.terms.burst_share < 1.0 {
            then.max(self.heard_after)
        } else {
            then
        };
        let own = self.subject.history.at(self.now - then, self.window.ix);
        // What a clock that is ahead calls the next window is now: a sliding limit counts it.
        let early = match self.terms.algorithm {
            Algorithm::Sliding => told.next,
            _ => 0.0,
        };
        Line {
            window: self.window.ix,
            base: whole(told.seen + early + told.untold + silent.now - self.doubt(&told, &silent)),
            from_ms: millis(self.now - age),
            slope: told.slope as f32,
            roll: whole(silent.anew + told.next),
            share: Share::of(told.slope, self.subject.rows[0].rate),
            own,
            before: told.before,
        }
    }

    /// The leases that others hold. Those of regions that cannot be heard expire like any other's;
    /// a region that may be serving is taken to hold its share.
    fn line_of_leases(&self) -> Line {
        let mut held = 0.0;
        for row in &self.subject.rows[1..] {
            if self.presence_of(row) != Presence::Silent {
                held += f64::from(row.leases(self.terms.lease, self.now));
            }
        }
        let silent = self.silent();
        Line {
            window: WindowIx(1),
            base: whole(held + silent.now),
            from_ms: millis(self.now),
            ..Line::default()
        }
    }

    /// What the prediction may be too high by, where that matters: if by the window's end little
    /// more than the limit will have been asked for, nobody is refused for a mere guess.
    fn doubt(&self, told: &Told, silent: &Silent) -> f64 {
        if self.terms.algorithm != Algorithm::Fixed || self.terms.mode == Mode::Strict {
            return 0.0;
        }
        let own = &self.subject.rows[0];
        let offered = told.offered + f64::from(own.row.count_at(self.window.ix).offered);
        let rate = told.slope + own.rate;
        let foreseen = offered + told.asked + rate * self.window.left.as_secs_f64();
        let doubt = DOUBT * told.asked.sqrt();
        let beyond = foreseen + silent.now - f64::from(self.amount);
        (2.0 * doubt - beyond).clamp(0.0, doubt)
    }

    fn told(&self) -> Told {
        let mut told = Told::default();
        for row in &self.subject.rows[1..] {
            match self.presence_of(row) {
                // Each such region is reckoned with as a whole.
                Presence::Silent => {}
                Presence::Withdrawn => self.add_counts(row, &mut told),
                Presence::Reachable => {
                    self.add_counts(row, &mut told);
                    if self.now.since(row.as_of) < HORIZON && row.rate > 0.0 {
                        let until = self.known_until(row);
                        let age = self.now.since(until);
                        let quiet = until.since(row.as_of).as_secs_f64();
                        told.slope += row.rate;
                        told.asked += row.rate * age.as_secs_f64();
                        told.untold += (row.rate * quiet).min(self.allowance);
                        told.oldest = told.oldest.max(age);
                    }
                }
            }
        }
        told
    }

    /// Until when all is known that the row's actor admitted, but for what it may keep back.
    /// Whoever admits more says so: if others of its region were heard since, and it was not, it
    /// had nothing to say.
    fn known_until(&self, row: &ActorRow) -> Mono {
        let Some(region) = row.region else {
            return row.as_of;
        };
        let wait = if row.region == self.subject.rows[0].region {
            WAIT_MATES
        } else {
            WAIT_WORLD
        };
        row.as_of.max(self.heard[usize::from(region)] - wait)
    }

    fn presence_of(&self, row: &ActorRow) -> Presence {
        let region = row.region.map(usize::from);
        region.map_or(Presence::Reachable, |region| self.presence[region])
    }

    fn add_counts(&self, row: &ActorRow, told: &mut Told) {
        let count = row.row.count_at(self.window.ix);
        told.seen += f64::from(count.admitted);
        let next = row.row.count_at(self.window.ix.next());
        told.next += f64::from(next.admitted);
        told.offered += f64::from(count.offered);
        if self.terms.algorithm == Algorithm::Sliding {
            let before = row.row.count_at(self.window.ix.previous()).admitted;
            told.before = told.before.saturating_add(before);
        }
    }

    fn silent(&self) -> Silent {
        let mut silent = Silent::default();
        if self.terms.scope != Scope::Global || !self.presence.contains(&Presence::Silent) {
            return silent;
        }
        let even = vec![0; self.presence.len()];
        let demand = self.subject.demand.settled();
        let mut share = Vec::new();
        shares(demand.unwrap_or(&even), &mut share);
        let missing = self
            .presence
            .iter()
            .filter(|p| **p == Presence::Silent)
            .count();
        let closed = f64::from(SilentParts::of(self.presence).closed) / missing as f64;
        for (region, share) in share.iter().enumerate() {
            if self.presence[region] == Presence::Silent {
                let part = match self.terms.on_partition {
                    OnPartition::Share => *share,
                    OnPartition::Open => 0.0,
                    OnPartition::Closed => closed,
                };
                let part = part * f64::from(self.amount);
                silent.now += self.spent_by(region).max(part);
                silent.anew += part;
            }
        }
        silent
    }

    /// What a region is known to have spent of this window.
    fn spent_by(&self, region: usize) -> f64 {
        if self.terms.algorithm == Algorithm::Concurrency {
            let rows = self.subject.rows.iter();
            let theirs = rows.filter(|row| row.is_of(region));
            return theirs
                .map(|row| f64::from(row.leases(self.terms.lease, self.now)))
                .sum();
        }
        let spent = |window| self.subject.spent_by(region, window);
        let carried = match self.terms.algorithm {
            Algorithm::Fixed | Algorithm::Quota | Algorithm::Concurrency => 0,
            Algorithm::Sliding | Algorithm::Bucket => {
                self.window.carried(spent(self.window.ix.previous()) as u32)
            }
        };
        spent(self.window.ix) + f64::from(carried)
    }
}
