//! What happened to requests.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use tidegate_limit::WindowIx;
use tidegate_model::Mono;

/// Keys with lower numbers are remembered window by window; of others only the worst.
const SHOWN: u32 = 64;
/// Windows that were too full or too empty: so many are told one by one.
const TOLD: usize = 10;

/// One key's requests in one window.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Demand {
    /// Asked for, where somebody answered.
    pub offered: u64,
    /// Let through.
    pub admitted: u64,
}

/// How long admitted requests waited for rights.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Waits {
    /// Admitted requests.
    pub admitted: u64,
    /// All their waits together.
    pub total: Duration,
    /// The longest.
    pub longest: Duration,
}

/// What became of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fate {
    /// It was answered well.
    Good,
    /// A limit refused it.
    Limited,
    /// Its key was.
    Refused,
    /// There was no service, or no word of the key: 503.
    NoService,
    /// Nobody answered, or not in time.
    Failed,
}

/// How windows are judged.
#[derive(Clone, Debug, Default)]
pub(crate) struct Judgement {
    /// Which.
    pub(crate) windows: Range<u32>,
    /// What each may admit.
    pub(crate) limit: u64,
    pub(crate) over_max: Option<f64>,
    pub(crate) under_max: Option<f64>,
}

/// A window that broke what was expected.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BadWindow {
    pub(crate) expectation: &'static str,
    pub(crate) key: u32,
    pub(crate) window: WindowIx,
    pub(crate) demand: Demand,
    /// When that was seen, if the window was not over.
    pub(crate) at: Option<Mono>,
}

/// The window that a key was last asked for in.
#[derive(Clone, Copy, Debug, Default)]
struct Current {
    window: WindowIx,
    demand: Demand,
    /// Whether it was found to be too full.
    told: bool,
}

/// What happened to all requests.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) waits: Waits,
    pub(crate) good: u64,
    pub(crate) limited: u64,
    pub(crate) refused: u64,
    pub(crate) no_service: u64,
    pub(crate) failed: u64,
    judgement: Judgement,
    /// By key.
    current: Vec<Current>,
    /// Windows that are over, of keys that are shown.
    pub(crate) windows: BTreeMap<(u32, WindowIx), Demand>,
    /// The worst of all: admitted beyond the limit, and short of what should have been.
    pub(crate) worst: (f64, f64),
    pub(crate) false_refusals: u64,
    pub(crate) bad: Vec<BadWindow>,
}

impl Tally {
    pub(crate) fn new(judgement: Judgement) -> Self {
        Self {
            judgement,
            ..Self::default()
        }
    }

    /// A limit has decided about a request.
    pub(crate) fn decided(&mut self, key: u32, window: WindowIx, admitted: bool, now: Mono) {
        let at = key as usize;
        if at >= self.current.len() {
            self.current.resize(at + 1, Current::default());
        }
        if self.current[at].window != window {
            self.close(key);
            self.current[at].window = window;
        }
        let current = &mut self.current[at];
        current.demand.offered += 1;
        current.demand.admitted += u64::from(admitted);
        let demand = current.demand;
        if admitted && demand.admitted > self.judgement.limit && !current.told {
            self.look(key, window, demand, now);
        }
    }

    /// Looks at a window that has just become fuller than its limit.
    fn look(&mut self, key: u32, window: WindowIx, demand: Demand, now: Mono) {
        let judgement = &self.judgement;
        let judged = judgement.limit > 0 && judgement.windows.contains(&window.0);
        let (over, _) = errors(demand, judgement.limit.max(1));
        if judged && judgement.over_max.is_some_and(|max| over > max) {
            self.current[key as usize].told = true;
            self.complain("over_max", key, window, demand, Some(now));
        }
    }

    fn complain(
        &mut self,
        expectation: &'static str,
        key: u32,
        window: WindowIx,
        demand: Demand,
        at: Option<Mono>,
    ) {
        if self.bad.len() < TOLD {
            self.bad.push(BadWindow {
                expectation,
                key,
                window,
                demand,
                at,
            });
        }
    }

    /// The window of a key is over.
    fn close(&mut self, key: u32) {
        let Current {
            window,
            demand,
            told,
        } = self.current[key as usize];
        self.current[key as usize] = Current {
            window,
            ..Current::default()
        };
        if demand.offered == 0 {
            return;
        }
        if key < SHOWN {
            let known = self.windows.entry((key, window)).or_default();
            known.offered += demand.offered;
            known.admitted += demand.admitted;
        }
        self.judge(key, window, demand, told);
    }

    fn judge(&mut self, key: u32, window: WindowIx, demand: Demand, told: bool) {
        let limit = self.judgement.limit;
        if limit == 0 || !self.judgement.windows.contains(&window.0) {
            return;
        }
        let (over, under) = errors(demand, limit);
        self.worst = (self.worst.0.max(over), self.worst.1.max(under));
        if demand.offered <= limit {
            self.false_refusals += demand.offered - demand.admitted;
        }
        if !told && self.judgement.over_max.is_some_and(|max| over > max) {
            self.complain("over_max", key, window, demand, None);
        }
        if self.judgement.under_max.is_some_and(|max| under > max) {
            self.complain("under_max", key, window, demand, None);
        }
    }

    /// All windows are over.
    pub(crate) fn close_all(&mut self) {
        for key in 0..self.current.len() {
            self.close(key as u32);
        }
    }

    /// A request was decided after it had waited for so long.
    pub(crate) fn waited(&mut self, waited: Duration, admitted: bool) {
        if admitted {
            self.waits.admitted += 1;
            self.waits.total += waited;
            self.waits.longest = self.waits.longest.max(waited);
        }
    }

    pub(crate) fn came_to(&mut self, fate: Fate) {
        let counter = match fate {
            Fate::Good => &mut self.good,
            Fate::Limited => &mut self.limited,
            Fate::Refused => &mut self.refused,
            Fate::NoService => &mut self.no_service,
            Fate::Failed => &mut self.failed,
        };
        *counter += 1;
    }

    /// Requests that somebody answered for what they were, and that nobody did.
    pub(crate) const fn answered(&self) -> (u64, u64) {
        let bad = self.no_service + self.failed;
        (self.good + self.limited + self.refused, bad)
    }
}

/// Admitted beyond the limit, and short of what should have been, as parts of it.
fn errors(demand: Demand, limit: u64) -> (f64, f64) {
    let should = demand.offered.min(limit);
    let part = |n: u64| n as f64 / limit as f64;
    (
        part(demand.admitted.saturating_sub(limit)),
        part(should.saturating_sub(demand.admitted)),
    )
}
