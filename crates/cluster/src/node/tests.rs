use std::num::NonZeroU32;

use tidegate_limit::{Algorithm, Ask, Limit, LimitIx, LimitSpec, SubjectKey, Table, TableSpec};
use tidegate_model::{Epoch, Generation, Wall};
use tidegate_steer::SteerSpec;

use super::*;
use crate::codec::encode;
use crate::{Reset, SyncSpec};

const ONE_WAY: Duration = Duration::from_millis(40);
const STEP_MS: u64 = 5;

/// Nodes of different regions, with links that are as long for all.
struct World {
    nodes: Vec<(Node, Arc<Table>, LimitIx)>,
    limit: Limit,
    names: Vec<NodeId>,
    under_way: Vec<(u64, usize, Event)>,
    /// Who was told which news.
    news: Vec<(usize, Vec<u8>)>,
    ms: u64,
}

fn at(ms: u64) -> Now {
    Now {
        mono: Mono::from_millis(ms),
        wall: Wall::from_unix_micros(1_200_000_000_000_000 + ms * 1_000),
    }
}

/// One subject of many.
const fn many(number: u64) -> SubjectKey {
    SubjectKey::from_raw(number.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

fn seed(i: usize, node: &NodeId) -> Seed {
    Seed {
        node: node.clone(),
        addr: ([127, 0, 0, 1], 9_000 + i as u16).into(),
    }
}

impl World {
    fn new(names: &[&str]) -> Self {
        Self::of(names, 10)
    }

    fn of(names: &[&str], amount: u32) -> Self {
        let spec = LimitSpec {
            algorithm: Algorithm::Fixed,
            ..LimitSpec::new(NonZeroU32::new(amount).unwrap(), "1m".parse().unwrap())
        };
        let mut world = Self {
            nodes: Vec::new(),
            limit: Limit::new("l", &spec),
            names: names.iter().map(|name| name.parse().unwrap()).collect(),
            under_way: Vec::new(),
            news: Vec::new(),
            ms: 0,
        };
        for i in 0..names.len() {
            let node = world.start(i, 1);
            world.nodes.push(node);
        }
        world
    }

    fn start(&self, i: usize, life: u64) -> (Node, Arc<Table>, LimitIx) {
        let seeds = self.names.iter().enumerate();
        let spec = ClusterSpec {
            node: self.names[i].clone(),
            epoch: Epoch(life),
            addr: seed(i, &self.names[i]).addr,
            regions: self.names.iter().map(|name| name.region.clone()).collect(),
            nodes: vec![self.names[i].clone()],
            seeds: seeds.map(|(i, name)| seed(i, name)).collect(),
            generation: Generation(1),
            steer: SteerSpec::default(),
            sync: SyncSpec::default(),
        };
        let table = Arc::new(Table::new(TableSpec {
            subjects_max: 1_024,
        }));
        let ix = table.register(&self.limit).unwrap();
        let random = RandomSeed::new(i as u64 + 10 * life);
        let node = Node::new(spec, Arc::clone(&table), random, at(self.ms));
        (node, table, ix)
    }

    fn run(&mut self, ms: u64) {
        let until = self.ms + ms;
        while self.ms < until {
            self.ms += STEP_MS;
            let now = at(self.ms);
            let (due, later) = std::mem::take(&mut self.under_way)
                .into_iter()
                .partition(|(due, _, _)| *due <= self.ms);
            self.under_way = later;
            for (_, to, event) in due {
                self.nodes[to].0.handle(now, event);
            }
            for from in 0..self.nodes.len() {
                let node = &mut self.nodes[from].0;
                if node.next_wake().is_some_and(|at| at <= now.mono) {
                    node.wake(now);
                }
                while let Some(effect) = node.poll() {
                    let (to, bytes) = match effect {
                        Effect::Send { to, bytes, .. } => (to, bytes),
                        Effect::News(news) => {
                            self.news.push((from, news));
                            continue;
                        }
                        _ => continue,
                    };
                    let to = self.names.iter().position(|name| *name == to).unwrap();
                    let event = Event::Received {
                        from: self.names[from].clone(),
                        bytes,
                        one_way: ONE_WAY,
                    };
                    let due = self.ms + ONE_WAY.as_millis() as u64;
                    self.under_way.push((due, to, event));
                }
            }
        }
    }

    fn subject(&self) -> SubjectKey {
        SubjectKey::new(1, self.limit.id, b"k")
    }

    /// How many of `n` requests at once a node admits.
    fn burst(&self, node: usize, n: usize) -> usize {
        let (_, table, ix) = &self.nodes[node];
        let ask = Ask {
            limit: &self.limit,
            ix: *ix,
            subject: self.subject(),
            amount: 10,
            cost: 1,
        };
        let asks = (0..n).map(|_| table.decide(at(self.ms), &[ask]).admitted);
        asks.filter(|admitted| *admitted).count()
    }

    /// Asks a node once for each of `n` subjects.
    fn rush(&mut self, node: usize, n: u64) {
        let (machine, table, ix) = &mut self.nodes[node];
        for key in 1..=n {
            let ask = Ask {
                limit: &self.limit,
                ix: *ix,
                subject: many(key),
                amount: self.limit.amount,
                cost: 1,
            };
            let decision = table.decide(at(self.ms), &[ask]);
            assert!(decision.admitted, "{key} {decision:?}");
        }
        machine.handle(at(self.ms), Event::Dirty);
    }

    /// What a node knows to be admitted of those subjects.
    fn known(&self, node: usize, n: u64) -> u32 {
        let counters = self.nodes[node].0.counters();
        let keys = (1..=n).map(many);
        let counts = keys.flat_map(|key| counters.known(key, at(self.ms)));
        counts.map(|(_, count)| count.admitted).sum()
    }

    fn reset(&mut self, node: usize) {
        let now = at(self.ms);
        let window = self.limit.windows.longest();
        let reset = Reset::new(self.subject(), window, 5, now.wall);
        let record = Event::Record(vec![reset.entry()]);
        self.nodes[node].0.handle(now, record);
    }
}

#[test]
fn a_reset_in_one_region_holds_in_all_and_on_nodes_that_come_later() {
    let mut world = World::new(&["us/a", "eu/b", "ap/c"]);
    world.run(6_000);
    assert_eq!(world.burst(0, 12), 10);
    world.nodes[0].0.handle(at(world.ms), Event::Dirty);
    world.run(2_000);
    assert_eq!([1, 2].map(|node| world.burst(node, 3)), [0, 0], "spent");

    world.reset(0);
    world.run(500);
    assert_eq!(world.burst(1, 4), 4, "heard of in another region");
    world.nodes[1].0.handle(at(world.ms), Event::Dirty);
    world.run(3_000);
    assert_eq!(world.burst(2, 12), 6, "and one limit for all again");

    world.nodes[2] = world.start(2, 2);
    world.run(8_000);
    let resets = world.nodes.iter().map(|(node, ..)| node.resets());
    assert_eq!(
        resets.collect::<Vec<_>>(),
        [1, 1, 1],
        "learned after a restart"
    );

    world.run(180_000);
    let left = world.nodes.iter();
    let left = left.map(|(node, ..)| (node.resets(), node.ledger.len()));
    assert_eq!(left.collect::<Vec<_>>(), [(0, 0); 3], "forgotten by all");
}

#[test]
fn a_rush_is_kept_back_before_rows_are_weighed_again_and_told_with_the_next_word() {
    let names: Vec<String> = (0..10).map(|i| format!("us/n{i}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut world = World::of(&names, 100_000);
    world.run(6_000);
    world.rush(0, 600);
    world.run(100);
    assert_eq!(world.known(1, 600), 600, "nobody could know that it comes");
    for _ in 0..3 {
        world.rush(0, 600);
        world.run(40);
    }
    world.run(100);
    assert_eq!(world.known(1, 600), 600, "it changes nobody's answer");
    world.run(6_000);
    world.rush(0, 600);
    world.run(100);
    assert_eq!(
        world.known(1, 600),
        5 * 600,
        "all of it, now that it is over"
    );
}

#[test]
fn news_reaches_each_node_of_the_region_once_and_nobody_else() {
    let mut world = World::new(&["us/a", "us/b", "us/c", "eu/d"]);
    world.run(6_000);
    let news = b"abcdefghij".to_vec();
    let tell = |world: &mut World, news| {
        let now = at(world.ms);
        world.nodes[0].0.handle(now, Event::News(news));
        world.run(1_000);
        let mut told = std::mem::take(&mut world.news);
        told.sort();
        told
    };
    let told = tell(&mut world, news.clone());
    assert_eq!(told, [(1, news.clone()), (2, news)]);
    let told = tell(&mut world, vec![0; NEWS_BYTES_MAX + 1]);
    assert_eq!(told, [], "longer than it may be");
    // Another region may not tell.
    let event = Event::Received {
        from: world.names[3].clone(),
        bytes: encode(&Message::News(vec![1])),
        one_way: ONE_WAY,
    };
    let (now, node) = (at(world.ms), &mut world.nodes[0].0);
    node.handle(now, event);
    world.run(100);
    assert_eq!(world.news, []);
}
