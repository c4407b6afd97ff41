//! A thousand random histories of a world: what must never happen, does not.
//!
//! Nodes fall ill a little or altogether, are drained, restarted, and cut off from each other,
//! while what they say is late and gets lost. No node crashes here and none is drained by force:
//! against those no rule helps.

use std::collections::VecDeque;
use std::time::Duration;

use tidegate_model::{Machine, Mono, NodeId, Now, Wall};

use crate::{Controller, Input, Other, Seat, State, SteerSpec, Trouble, View};

/// How often each node looks around.
const STEP_MS: u64 = 250;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Health {
    Well,
    Partly,
    Nothing,
}

struct Sim {
    controller: Controller,
    id: NodeId,
    health: Health,
    /// When a drain was begun.
    drained: Option<u64>,
    /// What it said, oldest first.
    said: VecDeque<Other>,
    good: u32,
}

/// A small generator: the same history for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

fn at(ms: u64) -> Now {
    Now {
        mono: Mono::from_millis(ms),
        wall: Wall::from_unix_micros(1_000_000_000_000 + ms * 1_000),
    }
}

fn spec() -> SteerSpec {
    SteerSpec {
        dwell: tidegate_model::Period::from_secs(4),
        permit: tidegate_model::Period::from_secs(6),
        pause: tidegate_model::Period::from_secs(12),
        ..SteerSpec::default()
    }
}

