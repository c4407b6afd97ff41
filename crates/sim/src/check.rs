//! What must hold, judged after the run.

use std::fmt;
use std::time::Duration;

use tidegate_model::Mono;

use crate::outcome::Outcome;
use crate::plan::{Expect, Plan};
use crate::tally::Judgement;

/// Findings that are kept at most.
pub(crate) const FINDINGS_MAX: usize = 20;

/// Something that did not hold.
#[derive(Clone, PartialEq, Debug)]
pub struct Finding {
    /// Which expectation.
    pub expectation: &'static str,
    /// When that was seen, in milliseconds of the run.
    pub at_ms: u64,
    /// What was seen instead.
    pub seen: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (secs, ms) = (self.at_ms / 1_000, self.at_ms % 1_000);
        write!(f, "{} at {secs}.{ms:03}s: {}", self.expectation, self.seen)
    }
}

/// Which windows are judged, and how: whole ones, after the first moment that the plan names.
pub(crate) fn judgement(plan: &Plan, first: u32, window: Duration) -> Judgement {
    let window_ms = (window.as_millis() as u64).max(1);
    let expect = &plan.expect;
    let from = expect.judge_from.map_or(0, |p| ms(p.get()));
    let whole = (ms(plan.run_for.get()) / window_ms) as u32;
    let skip = from.div_ceil(window_ms) as u32;
    Judgement {
        windows: first.saturating_add(skip)..first.saturating_add(whole),
        limit: u64::from(plan.limit.amount.get()),
        over_max: expect.over_max,
        under_max: expect.under_max,
    }
}

/// Lists what did not hold of the whole.
pub(crate) fn judge(expect: &Expect, end: Mono, outcome: &mut Outcome) {
    let at_ms = end.as_millis();
    let mut found = Vec::new();
    let mut complain = |expectation, seen| {
        found.push(Finding {
            expectation,
            at_ms,
            seen,
        });
    };
    let too_long = |max: Option<tidegate_model::Period>, seen: Duration| {
        max.is_some_and(|max| seen > max.get())
    };
    if (expect.false_refusals_max).is_some_and(|max| outcome.false_refusals > max) {
        complain(
            "false_refusals_max",
            format!("{} refused wrongly", outcome.false_refusals),
        );
    }
    if too_long(expect.unavailable_max, outcome.outage) {
        complain(
            "unavailable_max",
            format!("nobody answered for {} ms", outcome.outage.as_millis()),
        );
    }
    if (expect.availability_min).is_some_and(|min| outcome.availability() < min) {
        complain(
            "availability_min",
            format!("{:.4} % were answered", outcome.availability() * 100.0),
        );
    }
    if too_long(expect.last_bad_max, outcome.last_bad) {
        complain(
            "last_bad_max",
            format!(
                "a request failed {} ms after a fault",
                outcome.last_bad.as_millis()
            ),
        );
    }
    if too_long(expect.revoked_within, outcome.revocation) {
        complain(
            "revoked_within",
            format!("let through {} ms later", outcome.revocation.as_millis()),
        );
    }
    outcome.broken.extend(found);
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
