//! Boxes and lines, before anything is known of how they are written.
//!
//! Columns are in the order of a request: clients, steering, regions, phases, routes and what they
//! ask, services. What a request waits for is a flow; what is told without anyone waiting is an
//! event.

use std::collections::BTreeMap;

use crate::cli::status::age;
use crate::topology::{RegionPart, Topology};
use crate::watch::WorldDocument;

/// All boxes and lines.
#[derive(Debug, Default)]
pub(super) struct Drawing {
    pub(super) title: String,
    pub(super) boxes: Vec<Box>,
    pub(super) lines: Vec<Line>,
}

/// What a box stands for. Columns follow from it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Kind {
    Clients,
    Steering,
    Region,
    Phase,
    Route,
    /// A store, or somebody who is asked.
    Store,
    Service,
}

impl Kind {
    pub(super) const fn column(self) -> usize {
        match self {
            Self::Clients => 0,
            Self::Steering => 1,
            Self::Region => 2,
            Self::Phase => 3,
            Self::Route | Self::Store => 4,
            Self::Service => 5,
        }
    }
}

/// How a box or a line is at the moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Health {
    /// Nobody was asked.
    Unknown,
    Well,
    Ill,
}

/// A box: a name, and further lines below it.
#[derive(Debug)]
pub(super) struct Box {
    pub(super) id: String,
    pub(super) kind: Kind,
    pub(super) texts: Vec<String>,
    pub(super) health: Health,
}

/// A line between two boxes.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) from: usize,
    pub(super) to: usize,
    /// Whether nobody waits for it.
    pub(super) event: bool,
    pub(super) label: String,
    pub(super) health: Health,
}

const PHASES: [(&str, &str); 5] = [
    ("arrive", "framing, path"),
    ("route", "host, path, method"),
    ("identify", "who calls"),
    ("admit", "limits, rules"),
    ("forward", "balance, attempt"),
];

impl Drawing {
    pub(super) fn of(topology: &Topology, world: Option<&WorldDocument>) -> Self {
        let mut drawing = Self {
            title: match world {
                Some(world) => format!(
                    "As {} sees it; rates of routes are its own",
                    world.status.cluster.node
                ),
                None => "As the configuration says".to_owned(),
            },
            ..Self::default()
        };
        let clients = drawing.add(Kind::Clients, "clients", vec!["clients".to_owned()]);
        let phases: Vec<usize> = PHASES
            .iter()
            .map(|(name, what)| {
                drawing.add(
                    Kind::Phase,
                    name,
                    vec![(*name).to_owned(), (*what).to_owned()],
                )
            })
            .collect();
        for pair in phases.windows(2) {
            drawing.flow(pair[0], pair[1], String::new());
        }
        drawing.regions(topology, world, clients, phases[0]);
        drawing.stores(topology, world, &phases);
        drawing.routes(topology, world, phases[4]);
        drawing
    }

    fn add(&mut self, kind: Kind, id: &str, texts: Vec<String>) -> usize {
        let id = format!("{kind:?}_{id}").to_lowercase();
        self.boxes.push(Box {
            id,
            kind,
            texts,
            health: Health::Unknown,
        });
        self.boxes.len() - 1
    }

    fn flow(&mut self, from: usize, to: usize, label: String) -> &mut Line {
        self.lines.push(Line {
            from,
            to,
            event: false,
            label,
            health: Health::Unknown,
        });
        self.lines.last_mut().expect("just pushed")
    }

    fn event(&mut self, from: usize, to: usize, label: String) -> &mut Line {
        let line = self.flow(from, to, label);
        line.event = true;
        line
    }

    /// Clients, what steers them, regions, and what regions tell each other.
    fn regions(
        &mut self,
        topology: &Topology,
        world: Option<&WorldDocument>,
        clients: usize,
        first: usize,
    ) {
        let mut steering: BTreeMap<String, usize> = BTreeMap::new();
        let mut boxes: BTreeMap<&str, usize> = BTreeMap::new();
        for place in &topology.places {
            let part = topology
                .regions
                .iter()
                .find(|part| part.region == place.region);
            let texts = region_texts(&place.region, part, world);
            let region = self.add(Kind::Region, &place.region, texts);
            boxes.insert(&place.region, region);
            let (rate, health) = region_now(&place.region, world);
            self.boxes[region].health = health;
            for way in ways(topology, part) {
                let from = *steering.entry(way.clone()).or_insert_with(|| {
                    let steering = self.add(Kind::Steering, &way, vec![way.clone()]);
                    self.flow(clients, steering, String::new());
                    steering
                });
                let line = self.flow(from, region, rate.clone());
                line.health = health;
            }
            self.flow(region, first, String::new());
        }
        let all: Vec<(&str, usize)> = boxes.into_iter().collect();
        for (at, (name, from)) in all.iter().enumerate() {
            for (other, to) in &all[at + 1..] {
                let (label, health) = between(name, other, world);
                let line = self.event(*from, *to, label);
                line.health = health;
            }
        }
    }

