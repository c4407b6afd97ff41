//! Random faults within a budget, and the fewest of them that still break something.

use rand::RngExt;
use tidegate_config::Spanned;
use tidegate_model::{NodeId, Period, RegionId, Rng, Seed};

use crate::plan::{
    ClockDrift, ClockJump, Fault, FaultFamily, FaultKind, Place, Plan, Rollout, Slow, Target, Way,
    Weather,
};
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
    let mut dice = Dice {
        plan,
        families: families(plan),
        regions: plan.region_ids(),
        nodes: plan.node_ids(),
        rng: seed.child("faults").rng(),
    };
    let ms = |period: Period| u64::try_from(period.get().as_millis()).unwrap_or(u64::MAX);
    let from = ms(budget.calm_before);
    let to = ms(plan.run_for)
        .saturating_sub(ms(budget.calm_after))
        .max(from + 2);
    let mut faults = Vec::new();
    for _ in 0..budget.faults {
        let begins = dice.rng.random_range(from..to);
        let ends = dice.rng.random_range(begins..to).max(begins + 1);
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

/// A fault, and what mends it if it is to be mended.
type Fate = (FaultKind, Option<FaultKind>);

/// What can go wrong in a plan's world, and may.
fn families(plan: &Plan) -> Vec<FaultFamily> {
    let may = |family: &&FaultFamily| {
        let there = match family {
            FaultFamily::StoreDown | FaultFamily::StoreDelay | FaultFamily::Revoke => {
                plan.keys.is_some()
            }
            FaultFamily::Slow => plan.capacity.is_some(),
            _ => true,
        };
        there && !plan.explore.leave_out.contains(family)
    };
    FaultFamily::ALL.iter().filter(may).copied().collect()
}

/// Draws faults for a world.
struct Dice<'p> {
    plan: &'p Plan,
    families: Vec<FaultFamily>,
    regions: Vec<RegionId>,
    nodes: Vec<NodeId>,
    rng: Rng,
}

