//! What operators see of subjects: which are in demand most, and one of them closely.
//!
//! It only reads, and is asked on the control thread between two of its duties: so it looks at a
//! bounded number of subjects and keeps a bounded number of rows.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tidegate_model::{NodeId, Now, RegionId};

use super::Counters;
use super::subject::{ActorRow, Subject};
use crate::bucket::Bucket;
use crate::line::HORIZON;
use crate::table::Registered;
use crate::{Algorithm, Count, LimitId, Mode, Presence, Scope, SubjectKey, Window};

/// Rows that [`Counters::top`] returns at most.
pub const TOP_MAX: usize = 100;
/// Subjects that it looks at, at most: a few milliseconds.
const SCAN_MAX: usize = 20_000;

/// What the hottest subjects are sorted by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TopBy {
    /// Requests refused in this window.
    Refused,
    /// Requests asked for a second.
    Asked,
}

/// The hottest subjects.
#[derive(Clone, PartialEq, Debug)]
pub struct Top {
    /// The hottest first, each with its limit.
    pub rows: Vec<(LimitId, HotSubject)>,
    /// How many subjects are in demand, and how many of them were looked at.
    pub hot: usize,
    /// See `hot`.
    pub looked_at: usize,
}

/// A subject in demand, on all nodes together.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct HotSubject {
    /// The subject, as requests name it.
    pub subject: SubjectKey,
    /// The amount that applies to it.
    pub amount: u32,
    /// Requests asked for a second, lately.
    pub asked_per_s: f64,
    /// Requests admitted in this window.
    pub admitted: u32,
    /// Requests refused in this window.
    pub refused: u32,
    /// The part of the amount that is taken, as far as this node can tell.
    pub full: f64,
    /// What each region has of it; regions that have nothing are left out.
    pub regions: Vec<RegionPart>,
}

/// What one region has of a subject.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct RegionPart {
    /// Which region.
    pub region: RegionId,
    /// Requests asked for a second, lately.
    pub asked_per_s: f64,
    /// Requests admitted in this window.
    pub admitted: u32,
    /// Requests refused in this window.
    pub refused: u32,
}

/// All that this node knows of one subject.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct SubjectView {
    /// The subject, as requests name it.
    pub subject: SubjectKey,
    /// The name that it counts under since it was reset.
    pub counted_as: Option<SubjectKey>,
    /// The amount that applies to it.
    pub amount: u32,
    /// Requests asked for a second on all nodes, lately.
    pub asked_per_s: f64,
    /// Told by all actors of this window.
    pub window: Told,
    /// Told by all actors of the window before.
    pub window_before: Told,
    /// What the window before still weighs, under a sliding limit.
    pub carried: u32,
    /// Taken to have been admitted by others since their last words.
    pub in_flight: u32,
    /// Taken to be spent by regions that cannot be heard, beyond what they have told.
    pub assumed: u32,
    /// Requests that would still be admitted, as far as this node can tell.
    pub left: u32,
    /// Milliseconds until the window ends.
    pub ends_in_ms: u64,
    /// Regions that cannot be heard and may be serving: the limit's `on_partition` applies.
    pub silent: Vec<RegionId>,
    /// What each life of each node has told; one's own first.
    pub nodes: Vec<NodeWord>,
}

/// Requests of a window.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Told {
    /// Admitted.
    pub admitted: u32,
    /// Refused.
    pub refused: u32,
}

/// The last word of one life of one node on a subject.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct NodeWord {
    /// The node.
    pub node: NodeId,
    /// Which of its lives.
    pub epoch: u64,
    /// Requests asked for a second, lately.
    pub asked_per_s: f64,
    /// How old this word is; `None` if the node has not asked for anything yet.
    pub age_ms: Option<u64>,
    /// Of this window.
    pub window: Told,
    /// Of the window before.
    pub window_before: Told,
}

impl Told {
    fn add(&mut self, count: Count) {
        let refused = count.offered.saturating_sub(count.admitted);
        self.admitted = self.admitted.saturating_add(count.admitted);
        self.refused = self.refused.saturating_add(refused);
    }
}

/// What is taken of a subject's amount.
#[derive(Default)]
struct Taken {
    amount: u32,
    carried: u32,
    in_flight: u32,
    assumed: u32,
    /// All of it, one's own included.
    all: u32,
}

