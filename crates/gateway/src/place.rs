//! Who a node is and where its doors are: from the configuration, or from the command line for a
//! node it does not list.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use tidegate_accelerator::{Accelerator, GroupAccess, Weights};
use tidegate_anycast::{Attributes, BirdPlace, ExaBgp, GoBgp, Levels};
use tidegate_config::{
    AcceleratorSpec, AnycastSpec, BirdSpec, DoorSpec, DrainSpec, ExaBgpSpec, GoBgpSpec, LevelSpec,
    Loaded, LoadedRegion, RELAY_DOOR,
};
use tidegate_model::{NodeId, Period, Prefix};
use tidegate_net::{Certificates, ClientTrust, Clients, DoorSettings, Peers};

use crate::data::DataFolder;
use crate::options::Options;

/// Who a node is and where its doors are.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) node: NodeId,
    pub(crate) mesh: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) doors: BTreeMap<String, SocketAddr>,
    /// Whether nodes of other regions may pass requests on to this one.
    pub(crate) relays: bool,
    pub(crate) workers: usize,
    /// Where it serves the DNS zone.
    pub(crate) dns: Option<SocketAddr>,
    pub(crate) drain: DrainSpec,
    pub(crate) anycast: AnycastSpec,
}

/// The one region whose file a node has read.
pub(crate) fn own_region(loaded: &Loaded) -> &LoadedRegion {
    loaded
        .regions
        .first()
        .expect("a node loads exactly one region")
}

/// All nodes that the region's file lists.
pub(crate) fn listed_nodes(loaded: &Loaded) -> Vec<NodeId> {
    let region = own_region(loaded);
    let names = region.spec.nodes.keys();
    names
        .filter_map(|name| NodeId::new(region.id.clone(), name).ok())
        .collect()
}

impl Place {
    pub(crate) fn find(loaded: &Loaded, options: &Options) -> Result<Self, String> {
        let region = own_region(loaded);
        let node = NodeId::new(region.id.clone(), &options.node).map_err(|bad| bad.to_string())?;
        let listed = region.spec.nodes.get(&options.node).map(|node| &node.value);
        let missing = |flag: &str| {
            let known: Vec<&str> = region.spec.nodes.keys().map(String::as_str).collect();
            format!(
                "{} lists no node `{}` (it lists {}); a node that is not listed needs {flag}",
                region.source.file.display(),
                options.node,
                known.join(", ")
            )
        };
        let mesh = options
            .mesh
            .or_else(|| listed.map(|node| node.mesh.value))
            .ok_or_else(|| missing("--mesh"))?;
        let admin = options
            .admin
            .or_else(|| listed.map(|node| node.admin.value))
            .ok_or_else(|| missing("--admin"))?;
        let mut doors = BTreeMap::new();
        for (name, spec) in &region.spec.doors {
            let own = options
                .doors
                .iter()
                .find(|(door, _)| door == name)
                .map(|(_, addr)| *addr);
            let listed = listed
                .and_then(|node| node.doors.get(name))
                .map(|addr| addr.value);
            let shared = spec.value.listen.as_ref().map(|addr| addr.value);
            let addr = own
                .or(listed)
                .or(shared)
                .ok_or_else(|| missing(&format!("--door {name}=ADDRESS:PORT")))?;
            doors.insert(name.clone(), addr);
        }
        if let Some((unknown, _)) = options
            .doors
            .iter()
            .find(|(door, _)| !region.spec.doors.contains_key(door))
        {
            return Err(format!(
                "{} has no door `{unknown}`",
                region.source.file.display()
            ));
        }
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let listed_workers = listed
            .and_then(|node| node.workers)
            .map(|n| usize::from(n.get()));
        Ok(Self {
            node,
            mesh,
            admin,
            doors,
            relays: loaded.world.passes_on(),
            workers: options.workers.or(listed_workers).unwrap_or(cores),
            dns: listed
                .and_then(|node| node.dns.as_ref())
                .map(|dns| dns.value),
            drain: drain(region),
            anycast: region.spec.anycast.value.clone(),
        })
    }

    /// All TCP addresses by door: the relay door has that of the mesh.
    pub(crate) fn addresses(&self) -> BTreeMap<&str, SocketAddr> {
        let clients = self.doors.iter().map(|(name, addr)| (name.as_str(), *addr));
        let relay = self.relays.then_some((RELAY_DOOR, self.mesh));
        clients.chain(relay).collect()
    }

    /// The doors with their settings, and the certificates that they use.
    pub(crate) fn open_doors(
        &self,
        loaded: &Loaded,
        data: &DataFolder,
        peers: &Peers,
    ) -> Result<Vec<Arc<DoorSettings>>, String> {
        let region = own_region(loaded);
        let relay = self.relays.then(|| relay_settings(self.mesh, peers));
        let door = |(name, addr): (&String, &SocketAddr)| {
            settings(name, *addr, &region.spec.doors[name].value, data)
        };
        self.doors.iter().map(door).chain(relay.map(Ok)).collect()
    }
}

