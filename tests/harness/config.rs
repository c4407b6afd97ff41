//! Configurations on free ports.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

/// Hands out ports that are free at the moment, and none twice.
///
/// They lie below those that Linux gives to outgoing connections (32768 and up): a port that is
/// free now is not taken by another test's client before a server has it.
#[derive(Debug, Default)]
pub struct Ports {
    held: Vec<TcpListener>,
}

const FIRST_PORT: u32 = 10_000;
const PORTS: u32 = 22_000;

/// How many ports were handed out or found taken in this process, so that worlds one after the
/// other do not meet.
static TRIED: AtomicU32 = AtomicU32::new(0);

impl Ports {
    /// A free port on loopback.
    ///
    /// # Panics
    /// If the machine has none.
    pub fn take(&mut self) -> SocketAddr {
        // Test programs that run at once begin at different places.
        let begin = std::process::id().wrapping_mul(977);
        for _ in 0..PORTS {
            let nth = begin.wrapping_add(TRIED.fetch_add(1, Ordering::Relaxed));
            let port = u16::try_from(FIRST_PORT + nth % PORTS).expect("below 65,536");
            let addr = SocketAddr::from(([127, 0, 0, 1], port));
            if let Ok(listener) = TcpListener::bind(addr) {
                // Held until all are chosen: others see that it is taken.
                self.held.push(listener);
                return addr;
            }
        }
        panic!("no port of {FIRST_PORT} to {} is free", FIRST_PORT + PORTS);
    }
}

/// A region's file, in parts.
#[derive(Clone, Debug)]
pub struct RegionText {
    /// Its name.
    pub name: String,
    /// Its nodes: name, mesh door, admin door, public door.
    pub nodes: Vec<(String, SocketAddr, SocketAddr, SocketAddr)>,
    /// Endpoints of the upstream `echo`.
    pub endpoints: Vec<SocketAddr>,
    /// Where its clients come in, if a director runs.
    pub front: Option<SocketAddr>,
    /// Settings of the public door, as YAML in one line.
    pub door: String,
    /// More upstreams, as lines of YAML.
    pub upstreams: String,
    /// More lines.
    pub more: String,
}

/// A whole configuration.
#[derive(Clone, Debug)]
pub struct WorldText {
    /// `world.yaml`, without its regions.
    pub world: String,
    /// The regions.
    pub regions: Vec<RegionText>,
    /// Where the director is, if one runs.
    pub director: Option<SocketAddr>,
    /// Where the first node serves the zone of `world`, if it does.
    pub dns: Option<SocketAddr>,
}

/// Regions of worlds, with their places.
const PLACES: [(&str, &str); 3] = [
    ("us-east-1", "[38.9, -77.4]"),
    ("eu-west-1", "[53.3, -6.3]"),
    ("ap-southeast-1", "[1.3, 103.8]"),
];

impl WorldText {
    /// Three regions with so many nodes each, two endpoints a region, and a director.
    #[must_use]
    pub fn three_regions(nodes: usize, world: &str) -> Self {
        let mut ports = Ports::default();
        let node = |ports: &mut Ports, i: usize| {
            let name = char::from(b'a' + i as u8).to_string();
            (name, ports.take(), ports.take(), ports.take())
        };
        let regions = PLACES
            .iter()
            .map(|(name, _)| RegionText {
                name: (*name).to_owned(),
                nodes: (0..nodes).map(|i| node(&mut ports, i)).collect(),
                endpoints: vec![ports.take(), ports.take()],
                front: Some(ports.take()),
                door: "{}".to_owned(),
                upstreams: String::new(),
                more: String::new(),
            })
            .collect();
        Self {
            world: world.to_owned(),
            regions,
            director: Some(ports.take()),
            dns: None,
        }
    }

    /// One region with one node whose upstream is at `endpoints`.
    #[must_use]
    pub fn one_node(world: &str, endpoints: &[SocketAddr]) -> Self {
        let mut ports = Ports::default();
        let region = RegionText {
            name: PLACES[0].0.to_owned(),
            nodes: vec![("a".to_owned(), ports.take(), ports.take(), ports.take())],
            endpoints: endpoints.to_vec(),
            front: None,
            door: "{}".to_owned(),
            upstreams: String::new(),
            more: String::new(),
        };
        Self {
            world: world.to_owned(),
            regions: vec![region],
            director: None,
            dns: None,
        }
    }

    /// Writes the files.
    ///
    /// # Panics
    /// If the folder cannot be written to.
    pub fn write(&self, folder: &Path) {
        let mut world = "regions:\n".to_owned();
        for region in &self.regions {
            let place = PLACES
                .iter()
                .find(|(name, _)| *name == region.name)
                .expect("a region with a place");
            world.push_str(&format!("  {}: {{ location: {} }}\n", region.name, place.1));
            std::fs::write(
                folder.join(format!("{}.yaml", region.name)),
                self.region(region),
            )
            .expect("writable");
        }
        world.push_str(&self.world);
        std::fs::write(folder.join("world.yaml"), world).expect("writable");
    }

    fn region(&self, region: &RegionText) -> String {
        let mut text = format!("region: {}\nnodes:\n", region.name);
        for (at, (name, mesh, admin, public)) in region.nodes.iter().enumerate() {
            let first = at == 0 && region.name == self.regions[0].name;
            let dns = self.dns.filter(|_| first);
            let dns = dns.map_or_else(String::new, |dns| format!(", dns: {dns}"));
            text.push_str(&format!(
                "  {name}: {{ mesh: {mesh}, admin: {admin}, doors: {{ public: {public} }}, workers: 1{dns} }}\n"
            ));
        }
        text.push_str(&format!("doors:\n  public: {}\n", region.door));
        let endpoints: Vec<String> = region.endpoints.iter().map(ToString::to_string).collect();
        text.push_str(&format!(
            "upstreams:\n  echo: [{}]\n{}peers:\n",
            endpoints.join(", "),
            region.upstreams
        ));
        for other in self
            .regions
            .iter()
            .filter(|other| other.name != region.name)
        {
            let nodes: Vec<String> = other
                .nodes
                .iter()
                .map(|(name, mesh, ..)| format!("{name}: {mesh}"))
                .collect();
            text.push_str(&format!("  {}: {{ {} }}\n", other.name, nodes.join(", ")));
        }
        if let (Some(at), Some(front)) = (self.director, region.front) {
            text.push_str(&format!(
                "anycast:\n  director: {{ at: {at}, front: {front} }}\n"
            ));
        }
        text.push_str(&region.more);
        text
    }
}
