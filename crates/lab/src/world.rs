//! The processes that make a world.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::Path;

use tidegate_config::{AnycastSpec, Loaded, LoadedRegion};
use tidegate_model::{NodeId, RegionId};

use crate::director::{DirectorPlan, Front};
use crate::process::Process;

/// Why a world cannot be started.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum WorldError {
    /// An address is taken.
    #[error(
        "{who} cannot open: {addr} is in use (is another world running? `tidegate down` stops it)"
    )]
    InUse {
        /// Who needs it.
        who: String,
        /// Which.
        addr: SocketAddr,
    },
    /// An address cannot be had for another reason.
    #[error("{who} cannot open on {addr}: {why}")]
    NoAddress {
        /// Who needs it.
        who: String,
        /// Which.
        addr: SocketAddr,
        /// Why not.
        why: String,
    },
    /// A region that the director does not know would get no clients.
    #[error(
        "the region {0} is not announced to a director: `tidegate up` needs `anycast: {{ director: ... }}`"
    )]
    NoDirector(RegionId),
    /// A service that is not on this machine cannot be stood in for.
    #[error(
        "the upstream `{upstream}` of {region} is at {at}, which is no address of this machine"
    )]
    Elsewhere {
        /// Which.
        upstream: String,
        /// In which region.
        region: RegionId,
        /// Where.
        at: String,
    },
}

/// The processes that make a world, and where they are found.
#[derive(Clone, Debug)]
pub struct World {
    /// Stand-ins for services.
    pub upstreams: Vec<Process>,
    /// The director's plan.
    pub director: DirectorPlan,
    /// Nodes.
    pub nodes: Vec<(NodeId, Process)>,
    /// Admin doors of nodes.
    pub admins: BTreeMap<NodeId, SocketAddr>,
    /// Doors of nodes.
    pub doors: BTreeMap<NodeId, BTreeMap<String, SocketAddr>>,
    /// All addresses that must be free, with who needs them and whether by UDP.
    addresses: Vec<(String, SocketAddr, bool)>,
}

impl World {
    /// The world that a configuration describes, with so many nodes in each region, or as many as
    /// it lists.
    ///
    /// # Errors
    /// [`WorldError`].
    pub fn plan(
        loaded: &Loaded,
        nodes: Option<usize>,
        data: &Path,
        wan: bool,
    ) -> Result<Self, WorldError> {
        let mut world = Self {
            upstreams: Vec::new(),
            director: DirectorPlan {
                at: SocketAddr::from(([127, 0, 0, 1], 0)),
                fronts: Vec::new(),
                door: "public".to_owned(),
                wan,
            },
            nodes: Vec::new(),
            admins: BTreeMap::new(),
            doors: BTreeMap::new(),
            addresses: Vec::new(),
        };
        if let Some(door) = loaded.regions.iter().find_map(plain_door) {
            world.director.door = door;
        }
        for region in &loaded.regions {
            world.add_front(loaded, region)?;
            world.add_upstreams(region)?;
            for at in 0..nodes.unwrap_or(region.spec.nodes.len()) {
                world.add_node(region, at, data, wan);
            }
        }
        let at = world.director.at;
        world.addresses.push(("the director".to_owned(), at, false));
        Ok(world)
    }

    fn add_front(&mut self, loaded: &Loaded, region: &LoadedRegion) -> Result<(), WorldError> {
        let AnycastSpec::Director(director) = &region.spec.anycast.value else {
            return Err(WorldError::NoDirector(region.id.clone()));
        };
        let place = loaded.world.regions[region.id.as_str()]
            .value
            .location
            .degrees();
        self.director.at = director.at;
        self.director.fronts.push(Front {
            region: region.id.clone(),
            addr: director.front,
            place,
        });
        self.addresses.push((
            format!("the front for clients near {}", region.id),
            director.front,
            false,
        ));
        Ok(())
    }

    fn add_upstreams(&mut self, region: &LoadedRegion) -> Result<(), WorldError> {
        for (upstream, endpoints) in &region.spec.upstreams {
            for (i, endpoint) in endpoints.value.iter().enumerate() {
                let addr = on_this_machine(&endpoint.value, upstream, &region.id)?;
                let name = format!("{upstream}-{}.{}", i + 1, region.id);
                self.addresses
                    .push((format!("the demo service {name}"), addr, false));
                let args = [
                    "lab",
                    "upstream",
                    "--listen",
                    &addr.to_string(),
                    "--name",
                    &name,
                ];
                self.upstreams
                    .push(Process::own(&name, args.map(str::to_owned).into()));
            }
        }
        Ok(())
    }

