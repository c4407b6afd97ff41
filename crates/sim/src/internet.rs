//! How clients find a region: anycast, as networks see it.
//!
//! Each client network goes to the nearest region of those it sees announced; to one that is
//! announced as the second choice, by a longer path, only if there is no other. What it sees is
//! late: first the router beside the nodes follows, then each network after a time that is drawn
//! from the plan's distribution. When a network's region goes, a part of them hunts: it tries a
//! farther region before it finds the nearest. Each change of route breaks the network's sessions.
//!
//! Real networks choose by policy and not by distance, and change their minds without a cause; a
//! model by distance tells what a change costs, not where one's clients go.

use std::time::Duration;

use rand::RngExt;
use tidegate_config::Location;
use tidegate_model::{Mono, Rng, Seed};

use crate::plan::{Convergence, InternetSpec};

/// How a node, or a region, is announced.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Choice {
    /// Routers take it if they know of nothing else.
    Second,
    /// As usual.
    First,
}

/// A region's router: the nodes that it knows, in order.
#[derive(Default)]
struct Router {
    first: Vec<usize>,
    second: Vec<usize>,
}

pub(crate) struct Internet {
    spec: InternetSpec,
    routers: Vec<Router>,
    networks: Vec<Network>,
    rng: Rng,
}

/// A network that clients are in.
struct Network {
    /// The region that it is nearest to.
    place: usize,
    /// How far east, as a part of the way round the world.
    east: f64,
    /// Regions by distance.
    order: Vec<usize>,
    /// Regions that it sees announced, and as the first choice, a bit each.
    sees: u64,
    sees_first: u64,
    /// By region, the number of the last change that it has followed.
    followed: Vec<u32>,
    /// The region that it tries while it hunts.
    hunting: Option<usize>,
    route: Option<usize>,
    turn: usize,
    outage: Outage,
}

#[derive(Default)]
struct Outage {
    since: Option<Mono>,
    longest: Duration,
}

/// A network will follow a change.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Following {
    pub(crate) network: usize,
    pub(crate) region: usize,
    pub(crate) announced: Option<Choice>,
    pub(crate) after: Duration,
    number: u32,
}

impl Internet {
    /// The networks of a world: some near each region, and one at each further place.
    pub(crate) fn new(
        spec: InternetSpec,
        places: &[Location],
        further: &[Location],
        seed: Seed,
    ) -> Self {
        let mut rng = seed.child("internet").rng();
        let mut networks = Vec::new();
        for place in places {
            for n in 0..spec.networks {
                let (north, east) = place.degrees();
                let mut near = |degrees: f64| match n {
                    0 => degrees,
                    _ => degrees + rng.random_range(-1.0..1.0) * spec.spread,
                };
                networks.push(Network::new(Location::new(near(north), near(east)), places));
            }
        }
        networks.extend(further.iter().map(|place| Network::new(*place, places)));
        Self {
            routers: places.iter().map(|_| Router::default()).collect(),
            networks,
            rng,
            spec,
        }
    }

    /// Networks near a region come one after the other: how many.
    pub(crate) fn per_region(&self) -> usize {
        usize::from(self.spec.networks)
    }

    pub(crate) fn networks(&self) -> usize {
        self.networks.len()
    }

    /// A region's router follows a node. Returns whether that changed how the region is announced.
    pub(crate) fn set(&mut self, region: usize, node: usize, announced: Option<Choice>) -> bool {
        let router = &mut self.routers[region];
        let before = router.choice();
        put(&mut router.first, node, announced == Some(Choice::First));
        put(&mut router.second, node, announced == Some(Choice::Second));
        router.choice() != before
    }

    /// When which network will follow a region that is announced otherwise than before.
    pub(crate) fn follow(&mut self, region: usize) -> Vec<Following> {
        let announced = self.routers[region].choice();
        let convergence = self.spec.convergence;
        let rng = &mut self.rng;
        let networks = self.networks.iter_mut().enumerate();
        networks
            .map(|(network, n)| {
                n.followed[region] += 1;
                Following {
                    network,
                    region,
                    announced,
                    after: draw(convergence, rng),
                    number: n.followed[region],
                }
            })
            .collect()
    }

