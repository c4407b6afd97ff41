//! One subject of a limit: what every actor is known to have counted of it.

use std::hash::{BuildHasherDefault, Hasher};
use std::time::Duration;

use tidegate_model::{Mono, Now};

use super::actors::{Actors, ME};
use super::bucket::Assumed;
use super::demand::Demand;
use super::escrow::Rights;
use super::history::History;
use super::hot::Look;
use super::rare::Rare;
use super::rate::Rate;
use crate::line::HORIZON;
use crate::subject::LimitIx;
use crate::table::Registered;
use crate::{Algorithm, Count, Row, SubjectKey, WindowIx};

/// Actors whose counts of one subject are kept at most; beyond it a row is dropped and counted.
const ROWS_MAX: usize = 512;
/// Memory is taken for one row after the other up to so many.
const FEW: usize = 4;

/// A third of a table's places and more is free, so that each holds only where its subject is.
#[expect(
    clippy::disallowed_types,
    reason = "keys are hashes of a fixed function, so the order is the same in every run"
)]
pub(super) type Subjects =
    std::collections::HashMap<SubjectKey, Box<Subject>, BuildHasherDefault<AsHashed>>;

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
    /// How fast it is asked for here.
    pub(super) rate: Rate,
    /// Whether that matters to others.
    pub(super) rate_matters: bool,
    /// What was left of the limit at the last look.
    pub(super) left: u32,
    /// When it is looked at again.
    pub(super) look: Look,
    /// What was admitted here lately, while it is looked at closely.
    pub(super) history: History,
    /// What was counted last, and in which window.
    tallied: (WindowIx, Count),
    /// The first is our own.
    pub(super) rows: Vec<ActorRow>,
    pub(super) told: OwnWord,
    /// What each region was asked for in the last window that all regions saw whole.
    pub(super) demand: Demand,
    /// The last window that was compared with what is allowed.
    pub(super) judged: WindowIx,
    /// Of a bucket: what silent regions were taken to have spent of it.
    pub(super) assumed: Rare<Assumed>,
    /// Of a strict limit: rights that came and went.
    pub(super) rights: Rare<Rights>,
}

#[derive(Debug)]
pub(super) struct ActorRow {
    pub(super) actor: u16,
    /// Where its region stands in the list of regions, if it is listed.
    pub(super) region: Option<u16>,
    pub(super) row: Row,
    pub(super) rate: f64,
    pub(super) as_of: Mono,
    pub(super) changed: Mono,
    pub(super) queued: [bool; 2],
    /// Whether the window before the newest came to more than was told, for each audience.
    pub(super) settled: [bool; 2],
}

/// What was last told to others of our own row.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct OwnWord {
    pub(super) rate: f64,
    pub(super) at: Mono,
    /// The newest window, or word about leases.
    pub(super) window: WindowIx,
}

impl OwnWord {
    /// The rate that others believe, who are told when it falls unless words are `saved`: then a
    /// word is forgotten after its time.
    pub(super) fn believed(&self, saved: bool, now: Mono) -> f64 {
        match saved && now.since(self.at) >= HORIZON {
            true => 0.0,
            false => self.rate,
        }
    }
}

impl Subject {
    /// What a region is known to have admitted.
    pub(super) fn spent_by(&self, region: usize, window: WindowIx) -> f64 {
        let rows = self.rows.iter().filter(|row| row.is_of(region));
        rows.map(|row| f64::from(row.row.count_at(window).admitted))
            .sum()
    }

    /// Begins to note what is admitted here, of which `window` had seen a part at the last look.
    pub(super) fn begin_history(&mut self, window: WindowIx) {
        let (seen_in, seen) = self.tallied;
        self.history = match seen_in == window {
            true => History::resumed(window, seen.admitted),
            false => History::default(),
        };
    }

