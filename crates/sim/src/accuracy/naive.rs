//! What one gets without thinking: a G-counter, replicated in the background. A request is admitted
//! if own counts and what others were last heard to have counted leave room.
//!
//! News takes the ways that Tidegate's takes, over the same network: after 10 ms to the nodes of
//! the region, of which three wait for 20 ms more and tell one node of each other region each,
//! which passes it on after 10 ms.

use std::collections::BTreeMap;
use std::time::Duration;

use tidegate_limit::{Count, Row, Window, WindowIx};
use tidegate_model::{Mono, Seed};

use super::{Arrival, NODES, REGIONS, Rule, Windows, ways};
use crate::network::Network;
use crate::plan::{FaultKind, Plan};

/// For the region's nodes, and for other regions.
const MATES: usize = 0;
const WORLD: usize = 1;
const FLUSH: [Duration; 2] = [Duration::from_millis(10), Duration::from_millis(20)];
/// Nodes of a region that speak to others: the first.
const BORDERS: usize = 3;

/// What a node tells: whose row.
type News = Vec<(usize, Row)>;

enum Happening {
    Arrival(usize),
    Flush(usize, usize),
    Deliver { to: usize, from: usize, news: News },
    Cut(bool),
}

struct Node {
    /// What each node is known to have admitted.
    rows: Vec<Row>,
    /// Whose rows are to be told, for each audience, and whether a flush is planned.
    untold: [Vec<bool>; 2],
    planned: [bool; 2],
}

struct Counters {
    rule: Rule,
    nodes: Vec<Node>,
    network: Network,
    happenings: BTreeMap<(Mono, u64), Happening>,
    sequence: u64,
    now: Mono,
    windows: Windows,
}

/// What such a counter admits of these requests.
pub(super) fn naive(rule: Rule, plan: &Plan, arrivals: &[Arrival], seed: Seed) -> Windows {
    let node = |_| Node {
        rows: vec![Row::default(); REGIONS * NODES],
        untold: [const { Vec::new() }; 2].map(|_: Vec<bool>| vec![false; REGIONS * NODES]),
        planned: [false; 2],
    };
    let mut counters = Counters {
        rule,
        nodes: (0..REGIONS * NODES).map(node).collect(),
        network: Network::new(ways(), plan.loss, seed.child("naive")),
        happenings: BTreeMap::new(),
        sequence: 0,
        now: Mono::ZERO,
        windows: Windows::new(),
    };
    for fault in &plan.faults {
        let cut = matches!(fault.value.what, FaultKind::Cut(_));
        counters.schedule(Mono::ZERO + fault.value.at.get(), Happening::Cut(cut));
    }
    counters.play(arrivals)
}

impl Counters {
    fn play(mut self, arrivals: &[Arrival]) -> Windows {
        let mut arrivals = arrivals.iter();
        let mut arrive = |counters: &mut Self| {
            if let Some(Arrival { at, node, .. }) = arrivals.next() {
                counters.schedule(*at, Happening::Arrival(*node));
            }
        };
        arrive(&mut self);
        while let Some(((at, _), happening)) = self.happenings.pop_first() {
            self.now = at;
            match happening {
                Happening::Arrival(node) => {
                    self.decide(node);
                    arrive(&mut self);
                }
                Happening::Flush(node, audience) => self.flush(node, audience),
                Happening::Deliver { to, from, news } => self.learn(to, from, &news),
                Happening::Cut(true) => self.network.cut(REGIONS - 1, true),
                Happening::Cut(false) => self.network.cut(REGIONS - 1, false),
            }
        }
        self.windows
    }

    fn schedule(&mut self, at: Mono, happening: Happening) {
        self.sequence += 1;
        self.happenings.insert((at, self.sequence), happening);
    }

    fn decide(&mut self, node: usize) {
        let window = self.rule.window_at(self.now);
        let admits = self.known(node, &window) < u64::from(self.rule.amount);
        let demand = self.windows.entry(window.ix).or_default();
        demand.offered += 1;
        demand.admitted += u64::from(admits);
        if admits {
            let own = &mut self.nodes[node].rows[node];
            let admitted = own.count_at(window.ix).admitted + 1;
            let offered = admitted;
            own.join(window.ix, Count { admitted, offered });
            self.tell(node, node, MATES);
            self.tell(node, node, WORLD);
        }
    }