    /// Stores, and who is asked about callers.
    fn stores(&mut self, topology: &Topology, world: Option<&WorldDocument>, phases: &[usize]) {
        let (identify, admit, forward) = (phases[2], phases[3], phases[4]);
        let mut stores: Vec<&str> = topology
            .regions
            .iter()
            .map(|r| r.key_store.as_str())
            .collect();
        stores.sort_unstable();
        stores.dedup();
        for store in stores {
            let ill = world.is_some_and(|world| world.key_store_trouble.is_some());
            let texts = vec!["keys".to_owned(), store.to_owned()];
            let at = self.add(Kind::Store, &format!("keys {store}"), texts);
            let health = match (world, ill) {
                (None, _) => Health::Unknown,
                (_, true) => Health::Ill,
                (_, false) => Health::Well,
            };
            self.boxes[at].health = health;
            self.flow(identify, at, "if not cached".to_owned()).health = health;
            if store != "embedded" {
                self.event(at, identify, "stream of changes".to_owned());
            }
        }
        for (name, part) in &topology.authenticators {
            if let Some(asked) = &part.asks {
                let texts = vec![format!("{name} ({})", part.kind), asked.clone()];
                let at = self.add(Kind::Store, name, texts);
                self.flow(identify, at, String::new());
            }
        }
        if !topology.redis.is_empty() {
            let texts = vec!["Redis of limits".to_owned(), topology.redis.join(", ")];
            let at = self.add(Kind::Store, "redis", texts);
            let up = world.and_then(|world| world.hottest.as_ref()?.redis_up);
            let health = match up {
                None => Health::Unknown,
                Some(true) => Health::Well,
                Some(false) => Health::Ill,
            };
            self.boxes[at].health = health;
            self.flow(admit, at, String::new()).health = health;
        }
        let log = self.add(Kind::Store, "log", vec!["access log".to_owned()]);
        self.event(forward, log, String::new());
    }

    /// Routes and services.
    fn routes(&mut self, topology: &Topology, world: Option<&WorldDocument>, forward: usize) {
        let mut services: BTreeMap<&str, usize> = BTreeMap::new();
        for route in &topology.routes {
            services.entry(&route.upstream).or_insert_with(|| {
                let (texts, health) = service_texts(&route.upstream, topology, world);
                let service = self.add(Kind::Service, &route.upstream, texts);
                self.boxes[service].health = health;
                service
            });
        }
        for route in &topology.routes {
            let mut texts = vec![
                route.route.clone(),
                format!("{}{}", route.hosts.join(","), route.path),
            ];
            texts.push(format!("by {}", route.auth.join(", ")));
            if !route.limits.is_empty() {
                texts.push(format!("within {}", route.limits.join(", ")));
            }
            let at = self.add(Kind::Route, &route.route, texts);
            let rates = world.and_then(|world| {
                world
                    .rates
                    .routes
                    .iter()
                    .find(|rates| rates.route == route.route)
            });
            let rate = |per_s: f64| format!("{per_s:.1}/s");
            let (asked, sent, health) = match rates {
                None => (String::new(), String::new(), Health::Unknown),
                Some(rates) => (
                    rate(rates.requests_per_s),
                    rate(rates.forwarded_per_s),
                    match rates.failed_per_s > 0.0 {
                        true => Health::Ill,
                        false => Health::Well,
                    },
                ),
            };
            self.flow(forward, at, asked);
            self.flow(at, services[route.upstream.as_str()], sent)
                .health = health;
        }
    }
}

