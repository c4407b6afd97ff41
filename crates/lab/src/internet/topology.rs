//! What a small internet is made of: namespaces, links and addresses. Nothing here touches the
//! system.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tidegate_model::{NodeId, RegionId};

/// The anycast address: one that is reserved for documentation, so it is nobody's.
pub const VIP: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);
/// What clients ask for.
pub const PROBE_PATH: &str = "/tidegate-lab/probe";
/// Regions at most: their numbers stand in addresses.
const SITES_MAX: usize = 16;
/// Machines in a region at most.
const MACHINES_MAX: usize = 16;

/// A small internet.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Topology {
    /// What names of its namespaces begin with.
    pub prefix: String,
    /// Regions.
    pub sites: Vec<Site>,
    /// Whether lines between regions are as long as on the globe.
    pub wan: bool,
}

/// A region: a router, machines, and clients nearby.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Site {
    /// The region.
    pub region: RegionId,
    /// Its machines, each with a node and a BIRD.
    pub machines: Vec<Machine>,
    /// How long a packet takes to each other region, in microseconds, in the order of regions.
    pub away_us: Vec<u64>,
}

/// A machine.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Machine {
    /// Its node.
    pub node: NodeId,
    /// The node's admin door, on loopback.
    pub admin: SocketAddr,
    /// Processor cores that serve.
    pub workers: usize,
}

/// A link between two namespaces.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Link {
    /// One end.
    pub a: End,
    /// The other.
    pub b: End,
    /// How long a packet takes.
    pub one_way: Duration,
}

/// An end of a link. The network has 30 bits: two addresses.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct End {
    /// The namespace.
    pub space: String,
    /// The device in it.
    pub device: String,
    /// Its address.
    pub addr: Ipv4Addr,
}

impl Topology {
    /// Whether there are more regions or machines than addresses.
    #[must_use]
    pub fn too_big(&self) -> bool {
        self.sites.len() > SITES_MAX || self.sites.iter().any(|s| s.machines.len() > MACHINES_MAX)
    }

    /// The namespace of a region's router.
    #[must_use]
    pub fn router(&self, site: usize) -> String {
        format!("{}{}", self.prefix, self.sites[site].region)
    }

    /// The namespace of a machine.
    #[must_use]
    pub fn machine(&self, node: &NodeId) -> String {
        format!("{}{}.{}", self.prefix, node.region, node.name())
    }

    /// The namespace of the clients near a region.
    #[must_use]
    pub fn clients(&self, site: usize) -> String {
        format!("{}{}-clients", self.prefix, self.sites[site].region)
    }

    /// All namespaces.
    #[must_use]
    pub fn spaces(&self) -> Vec<String> {
        let of_site = |site: usize| {
            let machines = self.sites[site].machines.iter();
            let machines = machines.map(|machine| self.machine(&machine.node));
            [self.router(site), self.clients(site)]
                .into_iter()
                .chain(machines)
        };
        (0..self.sites.len()).flat_map(of_site).collect()
    }

    /// Namespaces that forward packets of others.
    #[must_use]
    pub fn routers(&self) -> Vec<String> {
        (0..self.sites.len())
            .map(|site| self.router(site))
            .collect()
    }

    /// All links.
    #[must_use]
    pub fn links(&self) -> Vec<Link> {
        let local = (0..self.sites.len()).flat_map(|site| {
            let machines = 0..self.sites[site].machines.len();
            let machines = machines.map(move |machine| self.machine_link(site, machine));
            machines.chain([self.clients_link(site)])
        });
        local.chain(self.lines().map(|(_, _, link)| link)).collect()
    }

    /// The link between a router and one of its machines; the router is at the first end.
    #[must_use]
    pub fn machine_link(&self, site: usize, machine: usize) -> Link {
        let node = &self.sites[site].machines[machine].node;
        let host = 4 * (octet(machine) + 1);
        Link {
            a: End {
                space: self.router(site),
                device: format!("node{}", machine + 1),
                addr: Ipv4Addr::new(10, 77, octet(site) + 1, host + 1),
            },
            b: End {
                space: self.machine(node),
                device: "eth0".to_owned(),
                addr: Ipv4Addr::new(10, 77, octet(site) + 1, host + 2),
            },
            one_way: Duration::ZERO,
        }
    }

    /// The link between a router and the clients near it.
    #[must_use]
    pub fn clients_link(&self, site: usize) -> Link {
        Link {
            a: End {
                space: self.router(site),
                device: "clients".to_owned(),
                addr: Ipv4Addr::new(10, 79, octet(site) + 1, 1),
            },
            b: End {
                space: self.clients(site),
                device: "eth0".to_owned(),
                addr: Ipv4Addr::new(10, 79, octet(site) + 1, 2),
            },
            one_way: Duration::ZERO,
        }
    }

