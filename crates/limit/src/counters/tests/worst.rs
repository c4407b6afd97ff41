//! The worst that can happen to `fast` limits, stated in ALGORITHM.md section 5: looked for with
//! random mishaps, and with an adversary who searches.

use std::collections::BTreeMap;

use super::*;

/// One life of one node.
struct Life {
    node: Node,
    skew_ms: i64,
    /// What it really admitted, by window as it counts them.
    admitted: BTreeMap<u32, u32>,
}

struct World {
    spec: LimitSpec,
    lives: Vec<Life>,
    /// Lives that are over.
    over: Vec<Life>,
    epochs: u64,
    wire: Vec<(usize, Audience, Batch)>,
    now_ms: u64,
}

const NAMES: [&str; 4] = ["us/a", "us/b", "eu/a", "ap/a"];
const AMOUNT: u32 = 40;

impl World {
    fn new(spec: LimitSpec, skews: &[i64]) -> Self {
        let mut world = Self {
            spec,
            lives: Vec::new(),
            over: Vec::new(),
            epochs: 0,
            wire: Vec::new(),
            now_ms: 10_000,
        };
        for (name, skew_ms) in NAMES.iter().zip(skews) {
            let life = world.life(name, *skew_ms);
            world.lives.push(life);
        }
        world
    }

    fn life(&mut self, name: &str, skew_ms: i64) -> Life {
        self.epochs += 1;
        let mut node = node(name, self.epochs, &self.spec);
        node.counters.set_counting(NAMES.len(), true);
        Life {
            node,
            skew_ms,
            admitted: Default::default(),
        }
    }

    fn now(&self, at: usize) -> Now {
        Now {
            mono: Mono::from_millis(self.now_ms),
            ..super::at(self.now_ms.saturating_add_signed(self.lives[at].skew_ms))
        }
    }

    /// Asks once. Checks that the node admits nothing that, with all it has heard, is too much.
    fn request(&mut self, at: usize) -> Result<(), TestCaseError> {
        let now = self.now(at);
        let life = &mut self.lives[at];
        if life.node.asks("k", now) {
            let window = life.node.limit.windows.at(now.wall);
            let own = life.admitted.entry(window.ix.0).or_default();
            *own += 1;
            let own = *own;
            let subject = life.node.subject("k");
            let known = life.node.counters.known(subject, now);
            let others: u32 = known.iter().skip(1).map(|(_, count)| count.admitted).sum();
            prop_assert!(own + others <= AMOUNT, "{own} and {others} that are known");
        }
        self.speak(at);
        Ok(())
    }

    fn speak(&mut self, at: usize) {
        let now = self.now(at);
        let counters = &mut self.lives[at].node.counters;
        counters.collect(now);
        for audience in [Audience::Mates, Audience::World] {
            let batch = counters.export(audience, 100, now);
            self.wire.extend(batch.map(|batch| (at, audience, batch)));
        }
    }

    fn deliver(&mut self, (from, audience, batch): &(usize, Audience, Batch), to: usize) {
        let region = |at: usize| NAMES[at].split('/').next();
        let mates = region(*from) == region(to);
        if *from != to && mates == (*audience == Audience::Mates) {
            let now = self.now(to);
            let counters = &mut self.lives[to].node.counters;
            counters.absorb(batch, *audience, Duration::from_millis(40), now);
        }
    }

    fn restart(&mut self, at: usize) {
        let skew_ms = self.lives[at].skew_ms;
        let fresh = self.life(NAMES[at], skew_ms);
        self.over
            .push(std::mem::replace(&mut self.lives[at], fresh));
    }

    /// The most that was admitted in any window, and by how many lives.
    fn worst(&self) -> (u32, u32) {
        let mut windows = BTreeMap::<u32, (u32, u32)>::new();
        for life in self.lives.iter().chain(&self.over) {
            for (window, admitted) in &life.admitted {
                let (sum, lives) = windows.entry(*window).or_default();
                *sum += admitted;
                *lives += 1;
            }
        }
        windows.into_values().max().unwrap_or_default()
    }
}

/// Plays what happens where, and how much of it.
fn play(spec: &LimitSpec, skews: &[i64], steps: &[Step]) -> Result<(u32, u32), TestCaseError> {
    let mut world = World::new(spec.clone(), skews);
    for &(what, place, how) in steps {
        let at = usize::from(place) % NAMES.len();
        let pick = usize::from(how) % world.wire.len().max(1);
        match what % 12 {
            0..=4 => {
                for _ in 0..how % 64 {
                    world.request(at)?;
                }
            }
            5..=8 if !world.wire.is_empty() => {
                let word = match what % 2 {
                    0 => world.wire.remove(pick),
                    // Repeated, perhaps.
                    _ => world.wire[pick].clone(),
                };
                for to in 0..NAMES.len() {
                    world.deliver(&word, to);
                }
            }
            9 if !world.wire.is_empty() => drop(world.wire.remove(pick)),
            10 if how < 60 => world.restart(at),
            11 => {
                let now = world.now(at);
                world.lives[at].node.counters.refresh(now);
                world.speak(at);
            }
            _ => world.now_ms += u64::from(how) * 2,
        }
    }
    Ok(world.worst())
}

fn fast(algorithm: Algorithm) -> LimitSpec {
    LimitSpec {
        algorithm,
        ..spec(AMOUNT, "1s", Scope::Global)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// And so all of them together exceed it by no more than the last to admit had not heard of.
    #[test]
    fn a_node_admits_nothing_that_with_all_it_has_heard_is_too_much(
        sliding: bool,
        skews in prop::collection::vec(prop_oneof![3 => Just(0_i64), 1 => -700_i64..700], NAMES.len()),
        steps in prop::collection::vec(any::<Step>(), 1..150),
    ) {
        let algorithm = if sliding { Algorithm::Sliding } else { Algorithm::Fixed };
        let (admitted, lives) = play(&fast(algorithm), &skews, &steps)?;
        prop_assert!(admitted <= lives * AMOUNT, "{admitted} by {lives} lives");
    }
}

#[test]
fn an_adversary_who_searches_finds_the_stated_worst_case_and_nothing_beyond() {
    let spec = fast(Algorithm::Fixed);
    let skews = [0; NAMES.len()];
    let most = search(8, |steps| {
        let (admitted, lives) = play(&spec, &skews, steps).expect("what is stated holds");
        assert!(admitted <= lives * AMOUNT);
        // A life that is over is no way to get more for anybody who cannot kill nodes.
        if lives > NAMES.len() as u32 {
            0
        } else {
            admitted
        }
    });
    let stated = NAMES.len() as u32 * AMOUNT;
    assert!(most <= stated, "{most}");
    assert!(
        most > stated * 3 / 4,
        "the search is worth something: {most}"
    );
}
