//! Checks of region files, alone, against `world.yaml`, and against each other.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use tidegate_model::{Diagnostic, Period};

use super::anycast::check_anycast;
use super::clear::check_clear;
use super::exposure::check_exposure;
use super::logs::check_logs;
use super::names::{DOOR, REGION, UPSTREAM, must_be_known, must_be_name};
use super::traces::check_traces;
use super::zone::check_served;
use crate::auth::AuthenticatorSpec;
use crate::{
    AnycastSpec, DoorSpec, NodeSpec, RELAY_DOOR, RegionSpec, Source, Spanned, TlsSpec, WorldSpec,
};

pub(crate) fn check_regions(
    world: &WorldSpec,
    world_source: &Source,
    regions: &[(RegionSpec, Source)],
    whole: bool,
    problems: &mut Vec<Diagnostic>,
) {
    let mut addresses = Addresses::default();
    for (region, source) in regions {
        check_region(region, world, source, problems);
        addresses.check(region, world.passes_on(), source, problems);
    }
    check_one_file_each(world, world_source, regions, whole, problems);
    check_exposure(world, world_source, regions, problems);
    check_clear(world, regions, problems);
}

fn check_one_file_each(
    world: &WorldSpec,
    world_source: &Source,
    regions: &[(RegionSpec, Source)],
    whole: bool,
    problems: &mut Vec<Diagnostic>,
) {
    let mut seen: BTreeMap<&str, &Source> = BTreeMap::new();
    for (region, source) in regions {
        let name = &region.region;
        if let Some(first) = seen.insert(&name.value, source) {
            let message = format!("the region `{}` has two files", name.value);
            let label = format!("{} describes it, too", first.file.display());
            problems.push(Diagnostic::error(
                message,
                source.span(name.range.clone()),
                label,
            ));
        }
    }
    for (name, place) in world
        .regions
        .iter()
        .filter(|(name, _)| whole && !seen.contains_key(name.as_str()))
    {
        let message = format!("the region `{name}` has no file");
        let problem = Diagnostic::error(
            message,
            world_source.span(place.range.clone()),
            "listed here",
        );
        problems.push(problem.hint(format!(
            "describe its nodes in {name}.yaml beside world.yaml"
        )));
    }
}

fn check_region(
    region: &RegionSpec,
    world: &WorldSpec,
    source: &Source,
    problems: &mut Vec<Diagnostic>,
) {
    let name = &region.region;
    let known = world.regions.keys().map(String::as_str);
    must_be_known(
        "this file describes",
        &name.value,
        name.range.clone(),
        REGION,
        known.clone(),
        source,
        problems,
    );
    for (peer, nodes) in &region.peers {
        must_be_known(
            "peers name",
            peer,
            nodes.range.clone(),
            REGION,
            known.clone(),
            source,
            problems,
        );
        if *peer == name.value {
            let problem = Diagnostic::error(
                "a region is not its own peer",
                source.span(nodes.range.clone()),
                "nodes of this very region",
            );
            problems.push(problem.hint("its own nodes are known from `nodes:`; remove this entry"));
        }
        for node in nodes.value.keys() {
            must_be_name("node", node, nodes.range.clone(), source, problems);
        }
    }
    for (upstream, endpoints) in &region.upstreams {
        let known = world.upstreams.keys().map(String::as_str);
        must_be_known(
            "this region places",
            upstream,
            endpoints.range.clone(),
            UPSTREAM,
            known,
            source,
            problems,
        );
        if endpoints.value.is_empty() {
            let message = format!("the upstream `{upstream}` has no endpoint here");
            problems.push(Diagnostic::error(
                message,
                source.span(endpoints.range.clone()),
                "an empty list",
            ));
        }
    }
    check_upstreams_placed(region, world, source, problems);
    if region.doors.is_empty() {
        let problem = Diagnostic::error(
            "the region has no door",
            source.span(0..0),
            "nothing under `doors:`",
        );
        problems.push(
            problem.hint("clients come in by doors: `doors: { public: { listen: 0.0.0.0:80 } }`"),
        );
    }
    for (door, spec) in &region.doors {
        must_be_name("door", door, spec.range.clone(), source, problems);
        if door == RELAY_DOOR {
            let message = format!("the door `{door}` has the name of a door of ours");
            let span = source.span(spec.range.clone());
            let problem = Diagnostic::error(message, span, "this name is taken");
            problems.push(problem.hint(
                "by `relay` nodes of other regions come in, at the mesh address; choose another name",
            ));
        }
        let times = spec.value.timeouts;
        if [times.first_byte, times.header, times.idle].contains(&Period::from_millis(0)) {
            let message = format!("the door `{door}` would close every connection at once");
            problems.push(Diagnostic::error(
                message,
                source.span(spec.range.clone()),
                "a timeout of nothing",
            ));
        }
    }
    check_clients(region, world, source, problems);
    check_nodes(region, source, problems);
    check_anycast(region, source, problems);
    check_served(region, world, source, problems);
    check_logs(region, world, source, problems);
    if let Some(traces) = &region.traces {
        check_traces(traces, world, source, problems);
    }
}

