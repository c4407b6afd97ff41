//! Strict limits under everything that can go wrong between nodes.

use std::collections::BTreeMap;

use super::*;
use crate::{Mode, RealmSpec, RightsTo, RightsWord};

const NODES: [&str; 2] = ["a", "b"];

/// Three regions of two nodes, and the words between them.
struct World {
    spec: LimitSpec,
    nodes: Vec<Node>,
    skew_ms: Vec<i64>,
    epochs: u64,
    wire: Vec<(RightsTo, RightsWord)>,
    now_ms: u64,
    /// What was really admitted, by the window that the node counted it in.
    admitted: BTreeMap<u32, u32>,
}

fn name(at: usize) -> String {
    format!("{}/{}", REGIONS[at / NODES.len()], NODES[at % NODES.len()])
}

impl World {
    fn new(spec: LimitSpec) -> Self {
        let count = REGIONS.len() * NODES.len();
        let mut world = Self {
            spec,
            nodes: Vec::new(),
            skew_ms: vec![0; count],
            epochs: 0,
            wire: Vec::new(),
            now_ms: 10_000,
            admitted: BTreeMap::new(),
        };
        for at in 0..count {
            let node = world.life(at, Wall::default());
            world.nodes.push(node);
        }
        world
    }

    /// A new life of a node that knows nothing.
    fn life(&mut self, at: usize, born: Wall) -> Node {
        self.epochs += 1;
        let mut node = node(&name(at), self.epochs, &self.spec);
        let mates = NODES.map(|mate| format!("{}/{mate}", REGIONS[at / NODES.len()]));
        let mates = mates.map(|mate| mate.parse().unwrap());
        let regions = REGIONS.map(|region| region.parse().unwrap());
        node.counters
            .reconfigure(regions.to_vec(), mates.to_vec(), self.now(at));
        node.counters.set_alive(mates.into_iter());
        node.table.set_realm(RealmSpec {
            regions: REGIONS.len() as u16,
            region: (at / NODES.len()) as u16,
            nodes: NODES.len() as u16,
            node: (at % NODES.len()) as u16,
            born,
        });
        node
    }

    fn restart(&mut self, at: usize) {
        let born = self.now(at).wall;
        let node = self.life(at, born);
        self.nodes[at] = node;
    }

    fn now(&self, at: usize) -> Now {
        let skewed = super::at(self.now_ms.saturating_add_signed(self.skew_ms[at]));
        Now {
            mono: Mono::from_millis(self.now_ms),
            ..skewed
        }
    }

    fn request(&mut self, at: usize, who: &str) -> bool {
        let now = self.now(at);
        let admitted = self.nodes[at].asks(who, now);
        if admitted {
            let window = self.nodes[at].limit.windows.at(now.wall).ix;
            *self.admitted.entry(window.0).or_default() += 1;
        }
        self.nodes[at].counters.collect(now);
        self.listen(at);
        admitted
    }

    fn requests(&mut self, at: usize, n: u8) {
        for _ in 0..n {
            self.request(at, "k");
        }
    }

    fn listen(&mut self, at: usize) {
        while let Some(word) = self.nodes[at].counters.poll_rights() {
            self.wire.push(word);
        }
    }

    fn deliver(&mut self, word: &(RightsTo, RightsWord)) {
        let to = match &word.0 {
            RightsTo::Node(node) => node.clone(),
            RightsTo::Region(region) => {
                let first = REGIONS.iter().position(|r| *r == region.as_str()).unwrap();
                let counters = &self.nodes[first * NODES.len()].counters;
                counters.home_of(word.1.of()).unwrap().clone()
            }
        };
        let at = (0..self.nodes.len())
            .find(|at| name(*at) == to.to_string())
            .unwrap();
        let now = self.now(at);
        self.nodes[at].counters.hear_rights(&word.1, now);
        self.listen(at);
    }

    /// Delivers all that is under way, and what comes of it.
    fn settle(&mut self) {
        for _ in 0..100 {
            if self.wire.is_empty() {
                return;
            }
            for word in std::mem::take(&mut self.wire) {
                self.deliver(&word);
            }
        }
        panic!("words about rights never end");
    }
}

fn strict(algorithm: Algorithm, amount: u32) -> LimitSpec {
    LimitSpec {
        mode: Mode::Strict,
        algorithm,
        ..spec(amount, "1s", Scope::Global)
    }
}

#[test]
fn one_node_gets_all_rights_of_the_world_if_it_has_the_customers() {
    for amount in [1, 5, 100, 1_000] {
        let mut world = World::new(LimitSpec {
            mode: Mode::Strict,
            ..spec(amount, "1m", Scope::Global)
        });
        let mut admitted = 0;
        for _ in 0..amount * 3 + 300 {
            admitted += u32::from(world.request(3, "k"));
            world.settle();
            world.now_ms += 7;
        }
        assert_eq!(admitted, amount);
    }
}

#[test]
fn nodes_that_cannot_speak_admit_no_more_than_the_amount_together() {
    let mut world = World::new(strict(Algorithm::Fixed, 100));
    for at in 0..6 {
        for _ in 0..200 {
            world.request(at, "k");
        }
        world.wire.clear();
    }
    assert_eq!(
        world.admitted.values().sum::<u32>(),
        100,
        "homes hold all of it"
    );
}