    /// A network follows. Returns how many sessions that breaks, and when it stops hunting, if it
    /// begins to.
    pub(crate) fn followed(&mut self, following: Following) -> (u64, Option<Duration>) {
        let Following {
            network,
            region,
            announced,
            number,
            ..
        } = following;
        let spec = &self.spec;
        let network = &mut self.networks[network];
        // It has seen a later change meanwhile.
        if network.followed[region] != number {
            return (0, None);
        }
        set_bit(&mut network.sees, region, announced.is_some());
        let first = announced == Some(Choice::First);
        set_bit(&mut network.sees_first, region, first);
        let lost = announced.is_none() && network.route == Some(region);
        let hunts = lost && spec.hunting > 0.0 && self.rng.random_range(0.0..1.0) < spec.hunting;
        let mut until = None;
        if hunts {
            network.hunting = network.seen().last();
            until = Some(draw(spec.convergence, &mut self.rng));
        }
        let broken = network.choose();
        (u64::from(broken) * u64::from(spec.sessions), until)
    }

    /// A network has found the nearest. Returns how many sessions break once more.
    pub(crate) fn hunted(&mut self, network: usize) -> u64 {
        let network = &mut self.networks[network];
        network.hunting = None;
        u64::from(network.choose()) * u64::from(self.spec.sessions)
    }

    /// Regions whose routers send to some node.
    pub(crate) fn announced(&self) -> impl Iterator<Item = usize> {
        let regions = self.routers.iter().enumerate();
        regions
            .filter(|(_, router)| router.choice().is_some())
            .map(|(region, _)| region)
    }

    /// How many nodes the router of a region knows.
    pub(crate) fn width(&self, region: usize) -> usize {
        let Router { first, second } = &self.routers[region];
        first.len() + second.len()
    }

    /// The region that a network's requests go to now, and the node that they reach.
    pub(crate) fn route(&mut self, network: usize) -> (Option<usize>, Option<usize>) {
        let network = &mut self.networks[network];
        let Some(region) = network.route else {
            return (None, None);
        };
        network.turn = network.turn.wrapping_add(1);
        let nodes = self.routers[region].nodes();
        let node = match nodes.is_empty() {
            true => None,
            false => Some(nodes[network.turn % nodes.len()]),
        };
        (Some(region), node)
    }

    pub(crate) fn place(&self, network: usize) -> usize {
        self.networks[network].place
    }

    pub(crate) fn east(&self, network: usize) -> f64 {
        self.networks[network].east
    }

    /// A client of a network was answered, or not.
    pub(crate) fn reached(&mut self, network: usize, answered: bool, now: Mono) {
        let outage = &mut self.networks[network].outage;
        match (outage.since, answered) {
            (None, false) => outage.since = Some(now),
            (Some(since), true) => {
                outage.longest = outage.longest.max(now.since(since));
                outage.since = None;
            }
            (None, true) | (Some(_), false) => {}
        }
    }

    /// The longest time that clients of one network found nobody to answer.
    pub(crate) fn longest_outage(&self, end: Mono) -> Duration {
        let longest = |network: &Network| {
            let Outage { since, longest } = network.outage;
            since.map_or(longest, |since| longest.max(end.since(since)))
        };
        self.networks.iter().map(longest).max().unwrap_or_default()
    }
}

impl Router {
    fn choice(&self) -> Option<Choice> {
        match (self.first.is_empty(), self.second.is_empty()) {
            (false, _) => Some(Choice::First),
            (true, false) => Some(Choice::Second),
            (true, true) => None,
        }
    }

    /// Where it sends requests.
    fn nodes(&self) -> &[usize] {
        match self.first.is_empty() {
            true => &self.second,
            false => &self.first,
        }
    }
}

/// Sees to it that a sorted list has a node, or has not.
fn put(nodes: &mut Vec<usize>, node: usize, listed: bool) {
    match (nodes.binary_search(&node), listed) {
        (Err(at), true) => nodes.insert(at, node),
        (Ok(at), false) => drop(nodes.remove(at)),
        (Ok(_), true) | (Err(_), false) => {}
    }
}

const fn set_bit(bits: &mut u64, at: usize, set: bool) {
    let bit = 1 << at;
    *bits = if set { *bits | bit } else { *bits & !bit };
}

impl Network {
    fn new(at: Location, places: &[Location]) -> Self {
        // In metres, so that the last digit of a sine decides nothing.
        let distance = |region: &usize| (at.distance_km(places[*region]) * 1_000.0) as u64;
        let mut order: Vec<usize> = (0..places.len()).collect();
        order.sort_by_key(distance);
        let (_, east) = at.degrees();
        Self {
            place: order[0],
            east: east / 360.0,
            sees: 0,
            sees_first: 0,
            followed: vec![0; places.len()],
            hunting: None,
            route: None,
            turn: 0,
            outage: Outage::default(),
            order,
        }
    }