struct World {
    nodes: Vec<Sim>,
    regions: u64,
    per_region: u64,
    delay_ms: Vec<u64>,
    cut: Option<usize>,
    dice: Dice,
    /// Regions that left by a permit, and when.
    permitted: Vec<(usize, u64)>,
    withdrawals: u64,
    restarted: bool,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let (regions, per_region) = (1 + dice.below(4), 1 + dice.below(3));
        let count = regions * per_region;
        let mut world = Self {
            delay_ms: (0..count * count).map(|_| dice.below(900)).collect(),
            nodes: Vec::new(),
            regions,
            per_region,
            cut: None,
            dice,
            permitted: Vec::new(),
            withdrawals: 0,
            restarted: false,
        };
        world.nodes = (0..count).map(|i| world.node(i, 0)).collect();
        world
    }

    fn node(&self, i: u64, ms: u64) -> Sim {
        let id: NodeId = format!("r{}/n{}", i / self.per_region, i % self.per_region)
            .parse()
            .unwrap();
        let regions = (0..self.regions).map(|r| format!("r{r}").parse().unwrap());
        let seat = Seat {
            me: id.clone(),
            regions: regions.collect(),
            mates: self.per_region as u16,
        };
        Sim {
            controller: Controller::new(seat, spec(), at(ms)),
            id,
            health: Health::Well,
            drained: None,
            said: VecDeque::new(),
            good: 0,
        }
    }

    const fn region(&self, node: usize) -> usize {
        node / self.per_region as usize
    }

    fn heard(&mut self, from: usize, by: usize, ms: u64) -> Option<Other> {
        let (a, b) = (self.region(from), self.region(by));
        let cut = a != b && self.cut.is_some_and(|cut| cut == a || cut == b);
        let delay = self.delay_ms[from * self.nodes.len() + by];
        // A cut keeps what was heard before it; here it is as if words got old.
        let lost = if cut {
            60_000
        } else {
            self.dice.below(3) * STEP_MS
        };
        let latest = at(ms.saturating_sub(delay + lost)).mono;
        self.nodes[from]
            .said
            .iter()
            .rfind(|said| said.as_of <= latest)
            .cloned()
    }

    fn befall(&mut self, ms: u64) {
        let count = self.nodes.len() as u64;
        let node = self.dice.below(count) as usize;
        match self.dice.below(10) {
            0..=2 => self.nodes[node].health = Health::Partly,
            3 => self.nodes[node].health = Health::Nothing,
            4 | 5 => {
                for node in &mut self.nodes {
                    node.health = Health::Well;
                }
            }
            6 if self.nodes[node].drained.is_none() => {
                self.nodes[node].drained = Some(ms);
                self.nodes[node].controller.handle(at(ms), Input::Drain);
            }
            7 => {
                for i in 0..self.nodes.len() {
                    self.nodes[i].drained = None;
                    self.nodes[i].controller.handle(at(ms), Input::Return);
                }
            }
            8 => self.cut = (self.cut.is_none()).then_some(node / self.per_region as usize),
            9 if self.nodes[node].controller.state() != State::Announced => {
                self.nodes[node] = self.node(node as u64, ms);
                self.restarted = true;
            }
            _ => {}
        }
    }

    fn step(&mut self, ms: u64) -> Result<(), String> {
        for i in 0..self.nodes.len() {
            let others: Vec<Other> = (0..self.nodes.len())
                .filter(|j| *j != i)
                .filter_map(|j| self.heard(j, i, ms))
                .collect();
            let before = self.nodes[i].controller.state();
            let departures = self.nodes[i].controller.words().departures;
            let drained_long = |since: u64| ms - since >= 500;
            let node = &mut self.nodes[i];
            node.controller
                .handle(at(ms), Input::Viewed(View { others, load: 0 }));
            if node.drained.is_some_and(drained_long) && node.controller.may_leave() {
                node.controller.handle(at(ms), Input::Settled);
            }
            if ms.is_multiple_of(500) {
                let check = match node.health {
                    Health::Well => Ok(()),
                    Health::Partly => Err(Trouble::partial("a part")),
                    Health::Nothing => Err(Trouble::total("all")),
                };
                node.good = if check.is_ok() { node.good + 1 } else { 0 };
                node.controller.handle(at(ms), Input::Checked(check));
            }
            let state = node.controller.state();
            let said = Other {
                node: node.id.clone(),
                announced: state == State::Announced,
                fit: node.controller.is_fit(),
                load: 0,
                words: node.controller.words(),
                as_of: at(ms).mono,
                heard: true,
            };
            node.said.push_back(said);
            if node.said.len() > 24 {
                node.said.pop_front();
            }
            if before == State::Announced && state != State::Announced {
                self.withdrawals += 1;
                let could_wait = self.nodes[i].controller.words().departures != departures;
                self.withdrawn(i, could_wait, ms)?;
            }
        }
        Ok(())
    }

    fn withdrawn(&mut self, node: usize, could_wait: bool, ms: u64) -> Result<(), String> {
        let region = self.region(node);
        let announced = |node: &Sim| node.controller.state() == State::Announced;
        let serves =
            |node: &Sim| node.health != Health::Nothing && node.drained.is_none() && node.good > 3;
        let left = self.nodes.iter().filter(|node| announced(node)).count();
        if left == 0 && self.nodes.iter().any(serves) {
            return Err(format!("{ms} ms: nobody is announced after {node}"));
        }
        if could_wait {
            let rule = spec();
            // A node that was restarted knows of no permit that it gave: it gives none until all
            // are over, and the pause is not kept.
            let apart = match self.restarted {
                true => 1,
                false => (rule.pause.get() - rule.permit.get()).as_millis() as u64,
            };
            let near = self
                .permitted
                .iter()
                .rev()
                .find(|(other, _)| *other != region);
            if let Some((other, then)) = near
                && ms - then < apart
            {
                return Err(format!(
                    "{ms} ms: {region} left {} ms after {other}",
                    ms - then
                ));
            }
            self.permitted.push((region, ms));
        }
        Ok(())
    }
}

#[test]
fn a_thousand_histories_leave_somebody_announced_and_no_two_regions_leave_at_once() {
    let (mut withdrawals, mut permitted) = (0, 0);
    for seed in 0..1_000 {
        let mut world = World::new(seed);
        for step in 0..200 {
            let ms = step * STEP_MS;
            // First all come up.
            if ms > 10_000 && world.dice.one_in(8) {
                world.befall(ms);
            }
            if let Err(broken) = world.step(ms) {
                panic!("seed {seed}: {broken}");
            }
        }
        withdrawals += world.withdrawals;
        permitted += world.permitted.len();
    }
    assert!(
        withdrawals > 1_000 && permitted > 300,
        "{withdrawals} withdrawals, {permitted} by permit"
    );
    assert!(Duration::from_millis(STEP_MS) < spec().check_interval.get());
}
