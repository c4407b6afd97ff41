//! Who wants to see traces of some requests for a while.
//!
//! While nobody does, a request pays for one look at a flag. A watch ends by itself; whoever opened
//! it closes it when its time is over, or when there is nobody left to tell.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

use arc_swap::ArcSwap;
use tidegate_model::Mono;
use tidegate_telemetry::Cell;
use tidegate_trace::{Early, Late, Match, Trace};
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// Watches at a time.
pub const WATCHES_MAX: usize = 8;
/// Traces that wait for whoever watches.
const WAITING_MAX: usize = 64;

/// A watch that is open.
pub struct Watch {
    matches: Match,
    until: Mono,
    /// Traces that it may still be given.
    left: AtomicU32,
    out: Sender<Arc<Trace>>,
}

/// All that are open.
#[derive(Debug, Default)]
pub struct Watches {
    some: AtomicBool,
    all: ArcSwap<Vec<Arc<Watch>>>,
    /// Traces that nobody took in time.
    missed: Cell,
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("matches", &self.matches)
            .finish_non_exhaustive()
    }
}

impl Watches {
    /// Opens a watch for `count` traces; nothing if as many are open as may be.
    pub fn open(
        &self,
        matches: Match,
        until: Mono,
        count: u32,
    ) -> Option<(Arc<Watch>, Receiver<Arc<Trace>>)> {
        let (out, receiver) = channel(WAITING_MAX);
        let watch = Arc::new(Watch {
            matches,
            until,
            left: AtomicU32::new(count),
            out,
        });
        let mut room = false;
        self.all.rcu(|all| {
            room = all.len() < WATCHES_MAX;
            let mut all = Vec::clone(all);
            all.extend(room.then(|| Arc::clone(&watch)));
            all
        });
        self.some.store(true, Relaxed);
        room.then_some((watch, receiver))
    }

    /// Closes a watch.
    pub fn close(&self, watch: &Arc<Watch>) {
        self.all.rcu(|all| {
            let others = all.iter().filter(|one| !Arc::ptr_eq(one, watch));
            others.cloned().collect::<Vec<_>>()
        });
        // One that is opened at the same moment sets it again, or is seen here.
        self.some.store(false, Relaxed);
        if !self.all.load().is_empty() {
            self.some.store(true, Relaxed);
        }
    }

    /// How many are open, and how many traces nobody took in time.
    #[must_use]
    pub fn counts(&self) -> (usize, u64) {
        (self.all.load().len(), self.missed.get())
    }

    /// Who may want to see a request, by what is known at its beginning.
    pub(crate) fn may(&self, early: &Early<'_>, now: Mono) -> Vec<Arc<Watch>> {
        if !self.some.load(Relaxed) {
            return Vec::new();
        }
        let all = self.all.load();
        let may = |watch: &&Arc<Watch>| watch.is_open(now) && watch.matches.may(early);
        all.iter().filter(may).cloned().collect()
    }

    /// Hands a trace over.
    pub(crate) fn give(&self, to: &Watch, trace: &Arc<Trace>) {
        if to.out.try_send(Arc::clone(trace)).is_err() {
            self.missed.add(1);
        }
    }
}

impl Watch {
    fn is_open(&self, now: Mono) -> bool {
        now < self.until && self.left.load(Relaxed) > 0
    }

    /// Whether a request that is over is wanted, of those that may be. It is counted as given.
    pub(crate) fn wants(&self, late: &Late<'_>, now: Mono) -> bool {
        let less = |left: u32| left.checked_sub(1);
        now < self.until
            && self.matches.holds(late)
            && self.left.fetch_update(Relaxed, Relaxed, less).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, Method};

    use super::*;

    #[test]
    fn watches_are_few_and_end_by_time_and_by_number() {
        let watches = Watches::default();
        let headers = HeaderMap::new();
        let early = Early {
            method: &Method::GET,
            path: "/api/a",
            headers: &headers,
        };
        let late = Late {
            host: "",
            client: None,
            route: "",
            consumer: None,
            status: 200,
        };
        let open =
            |count| watches.open("path=/api/*".parse().unwrap(), Mono::from_millis(10), count);
        let may = |now| watches.may(&early, now);
        assert!(may(Mono::ZERO).is_empty(), "nobody watches");
        let (first, _receiver) = open(1).unwrap();
        assert_eq!(may(Mono::ZERO).len(), 1);
        assert!(may(Mono::from_millis(10)).is_empty(), "its time is over");
        assert!(first.wants(&late, Mono::ZERO) && !first.wants(&late, Mono::ZERO));
        assert!(may(Mono::ZERO).is_empty(), "it has all it wanted");
        let others: Vec<_> = std::iter::from_fn(|| open(1)).collect();
        assert_eq!(others.len(), WATCHES_MAX - 1);
        watches.close(&first);
        assert!(open(1).is_some(), "who has left makes room");
    }
}
