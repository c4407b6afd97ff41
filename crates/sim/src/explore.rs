//! Random faults within a budget, and the fewest of them that still break something.

use rand::RngExt;
use tidegate_config::Spanned;
use tidegate_model::{NodeId, Period, RegionId, Rng, Seed};

use crate::plan::{ClockJump, Fault, FaultKind, Place, Plan, Slow, Target, Way, Weather};
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
    let mut rng = seed.child("faults").rng();
    let ms = |period: Period| u64::try_from(period.get().as_millis()).unwrap_or(u64::MAX);
    let from = ms(budget.calm_before);
    let to = ms(plan.run_for)
        .saturating_sub(ms(budget.calm_after))
        .max(from + 2);
    let mut faults = Vec::new();
    for _ in 0..budget.faults {
        let begins = rng.random_range(from..to);
        let ends = rng.random_range(begins..to).max(begins + 1);
        let (breaks, mends) = any_fault(plan, &mut rng);
        let fault = |at: u64, what| Fault {
            at: Period::from_millis(at),
            what,
            times: 1,
            every: None,
        };
        faults.push(fault(begins, breaks));
        faults.push(fault(ends, mends));
    }
    faults.sort_by_key(|fault| fault.at.get());
    faults
}

fn any_fault(plan: &Plan, rng: &mut Rng) -> (FaultKind, FaultKind) {
    let (regions, nodes) = (plan.region_ids(), plan.node_ids());
    let region =
        |rng: &mut Rng| -> RegionId { regions[rng.random_range(0..regions.len())].clone() };
    let node = |rng: &mut Rng| -> NodeId { nodes[rng.random_range(0..nodes.len())].clone() };
    let target = |rng: &mut Rng| match rng.random_range(0..3) {
        0 => Target::Region(region(rng)),
        _ => Target::Node(node(rng)),
    };
    let kinds = if plan.keys.is_some() { 13 } else { 12 };
    match rng.random_range(0..kinds) {
        0 => {
            let node = node(rng);
            (FaultKind::Crash(node.clone()), FaultKind::Restart(node))
        }
        1 => {
            let node = node(rng);
            (
                FaultKind::Crash(node.clone()),
                FaultKind::RestartEmpty(node),
            )
        }
        2 => {
            let region = region(rng);
            let mends = FaultKind::RestartRegion(region.clone());
            (FaultKind::CrashRegion(region), mends)
        }
        3 => {
            let region = region(rng);
            (FaultKind::Cut(region.clone()), FaultKind::Heal(region))
        }
        4 => {
            let (from, to) = (region(rng), region(rng));
            let way = Way { from, to };
            (FaultKind::CutWay(way.clone()), FaultKind::HealWay(way))
        }
        5 => {
            let region = region(rng);
            (FaultKind::Ill(region.clone()), FaultKind::Well(region))
        }
        6 => {
            let region = region(rng);
            (FaultKind::Partly(region.clone()), FaultKind::Well(region))
        }
        7 => {
            let who = target(rng);
            (FaultKind::Freeze(who.clone()), FaultKind::Thaw(who))
        }
        8 => {
            let who = target(rng);
            (FaultKind::Drain(who.clone()), FaultKind::Undrain(who))
        }
        9 => {
            let weather = Weather {
                lost: f64::from(rng.random_range(0..30_u32)) / 100.0,
                twice: f64::from(rng.random_range(0..30_u32)) / 100.0,
                late: Some(Period::from_millis(rng.random_range(0..500))),
            };
            (
                FaultKind::Weather(weather),
                FaultKind::Weather(Weather::default()),
            )
        }
        10 => {
            let who = target(rng);
            let seconds = rng.random_range(-4_000..4_000_i64);
            let jump = |who, seconds| FaultKind::ClockJump(ClockJump { who, seconds });
            (jump(who.clone(), seconds), jump(who, -seconds))
        }
        11 => match plan.capacity {
            None => {
                let who = target(rng);
                (
                    FaultKind::MeshExpired(who.clone()),
                    FaultKind::MeshRenewed(who),
                )
            }
            Some(_) => {
                let (who, times) = (target(rng), rng.random_range(2..10));
                let slow = |who, times| FaultKind::Slow(Slow { who, times });
                (slow(who.clone(), times), slow(who, 1))
            }
        },
        _ => {
            let place = match rng.random_range(0..2) {
                0 => Place::Everywhere,
                _ => Place::Region(region(rng)),
            };
            (
                FaultKind::StoreDown(place.clone()),
                FaultKind::StoreUp(place),
            )
        }
    }
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
