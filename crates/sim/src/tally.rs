//! What happened to requests.

use std::collections::BTreeMap;
use std::time::Duration;

use tidegate_limit::WindowIx;
use tidegate_model::Mono;

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

/// What happened to all requests.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) waits: Waits,
    pub(crate) windows: BTreeMap<(String, WindowIx), Demand>,
    pub(crate) answered: u64,
    pub(crate) failed: u64,
    /// By the region that clients are near: since when nobody answers, and the longest such time.
    outages: BTreeMap<usize, Outage>,
}

#[derive(Debug, Default)]
struct Outage {
    since: Option<Mono>,
    longest: Duration,
}

impl Tally {
    pub(crate) fn answered(&mut self, key: &str, window: WindowIx, admitted: bool) {
        self.answered += 1;
        let demand = self.windows.entry((key.to_owned(), window)).or_default();
        demand.offered += 1;
        demand.admitted += u64::from(admitted);
    }

    /// A request was decided after it had waited for so long.
    pub(crate) fn waited(&mut self, waited: Duration, admitted: bool) {
        if admitted {
            self.waits.admitted += 1;
            self.waits.total += waited;
            self.waits.longest = self.waits.longest.max(waited);
        }
    }

    /// A client near `place` was answered, or not.
    pub(crate) fn reached(&mut self, place: usize, answered: bool, now: Mono) {
        let outage = self.outages.entry(place).or_default();
        match (outage.since, answered) {
            (None, false) => outage.since = Some(now),
            (Some(since), true) => {
                outage.longest = outage.longest.max(now.since(since));
                outage.since = None;
            }
            (None, true) | (Some(_), false) => {}
        }
        self.failed += u64::from(!answered);
    }

    /// The longest time that clients of one place found nobody to answer.
    pub(crate) fn longest_outage(&self, end: Mono) -> Duration {
        let longest = |outage: &Outage| {
            outage
                .since
                .map_or(outage.longest, |since| outage.longest.max(end.since(since)))
        };
        self.outages.values().map(longest).max().unwrap_or_default()
    }
}