    /// Lines between routers: from which region to which.
    pub fn lines(&self) -> impl Iterator<Item = (usize, usize, Link)> {
        let sites = self.sites.len();
        let pairs = (0..sites).flat_map(move |from| (from + 1..sites).map(move |to| (from, to)));
        pairs.enumerate().map(|(at, (from, to))| {
            let end = |site: usize, other: usize, host: u8| End {
                space: self.router(site),
                device: format!("wan{}", other + 1),
                addr: Ipv4Addr::new(10, 78, octet(at), host),
            };
            let away = Duration::from_micros(self.sites[from].away_us[to]);
            let link = Link {
                a: end(from, to, 1),
                b: end(to, from, 2),
                one_way: if self.wan { away } else { Duration::ZERO },
            };
            (from, to, link)
        })
    }

    /// Where a machine is found by others.
    #[must_use]
    pub fn addr(&self, site: usize, machine: usize) -> Ipv4Addr {
        self.machine_link(site, machine).b.addr
    }

    /// A region by name.
    #[must_use]
    pub fn site(&self, region: &str) -> Option<usize> {
        self.sites
            .iter()
            .position(|site| site.region.as_str() == region)
    }

    /// A machine by its node's name.
    #[must_use]
    pub fn find(&self, node: &str) -> Option<(usize, usize)> {
        self.machines()
            .find(|(site, at)| self.sites[*site].machines[*at].node.to_string() == node)
    }

    /// All machines, as region and place in it.
    pub fn machines(&self) -> impl Iterator<Item = (usize, usize)> {
        let sites = self.sites.iter().enumerate();
        sites.flat_map(|(site, spec)| (0..spec.machines.len()).map(move |machine| (site, machine)))
    }
}

/// A number that was checked to be small.
fn octet(number: usize) -> u8 {
    u8::try_from(number).expect("there are at most 16 regions of 16 machines")
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// So many regions with so many machines each.
    pub(crate) fn internet(sites: usize, machines: usize) -> Topology {
        let site = |site: usize| {
            let region: RegionId = format!("region-{site}").parse().unwrap();
            let machine = |at: usize| Machine {
                node: NodeId::new(region.clone(), &format!("n{at}")).unwrap(),
                admin: SocketAddr::from(([127, 0, 0, 1], 9_901)),
                workers: 1,
            };
            Site {
                machines: (0..machines).map(machine).collect(),
                region: region.clone(),
                away_us: (0..sites)
                    .map(|other| 10_000 * site.abs_diff(other) as u64)
                    .collect(),
            }
        };
        Topology {
            prefix: "tg-".to_owned(),
            sites: (0..sites).map(site).collect(),
            wan: true,
        }
    }

    #[test]
    fn every_end_has_an_address_and_a_device_of_its_own() {
        let internet = internet(SITES_MAX, MACHINES_MAX);
        assert!(!internet.too_big());
        let links = internet.links();
        assert_eq!(links.len(), 16 * 17 + 16 * 15 / 2);
        let ends = || links.iter().flat_map(|link| [&link.a, &link.b]);
        let addrs: BTreeSet<Ipv4Addr> = ends().map(|end| end.addr).collect();
        assert_eq!(addrs.len(), 2 * links.len());
        let devices: BTreeSet<_> = ends().map(|end| (&end.space, &end.device)).collect();
        assert_eq!(devices.len(), 2 * links.len());
        let spaces: BTreeSet<String> = internet.spaces().into_iter().collect();
        assert_eq!(spaces.len(), 16 * 18);
        assert!(
            ends().all(|end| spaces.contains(&end.space)),
            "no link leads nowhere"
        );
        assert!(
            ends().all(|end| end.device.len() < 16),
            "what the kernel takes"
        );
    }

    #[test]
    fn both_ends_of_a_link_are_neighbours() {
        for link in internet(3, 2).links() {
            let network = |addr: Ipv4Addr| u32::from(addr) & !3;
            assert_eq!(network(link.a.addr), network(link.b.addr));
            let host = |addr: Ipv4Addr| u32::from(addr) & 3;
            assert_eq!((host(link.a.addr), host(link.b.addr)), (1, 2));
        }
    }

    #[test]
    fn lines_are_as_long_as_the_way() {
        let mut internet = internet(3, 1);
        let ways = |internet: &Topology| -> Vec<u128> {
            internet
                .lines()
                .map(|(_, _, link)| link.one_way.as_millis())
                .collect()
        };
        assert_eq!(ways(&internet), [10, 20, 10]);
        internet.wan = false;
        assert_eq!(ways(&internet), [0, 0, 0]);
    }
}