/// Certificates of clients: settings that do nothing, and a method that no door serves.
fn check_clients(
    region: &RegionSpec,
    world: &WorldSpec,
    source: &Source,
    problems: &mut Vec<Diagnostic>,
) {
    let tls = |door: &Spanned<DoorSpec>| door.value.tls.clone();
    for (name, door) in &region.doors {
        let useless = |tls: &TlsSpec| {
            tls.client_ca.is_none() && (tls.client_required || !tls.client_crls.is_empty())
        };
        if tls(door).as_ref().is_some_and(useless) {
            let message = format!("the door `{name}` does not say who vouches for clients");
            let span = source.span(door.range.clone());
            let problem = Diagnostic::error(message, span, "this door");
            problems.push(problem.hint("add `client_ca: certs/clients.pem` to its `tls`"));
        }
    }
    let asks = |door| tls(door).is_some_and(|tls| tls.client_ca.is_some());
    let is_mtls = |method: &&String| {
        let spec = world.authenticators.get(*method).map(|spec| &spec.value);
        matches!(spec, Some(AuthenticatorSpec::Mtls(_)))
    };
    let mut methods = world
        .routes
        .values()
        .flat_map(|route| &route.value.auth.value.0);
    if let Some(method) = methods
        .find(is_mtls)
        .filter(|_| !region.doors.values().any(asks))
    {
        let message =
            format!("no door of this region asks clients for certificates, as `{method}` needs");
        let span = source.span(region.region.range.clone());
        let problem = Diagnostic::error(message, span, "in this region");
        problems.push(problem.hint("add `client_ca: certs/clients.pem` to the `tls` of a door"));
    }
}

/// A route leads nowhere in a region that does not say where its service is.
fn check_upstreams_placed(
    region: &RegionSpec,
    world: &WorldSpec,
    source: &Source,
    problems: &mut Vec<Diagnostic>,
) {
    for (route, spec) in &world.routes {
        let upstream = &spec.value.upstream.value;
        if world.upstreams.contains_key(upstream) && !region.upstreams.contains_key(upstream) {
            let message = format!(
                "the route `{route}` leads to `{upstream}`, which has no endpoint in this region"
            );
            let problem = Diagnostic::error(
                message,
                source.span(region.region.range.clone()),
                "in this region",
            );
            problems.push(problem.hint(format!(
                "add `{upstream}: [host:port]` under `upstreams:` in this file"
            )));
        }
    }
}