impl Dice<'_> {
    fn region(&mut self) -> RegionId {
        self.regions[self.rng.random_range(0..self.regions.len())].clone()
    }

    fn node(&mut self) -> NodeId {
        self.nodes[self.rng.random_range(0..self.nodes.len())].clone()
    }

    fn target(&mut self) -> Target {
        match self.rng.random_range(0..3) {
            0 => Target::Region(self.region()),
            _ => Target::Node(self.node()),
        }
    }

    /// Any fault that this world can have; `None` if it can have none.
    fn fault(&mut self) -> Option<Fate> {
        if self.families.is_empty() {
            return None;
        }
        let family = self.families[self.rng.random_range(0..self.families.len())];
        Some(match family {
            FaultFamily::Crash
            | FaultFamily::CrashEmpty
            | FaultFamily::CrashRegion
            | FaultFamily::Freeze
            | FaultFamily::Drain
            | FaultFamily::Slow => self.of_processes(family),
            FaultFamily::Cut
            | FaultFamily::CutWay
            | FaultFamily::Weather
            | FaultFamily::MeshExpired => self.of_links(family),
            FaultFamily::Ill | FaultFamily::Partly => self.of_services(family),
            FaultFamily::ClockJump | FaultFamily::ClockDrift => self.of_clocks(family),
            FaultFamily::StoreDown | FaultFamily::StoreDelay | FaultFamily::Revoke => {
                self.of_keys(family)
            }
            FaultFamily::Rollout => self.rollout(),
        })
    }

    fn of_processes(&mut self, family: FaultFamily) -> Fate {
        match family {
            FaultFamily::CrashRegion => {
                let region = self.region();
                let mends = FaultKind::RestartRegion(region.clone());
                (FaultKind::CrashRegion(region), Some(mends))
            }
            FaultFamily::Freeze => {
                let who = self.target();
                (FaultKind::Freeze(who.clone()), Some(FaultKind::Thaw(who)))
            }
            FaultFamily::Drain => {
                let who = self.target();
                (FaultKind::Drain(who.clone()), Some(FaultKind::Undrain(who)))
            }
            FaultFamily::Slow => {
                let (who, times) = (self.target(), self.rng.random_range(2..10));
                let slow = |who, times| FaultKind::Slow(Slow { who, times });
                (slow(who.clone(), times), Some(slow(who, 1)))
            }
            _ => {
                let node = self.node();
                let mends = match family {
                    FaultFamily::CrashEmpty => FaultKind::RestartEmpty(node.clone()),
                    _ => FaultKind::Restart(node.clone()),
                };
                (FaultKind::Crash(node), Some(mends))
            }
        }
    }

    fn of_links(&mut self, family: FaultFamily) -> Fate {
        match family {
            FaultFamily::Cut => {
                let region = self.region();
                (
                    FaultKind::Cut(region.clone()),
                    Some(FaultKind::Heal(region)),
                )
            }
            FaultFamily::CutWay => {
                let (from, to) = (self.region(), self.region());
                let way = Way { from, to };
                (
                    FaultKind::CutWay(way.clone()),
                    Some(FaultKind::HealWay(way)),
                )
            }
            FaultFamily::MeshExpired => {
                let who = self.target();
                let mends = FaultKind::MeshRenewed(who.clone());
                (FaultKind::MeshExpired(who), Some(mends))
            }
            _ => {
                let weather = Weather {
                    lost: f64::from(self.rng.random_range(0..30_u32)) / 100.0,
                    twice: f64::from(self.rng.random_range(0..30_u32)) / 100.0,
                    late: Some(Period::from_millis(self.rng.random_range(0..500))),
                };
                let mends = FaultKind::Weather(Weather::default());
                (FaultKind::Weather(weather), Some(mends))
            }
        }
    }

    fn of_services(&mut self, family: FaultFamily) -> Fate {
        let region = self.region();
        let breaks = match family {
            FaultFamily::Ill => FaultKind::Ill(region.clone()),
            _ => FaultKind::Partly(region.clone()),
        };
        (breaks, Some(FaultKind::Well(region)))
    }

    fn of_clocks(&mut self, family: FaultFamily) -> Fate {
        let who = self.target();
        if family == FaultFamily::ClockDrift {
            let ppm = self.rng.random_range(-5_000..5_000_i64);
            let drift = |who, ppm| FaultKind::ClockDrift(ClockDrift { who, ppm });
            return (drift(who.clone(), ppm), Some(drift(who, 0)));
        }
        let seconds = self.rng.random_range(-4_000..4_000_i64);
        let jump = |who, seconds| FaultKind::ClockJump(ClockJump { who, seconds });
        (jump(who.clone(), seconds), Some(jump(who, -seconds)))
    }

    fn of_keys(&mut self, family: FaultFamily) -> Fate {
        match family {
            FaultFamily::StoreDelay => {
                let late = Period::from_millis(self.rng.random_range(20..3_000));
                let usual = self.plan.keys.unwrap_or_default().store_delay;
                (
                    FaultKind::StoreDelay(late),
                    Some(FaultKind::StoreDelay(usual)),
                )
            }
            FaultFamily::Revoke if !self.plan.clients.is_empty() => {
                let client = self.rng.random_range(0..self.plan.clients.len());
                let key = self.plan.clients[client].key.clone();
                (FaultKind::Revoke(key), None)
            }
            _ => {
                let place = match self.rng.random_range(0..2) {
                    0 => Place::Everywhere,
                    _ => Place::Region(self.region()),
                };
                let mends = FaultKind::StoreUp(place.clone());
                (FaultKind::StoreDown(place), Some(mends))
            }
        }
    }

    fn rollout(&mut self) -> Fate {
        let generation = self.rng.random_range(2..1_000);
        let pause = Period::from_millis(self.rng.random_range(50..1_000));
        let rollout = |generation, breaks| {
            FaultKind::Rollout(Rollout {
                generation,
                pause,
                breaks,
            })
        };
        (
            rollout(generation, true),
            Some(rollout(generation + 1, false)),
        )
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