impl Counters {
    /// The hottest subjects, of one limit or of all: at most `rows` and at most [`TOP_MAX`].
    #[must_use]
    pub fn top(&self, limit: Option<LimitId>, by: TopBy, rows: usize, now: Now) -> Top {
        let rows = rows.min(TOP_MAX);
        let wanted = |terms: &Registered| limit.is_none_or(|limit| limit == terms.id);
        let mut looked_at = 0;
        // The least hot of those kept is on top, to be thrown out first.
        let mut hottest = BinaryHeap::with_capacity(rows + 1);
        for key in self.hot.keys(&self.subjects).take(SCAN_MAX) {
            looked_at += 1;
            let Some((subject, terms)) = self.known_subject(key) else {
                continue;
            };
            if wanted(terms) {
                let asked = asked(subject, now) as u64;
                let refused = u64::from(told(subject, terms.windows.at(now.wall)).refused);
                let heat = match by {
                    TopBy::Refused => (refused, asked),
                    TopBy::Asked => (asked, refused),
                };
                hottest.push(Reverse((heat, key)));
                if hottest.len() > rows {
                    hottest.pop();
                }
            }
        }
        let names = self.table.renames().subjects();
        let hottest = hottest.into_sorted_vec().into_iter();
        Top {
            rows: hottest
                .filter_map(|Reverse((_, key))| self.hot_subject(key, &names, now))
                .collect(),
            hot: self.hot.len(),
            looked_at,
        }
    }

    fn known_subject(&self, key: SubjectKey) -> Option<(&Subject, &Registered)> {
        let subject = self.subjects.get(&key)?;
        if subject.limit.is_cells() {
            return None;
        }
        let terms = self.limits.get(usize::from(subject.limit.0))?;
        Some((subject, terms))
    }

    fn hot_subject(
        &self,
        key: SubjectKey,
        names: &BTreeMap<SubjectKey, SubjectKey>,
        now: Now,
    ) -> Option<(LimitId, HotSubject)> {
        let (subject, terms) = self.known_subject(key)?;
        let window = terms.windows.at(now.wall);
        let taken = self.taken(subject, terms, now);
        let told = told(subject, window);
        let row = HotSubject {
            subject: names.get(&key).copied().unwrap_or(key),
            amount: taken.amount,
            asked_per_s: asked(subject, now),
            admitted: told.admitted,
            refused: told.refused,
            full: f64::from(taken.all) / f64::from(taken.amount.max(1)),
            regions: self.parts(subject, window, now),
        };
        Some((terms.id, row))
    }

    fn parts(&self, subject: &Subject, window: Window, now: Now) -> Vec<RegionPart> {
        let part = |region: &RegionId| {
            let mut part = (Told::default(), 0.0);
            for row in &subject.rows {
                if self.actors.get(row.actor).node.region == *region {
                    part.0.add(row.row.count_at(window.ix));
                    part.1 += rate(row, now);
                }
            }
            RegionPart {
                region: region.clone(),
                asked_per_s: part.1,
                admitted: part.0.admitted,
                refused: part.0.refused,
            }
        };
        let parts = self.regions.iter().map(part);
        parts
            .filter(|part| part.admitted + part.refused > 0 || part.asked_per_s > 0.0)
            .collect()
    }

    /// All that is known of a subject, and of which limit it is; `None` if it has not been asked
    /// for lately, anywhere.
    #[must_use]
    pub fn inspect(&self, subject: SubjectKey, now: Now) -> Option<(LimitId, SubjectView)> {
        let renamed = self.renamed(subject, now);
        let (known, terms) = self.known_subject(renamed.unwrap_or(subject))?;
        let window = terms.windows.at(now.wall);
        let taken = self.taken(known, terms, now);
        let mut before = Told::default();
        for row in &known.rows {
            before.add(row.row.count_at(window.ix.previous()));
        }
        let silent = self.regions.iter().zip(&self.presence);
        let silent = silent.filter(|(_, presence)| **presence == Presence::Silent);
        let view = SubjectView {
            subject,
            counted_as: renamed,
            amount: taken.amount,
            asked_per_s: asked(known, now),
            window: told(known, window),
            window_before: before,
            carried: taken.carried,
            in_flight: taken.in_flight,
            assumed: taken.assumed,
            left: taken.amount.saturating_sub(taken.all),
            ends_in_ms: window.left.as_millis() as u64,
            silent: match terms.scope {
                Scope::Global => silent.map(|(region, _)| region.clone()).collect(),
                Scope::Region | Scope::Node => Vec::new(),
            },
            nodes: self.words(known, window, now),
        };
        Some((terms.id, view))
    }

