//! Configurations of BIRD: what a machine tells its router, and what routers tell each other. The
//! same as in `deploy/bird`, with addresses filled in and a log that the report reads.

use std::fmt::Write;
use std::net::Ipv4Addr;
use std::path::Path;

use super::topology::{Topology, VIP};

/// What every session has. A node that is gone must not be remembered.
const SESSION: &str = "direct; bfd on; hold time 9; keepalive time 3; connect delay time 1; connect retry time 1; \
     error wait time 1, 2; graceful restart off;";
/// Whatever is said of routes and sessions goes to the log, with microseconds.
const TOLD: &str = "timeformat log iso long us;\ndebug protocols { states, routes };\n";
/// The preference of a route by machines of the region's own.
const OWN: usize = 1_000;
/// What a region further away is preferred less.
const STEP: usize = 10;

const STRING: &str = "a String takes everything";

impl Topology {
    /// The configuration of a machine's BIRD.
    #[must_use]
    pub fn machine_conf(&self, site: usize, machine: usize, log: &Path) -> String {
        let link = self.machine_link(site, machine);
        format!(
            "log \"{}\" all;\n{TOLD}router id {};\nprotocol device {{ }}\n\
             protocol direct tidegate {{ disabled; ipv4; interface \"tidegate0\"; }}\n\
             protocol direct tidegate_leaving {{ disabled; ipv4 {{ preference 100; \
             import filter {{ bgp_community.add((65535, 0)); accept; }}; }}; interface \"tidegate0\"; }}\n\
             protocol bfd {{ interface \"*\" {{ interval 100 ms; multiplier 3; }}; }}\n\
             protocol bgp upstream {{ local as {}; neighbor {} as {}; {SESSION}\n  \
             ipv4 {{ import none; export where source = RTS_DEVICE && net = {VIP}/32; }}; }}\n",
            log.display(),
            link.b.addr,
            machines_as(site),
            link.a.addr,
            router_as(site),
        )
    }

    /// The configuration of a region's router.
    #[must_use]
    pub fn router_conf(&self, site: usize, log: &Path) -> String {
        let mut conf = format!(
            "log \"{}\" all;\n{TOLD}router id {};\nprotocol device {{ }}\n\
             protocol kernel {{ ipv4 {{ export where source = RTS_BGP; }}; merge paths on; }}\n\
             protocol bfd {{ interface \"node*\" {{ interval 100 ms; multiplier 3; }}; \
             interface \"wan*\" {{ interval 200 ms; multiplier 5; }}; }}\n\
             protocol static inside {{ ipv4; {}}}\n",
            log.display(),
            self.clients_link(site).a.addr,
            networks(site)
                .map(|network| format!("route {network}/24 blackhole; "))
                .concat(),
        );
        self.add_machines(&mut conf, site);
        self.add_routers(&mut conf, site);
        conf
    }

    /// Sessions with the region's machines: they announce one address and nothing else.
    fn add_machines(&self, conf: &mut String, site: usize) {
        writeln!(
            conf,
            "filter from_node {{ if net != {VIP}/32 then reject; bgp_local_pref = {OWN}; \
             if (65535, 0) ~ bgp_community then bgp_local_pref = 0; accept; }}\n\
             template bgp node {{ local as {}; {SESSION}\n  \
             ipv4 {{ import filter from_node; import limit 10 action block; export none; }}; }}",
            router_as(site)
        )
        .expect(STRING);
        for machine in 0..self.sites[site].machines.len() {
            writeln!(
                conf,
                "protocol bgp {} from node {{ neighbor {} as {}; }}",
                self.session(site, machine),
                self.addr(site, machine),
                machines_as(site)
            )
            .expect(STRING);
        }
    }

    /// Sessions with routers of other regions, the nearer the better liked.
    fn add_routers(&self, conf: &mut String, site: usize) {
        let mut others: Vec<usize> = (0..self.sites.len())
            .filter(|other| *other != site)
            .collect();
        others.sort_by_key(|other| self.sites[site].away_us[*other]);
        for (from, to, link) in self.lines() {
            let (other, peer) = match site {
                site if site == from => (to, link.b.addr),
                site if site == to => (from, link.a.addr),
                _ => continue,
            };
            let rank = others
                .iter()
                .position(|known| *known == other)
                .unwrap_or_default();
            writeln!(
                conf,
                "protocol bgp to_{} {{ local as {}; neighbor {peer} as {}; {SESSION}\n  \
                 ipv4 {{ import filter {{ bgp_local_pref = {}; if (65535, 0) ~ bgp_community then bgp_local_pref = 0; accept; }}; \
                 next hop self; export all; }}; }}",
                plain(self.sites[other].region.as_str()),
                router_as(site),
                router_as(other),
                OWN - 1 - STEP * (rank + 1),
            )
            .expect(STRING);
        }
    }

    /// What a router calls its session with a machine.
    #[must_use]
    pub fn session(&self, site: usize, machine: usize) -> String {
        let node = &self.sites[site].machines[machine].node;
        format!("node{}_{}", machine + 1, plain(node.name()))
    }
}

/// A name as BIRD takes it.
fn plain(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    name.chars().map(plain).collect()
}

fn router_as(site: usize) -> usize {
    64_501 + site
}

fn machines_as(site: usize) -> usize {
    65_001 + site
}

/// Networks of a region: machines and clients.
fn networks(site: usize) -> [Ipv4Addr; 2] {
    let site = u8::try_from(site + 1).expect("there are at most 16 regions");
    [77, 79].map(|kind| Ipv4Addr::new(10, kind, site, 0))
}

#[cfg(test)]
mod tests {
    use super::super::topology::tests::internet;
    use super::*;

    #[test]
    fn nearer_regions_are_liked_better() {
        let conf = internet(3, 1).router_conf(0, Path::new("log"));
        let preference = |name: &str| -> usize {
            let (_, after) = conf.split_once(&format!("protocol bgp to_{name}")).unwrap();
            let (_, after) = after.split_once("bgp_local_pref = ").unwrap();
            after.split(';').next().unwrap().parse().unwrap()
        };
        assert!(preference("region_1") > preference("region_2"));
        assert!(preference("region_1") < OWN);
    }

    #[test]
    fn a_session_stands_for_each_neighbour() {
        let internet = internet(3, 2);
        let conf = internet.router_conf(1, Path::new("log"));
        assert_eq!(conf.matches("protocol bgp ").count(), 4, "{conf}");
        assert_eq!(internet.session(1, 1), "node2_n1");
        assert!(conf.contains("protocol bgp node2_n1 from node { neighbor 10.77.2.10 as 65002; }"));
    }
}