    /// Adds a node that the configuration lists, or one more than it lists, with addresses of its
    /// own.
    fn add_node(&mut self, region: &LoadedRegion, at: usize, data: &Path, wan: bool) {
        let listed = region.spec.nodes.iter().nth(at);
        let name = listed.map_or_else(|| format!("extra{}", at + 1), |(name, _)| name.clone());
        let id = NodeId::new(region.id.clone(), &name)
            .expect("listed names were checked, others are plain");
        let mut args = ["run", "--region"].map(str::to_owned).to_vec();
        args.push(region.source.file.display().to_string());
        args.extend(["--node".to_owned(), name.clone()]);
        args.extend([
            "--data".to_owned(),
            data.display().to_string(),
            "--lifeline".to_owned(),
        ]);
        args.push(if wan { "--wan" } else { "--lab" }.to_owned());
        let log = data
            .join("logs")
            .join(format!("{}.{name}.access.log", region.id));
        args.extend(["--access-log".to_owned(), log.display().to_string()]);
        let (mesh, admin, doors) = match listed {
            Some((_, spec)) => {
                let spec = &spec.value;
                let doors = region.spec.doors.iter().filter_map(|(door, door_spec)| {
                    let own = spec.doors.get(door).map(|addr| addr.value);
                    Some((
                        door.clone(),
                        own.or_else(|| door_spec.value.listen.as_ref().map(|addr| addr.value))?,
                    ))
                });
                (
                    spec.mesh.value,
                    spec.admin.value,
                    doors.collect::<BTreeMap<_, _>>(),
                )
            }
            None => {
                let doors: BTreeMap<String, SocketAddr> = region
                    .spec
                    .doors
                    .keys()
                    .map(|door| (door.clone(), free_tcp()))
                    .collect();
                let (mesh, admin) = (free_udp(), free_tcp());
                args.extend([
                    "--mesh".to_owned(),
                    mesh.to_string(),
                    "--admin".to_owned(),
                    admin.to_string(),
                ]);
                for (door, addr) in &doors {
                    args.extend(["--door".to_owned(), format!("{door}={addr}")]);
                }
                args.extend(["--workers".to_owned(), "1".to_owned()]);
                (mesh, admin, doors)
            }
        };
        self.addresses
            .push((format!("the mesh door of {id}"), mesh, true));
        self.addresses
            .push((format!("the admin door of {id}"), admin, false));
        for (door, addr) in &doors {
            self.addresses
                .push((format!("the door `{door}` of {id}"), *addr, false));
        }
        self.admins.insert(id.clone(), admin);
        self.doors.insert(id.clone(), doors);
        let name = format!("{}.{}", id.region, id.name());
        self.nodes.push((id, Process::own(&name, args)));
    }

    /// Sees to it that all addresses are free, before anything is started.
    ///
    /// # Errors
    /// [`WorldError`], naming the first that is not.
    pub fn check_addresses(&self) -> Result<(), WorldError> {
        for (who, addr, udp) in &self.addresses {
            let bound = if *udp {
                UdpSocket::bind(addr).map(drop)
            } else {
                TcpListener::bind(addr).map(drop)
            };
            if let Err(error) = bound {
                let (who, addr) = (who.clone(), *addr);
                return Err(match error.kind() {
                    std::io::ErrorKind::AddrInUse => WorldError::InUse { who, addr },
                    _ => WorldError::NoAddress {
                        who,
                        addr,
                        why: error.to_string(),
                    },
                });
            }
        }
        Ok(())
    }
}

/// A door without TLS, the one called `public` if there is one: the director looks into nothing, so
/// either would do, but clients without certificates are the rule on a laptop.
fn plain_door(region: &LoadedRegion) -> Option<String> {
    let mut plain = region
        .spec
        .doors
        .iter()
        .filter(|(_, spec)| spec.value.tls.is_none());
    let public = plain.clone().find(|(name, _)| *name == "public");
    public
        .or_else(|| plain.next())
        .map(|(name, _)| name.clone())
}

/// Where a demo service stands in for an upstream.
pub(crate) fn on_this_machine(
    endpoint: &impl ToString,
    upstream: &str,
    region: &RegionId,
) -> Result<SocketAddr, WorldError> {
    let at = endpoint.to_string();
    let addr = at.parse::<SocketAddr>().ok();
    addr.filter(|addr| addr.ip().is_loopback())
        .ok_or_else(|| WorldError::Elsewhere {
            upstream: upstream.to_owned(),
            region: region.clone(),
            at,
        })
}

/// A port that is free at the moment.
pub(crate) fn free_tcp() -> SocketAddr {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    TcpListener::bind(any)
        .and_then(|listener| listener.local_addr())
        .unwrap_or(any)
}

fn free_udp() -> SocketAddr {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    UdpSocket::bind(any)
        .and_then(|socket| socket.local_addr())
        .unwrap_or(any)
}