    /// Regions that it sees, from the nearest; those that are the second choice come last.
    fn seen(&self) -> impl DoubleEndedIterator<Item = usize> {
        let of = |bits: u64| {
            let order = self.order.iter().copied();
            order.filter(move |region| bits & (1 << region) != 0)
        };
        of(self.sees_first).chain(of(self.sees & !self.sees_first))
    }

    /// Chooses a route. Returns whether an old one was given up.
    fn choose(&mut self) -> bool {
        let hunting = self.hunting.filter(|region| self.sees & (1 << region) != 0);
        let route = hunting.or_else(|| self.seen().next());
        let old = std::mem::replace(&mut self.route, route);
        old.is_some() && old != route
    }
}

/// A time of the distribution: even between its points.
fn draw(spec: Convergence, rng: &mut Rng) -> Duration {
    let points = [0, millis(spec.p50), millis(spec.p90), millis(spec.max)];
    if points[3] == 0 {
        return Duration::ZERO;
    }
    let thousandth = rng.random_range(0..1_000_u64);
    let (from, to, part, of) = match thousandth {
        0..500 => (points[0], points[1], thousandth, 500),
        500..900 => (points[1], points[2], thousandth - 500, 400),
        _ => (points[2], points[3], thousandth - 900, 100),
    };
    Duration::from_micros(from * 1_000 + to.saturating_sub(from) * 1_000 * part / of)
}

fn millis(period: tidegate_model::Period) -> u64 {
    u64::try_from(period.get().as_millis()).unwrap_or(u64::MAX / 1_000_000)
}

#[cfg(test)]
mod tests {
    use tidegate_model::Period;

    use super::*;

    #[test]
    fn half_of_all_networks_follow_within_the_median() {
        let secs = Period::from_secs;
        let spec = Convergence {
            p50: secs(2),
            p90: secs(10),
            max: secs(30),
        };
        let mut rng = Seed::new(1).rng();
        let drawn: Vec<Duration> = (0..10_000).map(|_| draw(spec, &mut rng)).collect();
        for (period, part) in [(spec.p50, 5_000), (spec.p90, 9_000), (spec.max, 10_000)] {
            let within = drawn.iter().filter(|d| **d <= period.get()).count();
            assert!(within.abs_diff(part) < 200, "{period}: {within}");
        }
    }

    #[test]
    fn who_hunts_tries_a_farther_region_first() {
        let places = [0.0, 10.0, 40.0].map(|east| Location::new(0.0, east));
        let spec = InternetSpec {
            hunting: 1.0,
            ..InternetSpec::default()
        };
        let mut internet = Internet::new(spec, &places, &[], Seed::new(1));
        let mut change = |region, node, announced: bool| {
            assert!(internet.set(region, node, announced.then_some(Choice::First)));
            let all = internet.follow(region);
            let (broken, until) = internet.followed(all[0]);
            (internet.route(0).0, broken, until)
        };
        assert_eq!(change(2, 2, true).0, Some(2));
        assert_eq!(change(1, 1, true).0, Some(1));
        assert_eq!(change(0, 0, true).0, Some(0));
        let (route, broken, until) = change(0, 0, false);
        assert_eq!((route, broken, until), (Some(2), 100, Some(Duration::ZERO)));
        assert_eq!(internet.hunted(0), 100);
        assert_eq!(internet.route(0), (Some(1), Some(1)));
    }

    #[test]
    fn the_second_choice_is_taken_when_there_is_no_first() {
        let places = [0.0, 10.0].map(|east| Location::new(0.0, east));
        let mut internet = Internet::new(InternetSpec::default(), &places, &[], Seed::new(1));
        let mut route = |region, node, choice| {
            if internet.set(region, node, choice) {
                let all = internet.follow(region);
                internet.followed(all[0]);
            }
            internet.route(0)
        };
        let [first, second] = [Choice::First, Choice::Second].map(Some);
        assert_eq!(route(0, 0, first), (Some(0), Some(0)));
        assert_eq!(route(0, 1, second), (Some(0), Some(0)), "beside a first");
        assert_eq!(route(0, 0, second).0, Some(0), "nobody else");
        assert_eq!(route(1, 2, first), (Some(1), Some(2)), "far, and the first");
        assert_eq!(route(0, 1, first), (Some(0), Some(1)));
        assert_eq!(route(0, 1, None), (Some(1), Some(2)));
        assert_eq!(route(1, 2, None), (Some(0), Some(0)));
    }
}