/// How a node leaves: what a planned withdrawal takes comes before the grace.
fn drain(region: &LoadedRegion) -> DrainSpec {
    let mut drain = region.spec.drain;
    let graceful_for = region.spec.anycast.value.graceful_for();
    let millis = (drain.grace.get() + graceful_for.get()).as_millis();
    drain.grace = Period::from_millis(u64::try_from(millis).unwrap_or(u64::MAX));
    drain
}

/// What of BIRD belongs to a node.
pub(crate) fn bird_place(spec: &BirdSpec) -> BirdPlace {
    BirdPlace {
        socket: spec.socket.clone(),
        protocol: spec.protocol.clone(),
        reduced: spec.second_protocol.clone(),
        graceful: spec.graceful_protocol.clone(),
        prefixes: texts(&spec.prefixes),
    }
}

/// What of ExaBGP belongs to a node.
pub(crate) fn exabgp_place(spec: &ExaBgpSpec) -> ExaBgp {
    ExaBgp {
        socket: spec.socket.clone(),
        local_as: spec.local_as,
        next_hop: spec.next_hop,
        prefixes: texts(&spec.prefixes),
        levels: levels(&spec.usual, &spec.second),
    }
}

/// What of GoBGP belongs to a node. Call it within a runtime.
pub(crate) fn gobgp_place(spec: &GoBgpSpec) -> Result<GoBgp, String> {
    GoBgp::new(
        spec.api.to_string(),
        spec.local_as,
        spec.next_hops.clone(),
        &texts(&spec.prefixes),
        levels(&spec.usual, &spec.second),
    )
}

/// What of Global Accelerator belongs to a node.
pub(crate) fn accelerator_place(spec: &AcceleratorSpec, node: &str) -> Result<Accelerator, String> {
    let endpoint = spec.endpoints.get(node);
    let endpoint = endpoint.ok_or_else(|| format!("node `{node}` has no endpoint"))?;
    let access = GroupAccess {
        arn: spec.group.clone(),
        api: spec.api.clone(),
    };
    let weights = Weights {
        usual: spec.weight.get(),
        second: spec.second_weight.get(),
    };
    Ok(Accelerator::new(access, endpoint.clone(), weights))
}

fn texts(prefixes: &[Prefix]) -> Vec<String> {
    prefixes.iter().map(ToString::to_string).collect()
}

fn levels(usual: &LevelSpec, second: &LevelSpec) -> Levels {
    let attributes = |level: &LevelSpec| Attributes {
        med: level.med,
        prepend: level.prepend,
        communities: level.communities.iter().map(|c| (c.0, c.1)).collect(),
    };
    Levels {
        usual: attributes(usual),
        second: attributes(second),
    }
}

/// The door for nodes of other regions. It is bounded as doors for clients are by default.
fn relay_settings(addr: SocketAddr, peers: &Peers) -> Arc<DoorSettings> {
    let usual = DoorSpec::default();
    Arc::new(DoorSettings {
        name: RELAY_DOOR.to_owned(),
        addr,
        clients: None,
        tls: None,
        peers: Some(Arc::new(peers.clone())),
        trusted_proxies: Vec::new(),
        debug: false,
        exposure: usual.exposure,
        connections_max: usual.connections_max,
        // What gateways add must not make a head too large that the first one took.
        header_max: usual.header_max.as_usize() * 2,
        streams_max: usual.streams_max,
        first_byte: usual.timeouts.first_byte.get(),
        header: usual.timeouts.header.get(),
        idle: usual.timeouts.idle.get(),
    })
}

fn settings(
    name: &str,
    addr: SocketAddr,
    spec: &DoorSpec,
    data: &DataFolder,
) -> Result<Arc<DoorSettings>, String> {
    let load = |tls: &tidegate_config::TlsSpec| {
        Certificates::load(&data.resolve(&tls.certificate), &data.resolve(&tls.key))
            .map_err(|error| format!("the door `{name}` cannot open: {error}"))
    };
    let clients = |tls: &tidegate_config::TlsSpec| {
        let ca = data.resolve(tls.client_ca.as_ref()?);
        let crls = tls.client_crls.iter().map(|path| data.resolve(path));
        Some(Clients::load(ClientTrust {
            ca,
            crls: crls.collect(),
            required: tls.client_required,
        }))
    };
    let clients = spec.tls.as_ref().and_then(clients).transpose();
    let clients = clients.map_err(|error| format!("the door `{name}` cannot open: {error}"))?;
    Ok(Arc::new(DoorSettings {
        name: name.to_owned(),
        addr,
        clients,
        tls: spec.tls.as_ref().map(load).transpose()?,
        peers: None,
        trusted_proxies: spec.trusted_proxies.clone(),
        debug: spec.debug,
        exposure: spec.exposure,
        connections_max: spec.connections_max,
        header_max: spec.header_max.as_usize(),
        streams_max: spec.streams_max,
        first_byte: spec.timeouts.first_byte.get(),
        header: spec.timeouts.header.get(),
        idle: spec.timeouts.idle.get(),
    }))
}