    /// What counts towards the limit, as far as a node knows.
    fn known(&self, node: usize, window: &Window) -> u64 {
        let sum = |ix: WindowIx| -> u32 {
            let rows = self.nodes[node].rows.iter();
            rows.map(|row| row.count_at(ix).admitted).sum()
        };
        let carried = self.rule.carried(window, sum(window.ix.previous()));
        u64::from(sum(window.ix)) + u64::from(carried)
    }

    /// Plans to tell an audience of a node's row; only border nodes speak to the world.
    fn tell(&mut self, node: usize, whose: usize, audience: usize) {
        if audience == WORLD && node % NODES >= BORDERS {
            return;
        }
        self.nodes[node].untold[audience][whose] = true;
        if !std::mem::replace(&mut self.nodes[node].planned[audience], true) {
            let at = self.now + FLUSH[audience];
            self.schedule(at, Happening::Flush(node, audience));
        }
    }

    fn flush(&mut self, from: usize, audience: usize) {
        let Node {
            rows,
            untold,
            planned,
        } = &mut self.nodes[from];
        planned[audience] = false;
        let told = untold[audience].iter_mut().enumerate();
        let news: News = told
            .filter_map(|(whose, untold)| std::mem::take(untold).then(|| (whose, rows[whose])))
            .collect();
        let home = from / NODES;
        let peers: Vec<usize> = match audience {
            MATES => (home * NODES..(home + 1) * NODES)
                .filter(|mate| *mate != from)
                .collect(),
            _ => (0..REGIONS)
                .filter(|region| *region != home)
                .map(|region| region * NODES + from % NODES)
                .collect(),
        };
        for to in peers {
            if let Some((way, _)) = self.network.carry(home, to / NODES, false) {
                let news = news.clone();
                self.schedule(self.now + way, Happening::Deliver { to, from, news });
            }
        }
    }

    fn learn(&mut self, to: usize, from: usize, news: &News) {
        for (whose, told) in news {
            let row = &mut self.nodes[to].rows[*whose];
            let newest = told.newest();
            let mut grew = row.join(newest, told.count_at(newest));
            grew |= row.join(newest.previous(), told.count_at(newest.previous()));
            if !grew {
                continue;
            }
            // Once over each step, as Tidegate does it.
            let native = whose / NODES == to / NODES;
            if from / NODES != to / NODES {
                self.tell(to, *whose, MATES);
            } else if native {
                self.tell(to, *whose, WORLD);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{moment, plan, workloads};
    use super::*;

    /// How many of these requests are admitted of a limit of five in a window.
    fn admitted(times: &[(f64, usize)]) -> u64 {
        let row = workloads().into_iter().find(|row| row.amount == 5);
        let row = row.expect("there is one");
        let plan = plan(&row, 1, "");
        let arrival = |&(secs, node)| Arrival::on_one_subject(moment(secs), node);
        let arrivals: Vec<Arrival> = times.iter().map(arrival).collect();
        let windows = naive(Rule::of(&row), &plan, &arrivals, Seed::new(1));
        windows.values().map(|demand| demand.admitted).sum()
    }

    #[test]
    fn news_takes_its_time_to_every_node() {
        // Node 5 of the first region takes all there is. Its mates know after 10 ms; the second
        // region's border after 10 and 20 ms of waiting and 40 ms on the way, and its others after
        // 10 ms more; the third region after 110 ms.
        for (node, known_ms) in [(5, 0), (0, 11), (9, 11), (10, 71), (19, 82), (25, 152)] {
            let taken = (0..5).map(|_| (0.1, 5));
            let later = |ms: u32| (0.1 + f64::from(ms) / 1_000.0, node);
            let ask = |ms| admitted(&taken.clone().chain([later(ms)]).collect::<Vec<_>>());
            assert_eq!(ask(known_ms + 3), 5, "node {node} knows");
            if known_ms > 0 {
                assert_eq!(ask(known_ms - 3), 6, "node {node} does not know yet");
            }
        }
    }
}