#[test]
fn a_node_that_restarts_holds_nothing_until_the_next_window() {
    let mut world = World::new(strict(Algorithm::Fixed, 90));
    for at in 0..6 {
        world.requests(at, 90);
        world.wire.clear();
        world.restart(at);
        world.now_ms += 1;
        world.requests(at, 90);
        world.wire.clear();
    }
    assert_eq!(world.admitted.values().sum::<u32>(), 90);
    world.now_ms += 1_000;
    let again = (0..6).map(|at| (0..90).filter(|_| world.request(at, "k")).count());
    assert_eq!(again.sum::<usize>(), 90);
}

#[test]
fn a_clock_that_is_set_back_opens_no_window_again() {
    let mut world = World::new(strict(Algorithm::Fixed, 90));
    for at in 0..6 {
        world.requests(at, 90);
        world.wire.clear();
        // An hour ahead, long enough for the past to be forgotten, and back.
        world.skew_ms[at] = 3_600_000;
        for _ in 0..300 {
            let now = world.now(at);
            world.nodes[at].counters.sweep(now);
        }
        world.skew_ms[at] = 0;
        world.requests(at, 90);
        world.wire.clear();
    }
    assert_eq!(world.admitted.values().sum::<u32>(), 90);
}

#[test]
fn a_subject_without_a_slot_is_refused_rather_than_counted_with_others() {
    let mut world = World::new(strict(Algorithm::Fixed, 1_000));
    let home = (0..2).find(|at| world.request(*at, "first")).unwrap();
    let refused = (0..3_000).filter(|i| {
        let who = format!("flood-{i}");
        let at = world.now(home);
        let before = world.nodes[home].table.overflowed();
        let admitted = world.nodes[home].asks(&who, at);
        world.nodes[home].table.overflowed() > before && !admitted
    });
    assert!(refused.count() > 500);
}

/// Plays steps; checks that no window ever holds more than the amount, and, if clocks agree, no
/// stretch of a window's length as a sliding limit sees it.
fn play(
    algorithm: Algorithm,
    amount: u32,
    skews: &[i64],
    steps: &[Step],
) -> Result<u32, TestCaseError> {
    let mut world = World::new(strict(algorithm, amount));
    world.skew_ms = skews.to_vec();
    for &(what, place, how) in steps {
        let at = usize::from(place) % world.nodes.len();
        let pick = |len: usize| usize::from(how) % len.max(1);
        match what % 12 {
            0..=4 => world.requests(at, how % 16),
            5..=7 if !world.wire.is_empty() => {
                let word = world.wire.remove(pick(world.wire.len()));
                world.deliver(&word);
            }
            8 if !world.wire.is_empty() => {
                let word = world.wire[pick(world.wire.len())].clone();
                world.deliver(&word);
            }
            9 if !world.wire.is_empty() => drop(world.wire.remove(pick(world.wire.len()))),
            10 if how < 40 => world.restart(at),
            11 => {
                let now = world.now(at);
                world.nodes[at].counters.refresh(now);
                world.nodes[at].counters.sweep(now);
                world.listen(at);
            }
            10 if how > 250 => world.skew_ms[at] += i64::from(what) * 1_000 - 20_000,
            _ => world.now_ms += u64::from(how) * 3,
        }
        for (window, admitted) in &world.admitted {
            prop_assert!(
                *admitted <= amount,
                "window {}: {} of {}",
                window,
                admitted,
                amount
            );
        }
        let skewed = world.skew_ms.iter().any(|skew| *skew != 0);
        if algorithm == Algorithm::Sliding && !skewed {
            let window = world.nodes[0].limit.windows.at(world.now(0).wall);
            let count = |ix: WindowIx| world.admitted.get(&ix.0).copied().unwrap_or_default();
            let sliding = count(window.ix) + window.carried(count(window.ix.previous()));
            prop_assert!(
                sliding <= amount,
                "{} of {} at {}",
                sliding,
                amount,
                world.now_ms
            );
        }
    }
    Ok(world.admitted.into_values().max().unwrap_or_default())
}

#[test]
fn an_adversary_who_searches_finds_all_that_strict_admits_and_not_one_more() {
    for seed in 1..=2 {
        let most = search(seed, |steps| {
            play(Algorithm::Fixed, 30, &[0; 6], steps).expect("never one too many")
        });
        assert!((20..=30).contains(&most), "{most}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn strict_never_exceeds_its_amount_whatever_happens_between_nodes(
        sliding: bool,
        amount in 1_u32..60,
        skews in prop::collection::vec(prop_oneof![3 => Just(0_i64), 1 => -2_000_i64..2_000], 6),
        steps in prop::collection::vec(any::<Step>(), 1..250),
    ) {
        let algorithm = if sliding { Algorithm::Sliding } else { Algorithm::Fixed };
        play(algorithm, amount, &skews, &steps)?;
        play(algorithm, amount, &[0; 6], &steps)?;
    }
}
