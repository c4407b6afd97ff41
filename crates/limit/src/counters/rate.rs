//! How many requests a second a subject is asked for here: steady when traffic is, and quick when
//! it changes.
//!
//! Two averages that decay: over a second, which hardly moves with the chance of single requests,
//! and over a tenth of one. Where the quick one is beyond what chance explains, or nothing came for
//! longer than it does, traffic has changed, and the steady one starts anew from it. The quick one
//! counts until the steady one has seen enough.

use std::time::Duration;

use tidegate_model::Mono;

/// A tenth of the steady one.
const QUICK: Duration = Duration::from_millis(100);
const STEADY: Duration = Duration::from_secs(1);
/// The steady average counts when it reaches over so many seconds.
const ENOUGH: f64 = 0.4;
/// Chance explains a pause in which so many requests were to be expected.
const PAUSE: f64 = 4.0;
/// Chance explains so many standard deviations.
const CHANCE: f64 = 2.0;
/// A rate that has changed by less than this part is as good as the one that was told.
const AS_GOOD: f64 = 0.25;
/// What is slower is nothing, requests a second: it is told, and believed, until then.
const NOTHING: f64 = 0.5;

/// The requests asked for, as two averages.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    /// Requests, each weighing less the longer ago it came.
    quick: f64,
    steady: f64,
    /// The part of the last second that `steady` has not seen, each moment weighing less the longer
    /// ago it was.
    unseen: f64,
    /// When the last request came.
    last: Mono,
    at: Mono,
}

impl Rate {
    pub(super) fn new(now: Mono) -> Self {
        Self {
            quick: 0.0,
            steady: 0.0,
            unseen: after(QUICK),
            last: now,
            at: now,
        }
    }

    /// Requests that came within about a tenth of a second.
    pub(super) fn recent(&self) -> f64 {
        self.quick
    }

    /// Lets time pass, in which nothing came.
    pub(super) fn pass(&mut self, now: Mono) {
        let passed = now.since(self.at);
        if passed.is_zero() {
            return;
        }
        let fades = after(passed);
        // What fades ten times as fast.
        let fourth = (fades * fades) * (fades * fades);
        self.quick *= fourth * fourth * (fades * fades);
        self.steady *= fades;
        self.unseen *= fades;
        self.at = now;
        let expected = self.per_second(0.0) * now.since(self.last).as_secs_f64();
        if expected > PAUSE {
            self.start_anew();
        }
        self.follow();
    }

    /// Counts requests that have just come.
    pub(super) fn count(&mut self, requests: u32) {
        self.quick += f64::from(requests);
        self.steady += f64::from(requests);
        if requests > 0 {
            self.last = self.at;
        }
        self.follow();
    }

    /// Requests a second, reckoned when `besides` requests are known to have come just now.
    pub(super) fn per_second(&self, besides: f64) -> f64 {
        let span = self.span();
        let (requests, span) = match span < ENOUGH {
            true => (self.quick, QUICK.as_secs_f64()),
            false => (self.steady, span),
        };
        (requests - besides).max(0.0) / span
    }

    /// The same, as of any moment, and nothing where that is hardly anything.
    pub(super) fn settled(&self) -> f64 {
        match self.per_second(0.0) {
            rate if rate < NOTHING => 0.0,
            rate => rate,
        }
    }

    /// Whether `rate`, which is this one's, differs from the one that was told by more than chance.
    pub(super) fn differs(&self, rate: f64, told: f64) -> bool {
        let chance = CHANCE * (rate.max(told) / (2.0 * self.span())).sqrt();
        worth_telling(rate, told) && (rate == 0.0 || (rate - told).abs() > chance)
    }

    /// Over how many seconds the steady average reaches by now.
    const fn span(&self) -> f64 {
        STEADY.as_secs_f64() * (1.0 - self.unseen)
    }

    /// Starts the steady average anew when traffic has changed.
    fn follow(&mut self) {
        let expected = self.per_second(0.0) * QUICK.as_secs_f64();
        if (self.quick - expected).abs() > 1.0 + CHANCE * expected.sqrt() {
            self.start_anew();
        }
    }

    fn start_anew(&mut self) {
        self.steady = self.quick;
        self.unseen = after(QUICK);
    }
}

/// What a second's average still weighs after some time. The same to the last digit on every
/// machine, as the system's exponential is not.
fn after(time: Duration) -> f64 {
    libm::exp(-time.as_secs_f64() / STEADY.as_secs_f64())
}

/// Whether a rate differs enough from another: by a quarter, or one of them is nothing.
pub(super) fn worth_telling(rate: f64, told: f64) -> bool {
    (rate == 0.0) != (told == 0.0) || (rate - told).abs() > AS_GOOD * told.max(rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Mono {
        Mono::ZERO + Duration::from_secs(10) + Duration::from_millis(ms)
    }

    #[test]
    fn it_is_steady_when_traffic_is() {
        let mut rate = Rate::new(at(0));
        let mut changes = 0;
        let mut told = 0.0;
        // Three a second, irregularly.
        for i in 0..300_u64 {
            rate.pass(at(i * 333 + i * 7_919 % 300));
            rate.count(1);
            let now = rate.per_second(0.6);
            if rate.differs(now, told) {
                (told, changes) = (now, changes + 1);
            }
        }
        assert!((2.0..4.5).contains(&told), "{told}");
        assert!(changes < 15, "{changes}");
    }

    #[test]
    fn it_is_quick_when_traffic_changes() {
        let mut rate = Rate::new(at(0));
        for ms in 0..3_000 {
            rate.pass(at(ms));
            rate.count(1);
        }
        let busy = rate.per_second(0.0);
        assert!((950.0..1_050.0).contains(&busy), "{busy}");
        rate.pass(at(3_100));
        assert!(rate.per_second(0.0) < 400.0, "{rate:?}");
        rate.pass(at(3_700));
        assert!(rate.per_second(0.0) < 10.0, "{rate:?}");
        rate.count(100);
        assert!(rate.per_second(0.0) > 500.0, "{rate:?}");
    }
}
