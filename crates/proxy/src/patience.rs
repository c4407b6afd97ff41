//! Requests that wait for room: for rights of other nodes, or because the operator prefers a delay
//! to a refusal.
//!
//! They wait in no order: each asks again when there should be room, and whoever comes first gets
//! it. How long and how many is bounded for each limit.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tidegate_limit::{Algorithm, Decision, Enforce, Limit, Verdict, rights_pause};
use tidegate_pipeline::Terms;

use crate::shared::Live;

/// Nobody can tell when a request of others ends.
const LEASE_PAUSE: Duration = Duration::from_millis(10);
const PAUSE_MIN: Duration = Duration::from_millis(1);
/// Requests of a limit that wait for rights at a time on a node; further ones are refused.
const RIGHTS_QUEUE_MAX: u32 = 10_000;

/// How many requests wait for one limit on this node.
#[derive(Debug, Default)]
pub(crate) struct Queue(AtomicU32);

/// A place in the queues of the limits that have no room.
#[derive(Default)]
pub(crate) struct Waiting {
    queues: Vec<Arc<Queue>>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        for queue in &self.queues {
            queue.0.fetch_sub(1, Relaxed);
        }
    }
}

impl Waiting {
    /// Takes a place in the queue of each limit that refuses. Returns the limit that has no place
    /// left, if there is one.
    pub(crate) fn join(
        &mut self,
        live: &Live,
        terms: &Terms,
        decision: &Decision,
    ) -> Option<usize> {
        for (at, verdict) in refusing(terms, decision) {
            let (limit, _) = &live.snapshot.limits[at];
            let most = match (limit.enforce, verdict.awaits_rights) {
                (Enforce::Delay(delay), _) => delay.queue.get(),
                (Enforce::Refuse, _) => RIGHTS_QUEUE_MAX,
            };
            let queue = Arc::clone(&live.queues[at]);
            let before = queue.0.fetch_add(1, Relaxed);
            self.queues.push(queue);
            if before >= most {
                return Some(at);
            }
        }
        None
    }
}

/// How long to pause before asking again, after a request has waited for `waited`; `None` if it is
/// refused for good.
pub(crate) fn pause(
    live: &Live,
    terms: &Terms,
    decision: &Decision,
    waited: Duration,
) -> Option<Duration> {
    let pauses = refusing(terms, decision).map(|(at, verdict)| {
        let (limit, _) = &live.snapshot.limits[at];
        pause_of(limit, &verdict, waited)
    });
    let longest: Option<Vec<Duration>> = pauses.collect();
    longest?.into_iter().max()
}

fn pause_of(limit: &Limit, verdict: &Verdict, waited: Duration) -> Option<Duration> {
    let soon = rights_pause(waited, limit.rights_wait);
    if verdict.awaits_rights && soon.is_some() {
        return soon;
    }
    let Enforce::Delay(delay) = limit.enforce else {
        return None;
    };
    let pause = match limit.algorithm {
        Algorithm::Concurrency => LEASE_PAUSE,
        Algorithm::Sliding | Algorithm::Fixed | Algorithm::Bucket | Algorithm::Quota => {
            verdict.left.max(PAUSE_MIN)
        }
    };
    (waited + pause <= delay.max.get()).then_some(pause)
}

fn refusing<'d>(
    terms: &'d Terms,
    decision: &'d Decision,
) -> impl Iterator<Item = (usize, Verdict)> + 'd {
    let all = terms
        .limits
        .iter()
        .copied()
        .zip(decision.verdicts().iter().copied());
    all.filter(|(_, verdict)| verdict.refuses())
}

#[cfg(test)]
mod tests {
    use tidegate_limit::{LimitSpec, Mode};

    use super::*;

    fn verdict(awaits_rights: bool, left_ms: u64) -> Verdict {
        Verdict {
            admitted: false,
            shadow: false,
            partition: None,
            unstored: None,
            awaits_rights,
            amount: 1,
            remaining: 0,
            left: Duration::from_millis(left_ms),
        }
    }

    #[test]
    fn a_request_waits_only_if_it_will_have_room_in_time() {
        let spec = LimitSpec::new(1.try_into().unwrap(), "1s".parse().unwrap());
        let delay = tidegate_limit::DelaySpec {
            max: "500ms".parse().unwrap(),
            queue: 1.try_into().unwrap(),
        };
        let refuse = Limit::new("l", &spec);
        let delayed = Limit {
            enforce: Enforce::Delay(delay),
            ..refuse.clone()
        };
        let strict = Limit {
            mode: Mode::Strict,
            ..refuse.clone()
        };
        let ms = Duration::from_millis;
        for (why, limit, awaits, left, waited, want) in [
            ("it is refused", &refuse, false, 10, 0, None),
            ("there is room soon", &delayed, false, 100, 0, Some(ms(100))),
            ("there is room too late", &delayed, false, 501, 0, None),
            ("it has waited before", &delayed, false, 100, 450, None),
            ("rights may come", &strict, true, 900, 0, Some(ms(2))),
            ("rights did not come", &strict, true, 900, 250, None),
            ("nobody has rights", &strict, false, 900, 0, None),
        ] {
            assert_eq!(
                pause_of(limit, &verdict(awaits, left), ms(waited)),
                want,
                "{why}"
            );
        }
    }
}
