//! Random faults within a budget, and the fewest of them that still break something.

mod dice;

use tidegate_config::Spanned;
use tidegate_model::{Period, Seed};

use self::dice::Dice;
use crate::plan::{Fault, Plan};
use crate::{Outcome, run};

/// How much may go wrong.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Faults, each of which is mended later.
    pub faults: u32,
    /// Nothing goes wrong before: nodes find each other first.
    pub calm_before: Period,
    /// All is mended so long before the end, so that what must settle can.
    pub calm_after: Period,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            faults: 4,
            calm_before: Period::from_secs(15),
            calm_after: Period::from_secs(45),
        }
    }
}

/// Faults of a seed, with what mends each.
#[must_use]
pub fn random_faults(plan: &Plan, budget: Budget, seed: Seed) -> Vec<Fault> {
    let mut dice = Dice::new(plan, seed.child("faults").rng());
    let ms = |period: Period| u64::try_from(period.get().as_millis()).unwrap_or(u64::MAX);
    let from = ms(budget.calm_before);
    let to = ms(plan.run_for)
        .saturating_sub(ms(budget.calm_after))
        .max(from + 2);
    let mut faults = Vec::new();
    for _ in 0..budget.faults {
        let begins = dice.moment(from..to);
        let ends = dice.moment(begins..to).max(begins + 1);
        let Some((breaks, mends)) = dice.fault() else {
            break;
        };
        let fault = |at: u64, what| Fault {
            at: Period::from_millis(at),
            what,
            times: 1,
            every: None,
        };
        faults.push(fault(begins, breaks));
        faults.extend(mends.map(|mends| fault(ends, mends)));
    }
    faults.sort_by_key(|fault| fault.at.get());
    faults
}

/// The plan with other faults.
#[must_use]
pub fn with_faults(plan: &Plan, faults: &[Fault]) -> Plan {
    let spanned = |fault: &Fault| Spanned {
        value: fault.clone(),
        range: 0..0,
    };
    let mut plan = plan.clone();
    plan.faults = faults.iter().map(spanned).collect();
    plan
}

/// The fewest faults that still break the first thing that all of them broke: parts of them are
/// left out, halves first and single ones last, until nothing more can be (delta debugging,
/// Zeller and Hildebrandt 2002). Returns them, how they break it, and how many runs that took.
#[must_use]
pub fn shrink(plan: &Plan, faults: &[Fault], seed: Seed) -> (Vec<Fault>, Outcome, u32) {
    let mut outcome = run(&with_faults(plan, faults), seed);
    let mut runs = 1;
    let Some(broken) = outcome.broken.first().map(|finding| finding.expectation) else {
        return (faults.to_vec(), outcome, runs);
    };
    let mut left = faults.to_vec();
    let mut part = left.len().div_ceil(2);
    while part > 0 && !left.is_empty() {
        let mut at = 0;
        let mut gone = false;
        while at < left.len() {
            let mut fewer = left.clone();
            fewer.drain(at..(at + part).min(left.len()));
            let tried = run(&with_faults(plan, &fewer), seed);
            runs += 1;
            if tried.broken.iter().any(|f| f.expectation == broken) {
                (left, outcome, gone) = (fewer, tried, true);
            } else {
                at += part;
            }
        }
        if !gone {
            part /= 2;
        }
    }
    (left, outcome, runs)
}

/// A plan's text with other faults, and the run that it is to repeat.
#[must_use]
pub fn found_plan(text: &str, faults: &[Fault], outcome: &Outcome) -> String {
    let mut kept = String::new();
    let mut leaving_out = false;
    for line in text.lines() {
        if !line.starts_with([' ', '-', '#']) && !line.trim().is_empty() {
            leaving_out = line.starts_with("faults:") || line.starts_with("replay:");
        }
        if !leaving_out {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    let mut found = String::from("# Found by `tidegate sim explore`.\n");
    for finding in &outcome.broken {
        found.push_str(&format!("# Broken: {finding}\n"));
    }
    found.push_str(&kept);
    match faults.is_empty() {
        true => found.push_str("faults: []\n"),
        false => found.push_str("faults:\n"),
    }
    for fault in faults {
        found.push_str(&format!("  - {fault}\n"));
    }
    found.push_str(&format!(
        "replay: {{ seed: {}, trace: \"{:016x}\" }}\n",
        outcome.seed.value(),
        outcome.trace
    ));
    found
}
