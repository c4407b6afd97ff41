//! What must hold, judged after the run.

use std::fmt;

use tidegate_limit::WindowIx;
use tidegate_model::Mono;

use crate::outcome::Outcome;
use crate::plan::{Expect, Plan};
use crate::tally::{Demand, Tally};

/// Something that did not hold.
#[derive(Clone, PartialEq, Debug)]
pub struct Finding {
    /// Which expectation.
    pub expectation: &'static str,
    /// What was seen instead.
    pub seen: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.expectation, self.seen)
    }
}

/// Fills in the figures and lists what did not hold.
pub(crate) fn judge(
    plan: &Plan,
    tally: &Tally,
    windows: std::ops::Range<WindowIx>,
    end: Mono,
    outcome: &mut Outcome,
) {
    let limit = u64::from(plan.limit.amount.get());
    let expect = &plan.expect;
    let mut complain = |expectation, seen| outcome.broken.push(Finding { expectation, seen });
    for ((key, window), demand) in tally
        .windows
        .iter()
        .filter(|((_, w), _)| windows.contains(w))
    {
        let (over, under) = errors(*demand, limit);
        outcome.over_under.0 = outcome.over_under.0.max(over);
        outcome.over_under.1 = outcome.over_under.1.max(under);
        let at = window.0 - windows.start.0;
        let Demand { offered, admitted } = *demand;
        let seen =
            format!("window {at} of key {key}: {admitted} of {limit} admitted, {offered} asked");
        if expect.over_max.is_some_and(|max| over > max) {
            complain("over_max", seen.clone());
        }
        if expect.under_max.is_some_and(|max| under > max) {
            complain("under_max", seen);
        }
        if offered <= limit {
            outcome.false_refusals += offered - admitted;
        }
    }
    outcome.outage = tally.longest_outage(end);
    if expect
        .false_refusals_max
        .is_some_and(|max| outcome.false_refusals > max)
    {
        complain(
            "false_refusals_max",
            format!("{} refused wrongly", outcome.false_refusals),
        );
    }
    if expect
        .unavailable_max
        .is_some_and(|max| outcome.outage > max.get())
    {
        complain(
            "unavailable_max",
            format!("nobody answered for {} ms", outcome.outage.as_millis()),
        );
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

/// The windows that are judged: whole ones, after the first moment that the plan names.
pub(crate) fn judged(
    expect: &Expect,
    first: WindowIx,
    window_ms: u64,
    end: Mono,
) -> std::ops::Range<WindowIx> {
    let from = expect.judge_from.map_or(0, |p| {
        u64::try_from(p.get().as_millis()).unwrap_or(u64::MAX)
    });
    let skip = from.div_ceil(window_ms) as u32;
    let whole = (end.as_millis() / window_ms) as u32;
    WindowIx(first.0 + skip)..WindowIx(first.0 + whole)
}