fn check_nodes(region: &RegionSpec, source: &Source, problems: &mut Vec<Diagnostic>) {
    if region.nodes.is_empty() {
        let problem = Diagnostic::error(
            "the region has no node",
            source.span(0..0),
            "nothing under `nodes:`",
        );
        problems.push(problem.hint("list at least one: `nodes: { a: { mesh: 10.0.0.1:7946 } }`"));
    }
    for (name, node) in &region.nodes {
        must_be_name("node", name, node.range.clone(), source, problems);
        let known = region.doors.keys().map(String::as_str);
        for (door, address) in &node.value.doors {
            let who = format!("the node `{name}` opens");
            must_be_known(
                &who,
                door,
                address.range.clone(),
                DOOR,
                known.clone(),
                source,
                problems,
            );
        }
        for (door, spec) in &region.doors {
            if spec.value.listen.is_none() && !node.value.doors.contains_key(door) {
                let message =
                    format!("the node `{name}` does not know where to open the door `{door}`");
                let problem = Diagnostic::error(
                    message,
                    source.span(node.range.clone()),
                    "no address for it",
                );
                let hint =
                    format!("add `{door}: ADDRESS:PORT` to its `doors:`, or `listen:` to the door");
                problems.push(problem.hint(hint));
            }
        }
        check_reachable(name, &node.value, source, problems);
    }
}

fn check_reachable(name: &str, node: &NodeSpec, source: &Source, problems: &mut Vec<Diagnostic>) {
    let (mesh, admin) = (&node.mesh, &node.admin);
    if mesh.value.ip().is_unspecified() || mesh.value.port() == 0 {
        let message = format!("the node `{name}` has no mesh address that others could reach");
        let problem = Diagnostic::error(
            message,
            source.span(mesh.range.clone()),
            "others are told this address",
        );
        problems
            .push(problem.hint("write the address of the node's network interface, with a port"));
    }
    if !admin.value.ip().is_loopback() {
        let message = format!("the admin door of `{name}` is open to others");
        let problem = Diagnostic::error(
            message,
            source.span(admin.range.clone()),
            "not a loopback address",
        );
        problems.push(
            problem
                .hint("others read figures there, and with the token (secrets/admin-token), which nothing encrypts on its way, they rule the node")
                .warning(),
        );
    }
}

/// Two things cannot listen on one address. UDP and TCP do not meet.
#[derive(Default)]
struct Addresses {
    taken: BTreeMap<(bool, SocketAddr), String>,
}

impl Addresses {
    /// `relays` if nodes have a relay door, which is at the mesh's address.
    fn check(
        &mut self,
        region: &RegionSpec,
        relays: bool,
        source: &Source,
        problems: &mut Vec<Diagnostic>,
    ) {
        if let AnycastSpec::Director(director) = &region.anycast.value {
            let front = Spanned {
                value: director.front,
                range: region.anycast.range.clone(),
            };
            let who = format!("the director's front for {}", region.region.value);
            self.take(false, &front, who, source, problems);
        }
        for (name, node) in &region.nodes {
            let who = |what: &str| format!("{what} of {}/{name}", region.region.value);
            let node = &node.value;
            self.take(true, &node.mesh, who("the mesh door"), source, problems);
            if relays {
                self.take(false, &node.mesh, who("the relay door"), source, problems);
            }
            // Behind a real router each node is a machine of its own: loopback and the anycast
            // address are the same on all of them.
            if region.anycast.value.is_routed() {
                continue;
            }
            self.take(false, &node.admin, who("the admin door"), source, problems);
            if let Some(dns) = &node.dns {
                self.take(false, dns, who("the zone"), source, problems);
                self.take(true, dns, who("the zone"), source, problems);
            }
            for (door, address) in &node.doors {
                self.take(
                    false,
                    address,
                    who(&format!("the door `{door}`")),
                    source,
                    problems,
                );
            }
        }
    }

    fn take(
        &mut self,
        udp: bool,
        address: &Spanned<SocketAddr>,
        who: String,
        source: &Source,
        problems: &mut Vec<Diagnostic>,
    ) {
        // An address that was left out has its default, which every machine has for itself.
        if address.range.is_empty() || address.value.port() == 0 {
            return;
        }
        // Nodes on different machines may all listen on the unspecified address.
        if address.value.ip().is_unspecified() {
            return;
        }
        if let Some(first) = self.taken.get(&(udp, address.value)) {
            let message = format!("{who} and {first} have the same address");
            let label = format!("{} is taken", address.value);
            problems.push(Diagnostic::error(
                message,
                source.span(address.range.clone()),
                label,
            ));
        } else {
            self.taken.insert((udp, address.value), who);
        }
    }
}