    /// Adds what is new of `count` in `window`, and of what was admitted in the one before.
    pub(super) fn tally(&mut self, window: WindowIx, count: Count, before: u32) {
        let (seen_in, seen) = self.tallied;
        let offered = if seen_in == window {
            count.offered.saturating_sub(seen.offered)
        } else if seen_in == window.previous() {
            count.offered + before.saturating_sub(seen.admitted)
        } else {
            count.offered
        };
        self.rate.count(offered);
        self.tallied = (window, count);
    }

    /// An actor's row; `None` if there is no room for another.
    pub(super) fn row(&mut self, actor: u16, actors: &Actors, now: Mono) -> Option<&mut ActorRow> {
        let found = self.rows.iter().position(|row| row.actor == actor);
        if found.is_none() && self.rows.len() == ROWS_MAX {
            return None;
        }
        let at = found.unwrap_or_else(|| {
            // Most subjects are asked for on few nodes.
            if self.rows.len() < FEW {
                self.rows.reserve_exact(1);
            }
            self.rows
                .push(ActorRow::new(actor, actors.region(actor), now));
            self.rows.len() - 1
        });
        self.rows.get_mut(at)
    }
}

impl ActorRow {
    /// Leases that the actor holds, as far as it has told and as long as that is believed.
    pub(super) fn leases(&self, lease: Duration, now: Mono) -> u32 {
        if now.since(self.as_of) < lease {
            self.row.count_at(self.row.newest()).admitted
        } else {
            0
        }
    }

    /// Whether it says anything of the present, or of what still weighs on it.
    pub(super) fn is_live(&self, terms: &Registered, now: Now) -> bool {
        let newest = self.row.newest();
        let current = || terms.windows.at(now.wall).ix;
        let live = match terms.algorithm {
            Algorithm::Fixed | Algorithm::Quota => newest == current(),
            Algorithm::Sliding | Algorithm::Bucket => {
                (current().previous()..=current()).contains(&newest)
            }
            Algorithm::Concurrency => now.mono.since(self.as_of) < terms.lease,
        };
        live && self.row.count_at(newest).admitted > 0
    }

    /// The next word about leases, of which `held` are held now: words are numbered, and a later
    /// one replaces an earlier.
    pub(super) fn next_word(&self, held: u32) -> (WindowIx, Count) {
        let newest = self.row.newest();
        let last = self.row.count_at(newest).admitted;
        let word = if held == last { newest } else { newest.next() };
        let count = Count {
            admitted: held,
            offered: held,
        };
        (word, count)
    }

    /// Joins a count. Returns whether it told anything new.
    pub(super) fn count(&mut self, window: WindowIx, count: Count) -> bool {
        let newest = self.row.newest();
        let grew = self.row.join(window, count);
        // The last counts of a window are often collected when the next has begun.
        if grew && window < newest || self.row.newest() > newest {
            self.settled = [true; 2];
        }
        grew
    }

    /// Whether its actor is of the region that stands at this place in the list.
    pub(super) fn is_of(&self, region: usize) -> bool {
        self.region.is_some_and(|own| usize::from(own) == region)
    }

    fn new(actor: u16, region: Option<u16>, now: Mono) -> Self {
        Self {
            actor,
            region,
            row: Row::default(),
            rate: 0.0,
            as_of: Mono::ZERO,
            changed: now,
            queued: [false; 2],
            settled: [false; 2],
        }
    }
}

/// The subject of a key, made if it is not known; `home` is where our own region stands.
pub(super) fn subject_entry(
    subjects: &mut Subjects,
    key: SubjectKey,
    slot: usize,
    limit: LimitIx,
    home: Option<u16>,
    now: Mono,
) -> &mut Subject {
    subjects.entry(key).or_insert_with(|| {
        Box::new(Subject {
            slot,
            limit,
            rate: Rate::new(now),
            rate_matters: false,
            left: 0,
            look: Look::Idle,
            history: History::default(),
            tallied: (WindowIx::default(), Count::default()),
            rows: vec![ActorRow::new(ME, home, now)],
            told: OwnWord::default(),
            demand: Demand::default(),
            judged: WindowIx::default(),
            assumed: Rare::default(),
            rights: Rare::default(),
        })
    })
}
