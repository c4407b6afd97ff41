//! What can go wrong in a world, drawn at random.

use std::ops::Range;

use rand::RngExt;
use tidegate_model::{NodeId, Period, RegionId, Rng};

use crate::plan::{
    ClockDrift, ClockJump, FaultFamily, FaultKind, Place, Plan, Rollout, Slow, Target, Way, Weather,
};

/// What goes wrong, and what mends it if it is to be mended.
type Mishap = (FaultKind, Option<FaultKind>);

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
pub(super) struct Dice<'p> {
    plan: &'p Plan,
    families: Vec<FaultFamily>,
    regions: Vec<RegionId>,
    nodes: Vec<NodeId>,
    rng: Rng,
}

impl<'p> Dice<'p> {
    pub(super) fn new(plan: &'p Plan, rng: Rng) -> Self {
        Self {
            families: families(plan),
            regions: plan.region_ids(),
            nodes: plan.node_ids(),
            plan,
            rng,
        }
    }

    /// A moment of a span of milliseconds.
    pub(super) fn moment(&mut self, span: Range<u64>) -> u64 {
        self.rng.random_range(span)
    }

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
    pub(super) fn fault(&mut self) -> Option<Mishap> {
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

    fn of_processes(&mut self, family: FaultFamily) -> Mishap {
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

    fn of_links(&mut self, family: FaultFamily) -> Mishap {
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

    fn of_services(&mut self, family: FaultFamily) -> Mishap {
        let region = self.region();
        let breaks = match family {
            FaultFamily::Ill => FaultKind::Ill(region.clone()),
            _ => FaultKind::Partly(region.clone()),
        };
        (breaks, Some(FaultKind::Well(region)))
    }

    fn of_clocks(&mut self, family: FaultFamily) -> Mishap {
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

    fn of_keys(&mut self, family: FaultFamily) -> Mishap {
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

    fn rollout(&mut self) -> Mishap {
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