/// What brings clients to a region.
fn ways(topology: &Topology, part: Option<&RegionPart>) -> Vec<String> {
    let mut ways = Vec::new();
    if let Some(zone) = &topology.zone {
        ways.push(format!("DNS zone {zone}"));
    }
    match part.map(|part| part.speaker.as_str()) {
        Some("nobody (dry run)") if !ways.is_empty() => {}
        Some(speaker) => ways.push(format!("anycast by {speaker}")),
        None if ways.is_empty() => ways.push("anycast".to_owned()),
        None => {}
    }
    ways
}

fn region_texts(
    name: &str,
    part: Option<&RegionPart>,
    world: Option<&WorldDocument>,
) -> Vec<String> {
    let mut texts = vec![name.to_owned()];
    if let Some(part) = part {
        for door in &part.doors {
            let tls = match (door.tls, door.client_certificates) {
                (false, _) => "",
                (true, false) => ", TLS",
                (true, true) => ", mutual TLS",
            };
            texts.push(format!("door {} ({}{tls})", door.door, door.exposure));
        }
        if !part.prefixes.is_empty() {
            texts.push(part.prefixes.join(", "));
        }
    }
    let seen = world.and_then(|world| {
        let mut regions = world.status.cluster.regions.iter();
        regions.find(|region| region.region.as_str() == name)
    });
    match (seen, part) {
        (Some(seen), _) => {
            let alive = seen.nodes.iter().filter(|node| node.alive).count();
            texts.push(format!("{alive} of {} nodes alive", seen.nodes.len()));
        }
        (None, Some(part)) => texts.push(format!("{} nodes", part.nodes.len())),
        (None, None) => {}
    }
    texts
}

/// How many requests a region gets, and whether it is announced and heard.
fn region_now(name: &str, world: Option<&WorldDocument>) -> (String, Health) {
    let Some(world) = world else {
        return (String::new(), Health::Unknown);
    };
    let mut regions = world.status.cluster.regions.iter();
    let Some(region) = regions.find(|region| region.region.as_str() == name) else {
        return (String::new(), Health::Unknown);
    };
    let living = region.nodes.iter().filter(|node| node.alive);
    let rate: u32 = living.map(|node| node.facts.requests_per_s).sum();
    match (region.announced, region.presence.as_str()) {
        (_, "silent") => ("silent".to_owned(), Health::Ill),
        (Some(false), _) => ("withdrawn".to_owned(), Health::Ill),
        _ => (format!("{rate}/s"), Health::Well),
    }
}

/// What two regions tell each other, and how old the last word is if one of them is asked.
fn between(one: &str, other: &str, world: Option<&WorldDocument>) -> (String, Health) {
    const TOLD: &str = "counts, keys, health";
    let far = match world {
        Some(world) if world.home == one => other,
        Some(world) if world.home == other => one,
        _ => return (TOLD.to_owned(), Health::Unknown),
    };
    let mut regions = world.iter().flat_map(|world| &world.status.cluster.regions);
    let Some(region) = regions.find(|region| region.region.as_str() == far) else {
        return (TOLD.to_owned(), Health::Unknown);
    };
    let health = match region.presence.as_str() {
        "reachable" => Health::Well,
        _ => Health::Ill,
    };
    match region.staleness_ms {
        Some(ms) => (format!("{TOLD}: {} ago", age(ms)), health),
        None => (format!("{TOLD}: never"), Health::Ill),
    }
}

fn service_texts(
    name: &str,
    topology: &Topology,
    world: Option<&WorldDocument>,
) -> (Vec<String>, Health) {
    let mut texts = vec![name.to_owned()];
    let rates = world.and_then(|world| {
        world
            .rates
            .upstreams
            .iter()
            .find(|pool| pool.upstream == name)
    });
    let health = match rates {
        Some(pool) => {
            let fit = pool.endpoints.values().filter(|fit| **fit).count();
            texts.push(format!("{fit} of {} endpoints fit", pool.endpoints.len()));
            match fit == pool.endpoints.len() {
                true => Health::Well,
                false => Health::Ill,
            }
        }
        None => {
            for part in &topology.regions {
                let endpoints = part.upstreams.get(name).map_or(0, Vec::len);
                texts.push(format!("{endpoints} in {}", part.region));
            }
            Health::Unknown
        }
    };
    if topology.fallbacks.iter().any(|fallback| fallback == name) {
        texts.push("other regions if none is left".to_owned());
    }
    (texts, health)
}

#[cfg(test)]
mod tests;