    /// The fresh name of a subject that was reset, if it still counts under one.
    fn renamed(&self, subject: SubjectKey, now: Now) -> Option<SubjectKey> {
        let fresh = self.table.renames().fresh(subject)?;
        // A window is known once its limit is: by the counts under either name.
        let known = self.known_subject(fresh.name);
        let (_, terms) = known.or_else(|| self.known_subject(subject))?;
        let current = terms.windows.at(now.wall).ix;
        (current < fresh.until).then_some(fresh.name)
    }

    fn words(&self, subject: &Subject, window: Window, now: Now) -> Vec<NodeWord> {
        let word = |row: &ActorRow| {
            let actor = self.actors.get(row.actor);
            let [mut told, mut before] = [Told::default(); 2];
            told.add(row.row.count_at(window.ix));
            before.add(row.row.count_at(window.ix.previous()));
            NodeWord {
                node: actor.node.clone(),
                epoch: actor.epoch.0,
                asked_per_s: rate(row, now),
                age_ms: (row.as_of.as_millis() > 0)
                    .then(|| now.mono.since(row.as_of).as_millis() as u64),
                window: told,
                window_before: before,
            }
        };
        subject.rows.iter().map(word).collect()
    }

    /// Reckons as [`crate::Table`] does when a request comes.
    fn taken(&self, subject: &Subject, terms: &Registered, now: Now) -> Taken {
        let slot = self.table.slot(subject.slot);
        let amount = match slot.terms() {
            (_, 0) => terms.amount,
            (_, amount) => amount,
        };
        let window = terms.windows.at(now.wall);
        match (terms.algorithm, terms.mode) {
            (Algorithm::Bucket, _) => {
                let bucket = Bucket::new(amount, terms.windows.longest(), terms.burst);
                return Taken {
                    amount: bucket.burst(),
                    all: bucket.burst() - slot.level(bucket, now.mono),
                    ..Taken::default()
                };
            }
            (Algorithm::Concurrency, _) => {
                let others = slot.line().leases_at(now, terms.lease);
                return Taken {
                    amount,
                    all: slot.held().saturating_add(others),
                    ..Taken::default()
                };
            }
            // What is told of all nodes is what is spent; where the rest is does not matter.
            (_, Mode::Strict) => {
                return Taken {
                    amount,
                    all: told(subject, window).admitted,
                    ..Taken::default()
                };
            }
            (_, Mode::Fast) => {}
        }
        let line = slot.line();
        let alone = terms.scope == Scope::Node;
        let others = |count: u32| if alone { 0 } else { count };
        let before = match terms.algorithm {
            Algorithm::Sliding => others(line.before_at(now, window, amount))
                .saturating_add(slot.own_before(window.ix)),
            _ => 0,
        };
        let carried = window.carried(before);
        let predicted = others(line.at(now, window, amount.saturating_sub(carried)));
        let base = if line.window < window.ix {
            line.roll
        } else {
            line.base
        };
        let heard = subject.rows[1..].iter().filter(|row| {
            let region = row.region.map(usize::from);
            region.is_none_or(|region| self.presence[region] != Presence::Silent)
        });
        let heard: u32 = heard.map(|row| row.row.count_at(window.ix).admitted).sum();
        let own = slot.own(window.ix).admitted;
        Taken {
            amount,
            carried,
            in_flight: predicted.saturating_sub(base),
            assumed: others(base).saturating_sub(heard),
            all: own.saturating_add(predicted).saturating_add(carried),
        }
    }
}

/// What an actor is asked for a second, as long as its word is believed.
fn rate(row: &ActorRow, now: Now) -> f64 {
    let age: Duration = now.mono.since(row.as_of);
    if age < HORIZON { row.rate } else { 0.0 }
}

fn asked(subject: &Subject, now: Now) -> f64 {
    subject.rows.iter().map(|row| rate(row, now)).sum()
}

fn told(subject: &Subject, window: Window) -> Told {
    let mut told = Told::default();
    for row in &subject.rows {
        told.add(row.row.count_at(window.ix));
    }
    told
}
