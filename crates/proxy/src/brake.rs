//! What stands between look-ups and a store on a network.
//!
//! A token bucket bounds how many keys are asked for in a second: whoever makes up keys with good
//! checksums meets it, and keys in the cache do not. And after a failure the store is left alone
//! for a moment, so that nobody waits for it: one look-up then tries whether it is back.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tidegate_identity::Guard;
use tidegate_model::Mono;

/// After a failure the store is not asked for so long.
const PAUSE: Duration = Duration::from_millis(500);
/// Until whoever tries whether the store is back has its answer.
const TRIAL: Duration = Duration::from_secs(1);

/// Why a store is not asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Halt {
    /// Too many keys were asked for.
    Guarded,
    /// It has just failed.
    Paused,
}

#[derive(Debug)]
pub(crate) struct Brake {
    guard: Mutex<Guard>,
    /// Until when the store is left alone, in nanoseconds of the monotonic clock; zero if it
    /// answers.
    paused_until: AtomicU64,
    /// Why it did not answer.
    why: Mutex<String>,
}

impl Brake {
    pub(crate) const fn new(guard: Guard) -> Self {
        Self {
            guard: Mutex::new(guard),
            paused_until: AtomicU64::new(0),
            why: Mutex::new(String::new()),
        }
    }

    /// Whether the store answered when it was last asked.
    pub(crate) fn answers(&self) -> bool {
        self.paused_until.load(Ordering::Relaxed) == 0
    }

    /// Why it did not; `None` if it did.
    pub(crate) fn why(&self) -> Option<String> {
        let why = self.why.lock().unwrap_or_else(PoisonError::into_inner);
        (!self.answers()).then(|| why.clone())
    }

    /// Whether the store may be asked for a further key. While it is paused nobody asks; the first
    /// after the pause tries, and the others go on without it.
    pub(crate) fn pass(&self, now: Mono) -> Result<(), Halt> {
        let until = self.paused_until.load(Ordering::Relaxed);
        let (nanos, next) = (now.as_nanos(), (now + PAUSE + TRIAL).as_nanos());
        let tries = || {
            let (was, set) = (Ordering::Relaxed, Ordering::Relaxed);
            let won = self.paused_until.compare_exchange(until, next, was, set);
            won.is_ok()
        };
        if until != 0 && (nanos < until || !tries()) {
            return Err(Halt::Paused);
        }
        let mut guard = self.guard.lock().unwrap_or_else(PoisonError::into_inner);
        guard.take(now).then_some(()).ok_or(Halt::Guarded)
    }

    /// The store has answered, or not.
    pub(crate) fn note(&self, answered: Result<(), &str>, now: Mono) {
        let until = match answered {
            Ok(()) => 0,
            Err(why) => {
                let mut last = self.why.lock().unwrap_or_else(PoisonError::into_inner);
                why.clone_into(&mut last);
                (now + PAUSE).as_nanos()
            }
        };
        self.paused_until.store(until, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Mono {
        Mono::from_millis(ms)
    }

    #[test]
    fn after_a_failure_one_a_pause_tries() {
        let brake = Brake::new(Guard::new(100));
        assert_eq!(brake.pass(at(1)), Ok(()));
        brake.note(Err("down"), at(10));
        assert_eq!(brake.why().as_deref(), Some("down"));
        assert_eq!(brake.pass(at(509)), Err(Halt::Paused));
        assert_eq!(brake.pass(at(510)), Ok(()), "the first after it");
        assert_eq!(brake.pass(at(511)), Err(Halt::Paused), "and nobody else");
        brake.note(Ok(()), at(520));
        assert_eq!(brake.why(), None);
        assert_eq!((brake.answers(), brake.pass(at(521))), (true, Ok(())));
    }

    #[test]
    fn a_trial_that_never_ends_does_not_block_for_ever() {
        let brake = Brake::new(Guard::new(100));
        brake.note(Err("down"), at(0));
        assert_eq!(brake.pass(at(500)), Ok(()));
        assert_eq!(brake.pass(at(1_999)), Err(Halt::Paused));
        assert_eq!(brake.pass(at(2_000)), Ok(()));
    }

    #[test]
    fn no_more_keys_are_asked_for_than_the_guard_allows() {
        let brake = Brake::new(Guard::new(2));
        let passed: Vec<_> = (0..3).map(|_| brake.pass(at(1))).collect();
        assert_eq!(passed, [Ok(()), Ok(()), Err(Halt::Guarded)]);
    }
}
