//! The processes of a small internet, and the files that they read.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tidegate_config::{Loaded, LoadedRegion};
use tidegate_model::NodeId;

use super::fault::{bird_process, node_process, service_process};
use super::files::{RewriteError, region_file, world_file};
use super::relay::Line;
use super::topology::{Machine, PROBE_PATH, Site, Topology, VIP};
use crate::process::Process;
use crate::timeline::Log;
use crate::world::{WorldError, free_tcp};

/// Where things are kept, of a world in `data`.
#[derive(Clone, Debug)]
pub struct Inside {
    /// What there is.
    pub internet: Topology,
    /// The folder of the world.
    data: PathBuf,
}

/// Processes, in the order in which they start.
#[derive(Clone, Debug, Default)]
pub struct Roster {
    /// Long lines, before everything else: nothing has a way without them.
    pub lines: Vec<Process>,
    /// Routing daemons and services.
    pub ground: Vec<Process>,
    /// Nodes.
    pub nodes: Vec<(NodeId, Process)>,
    /// Watchdogs beside nodes: they withdraw what does not answer, so they come after.
    pub watchdogs: Vec<Process>,
    /// Clients.
    pub clients: Vec<Process>,
}

impl Topology {
    /// The small internet of a configuration: as many machines as nodes are listed, or so many.
    #[must_use]
    pub fn plan(loaded: &Loaded, nodes: Option<usize>, prefix: String, wan: bool) -> Self {
        let place = |region: &LoadedRegion| loaded.world.regions[region.id.as_str()].value.location;
        let site = |region: &LoadedRegion| {
            let machines = 0..nodes.unwrap_or(region.spec.nodes.len());
            let away = loaded
                .regions
                .iter()
                .map(|other| place(region).one_way(place(other)));
            Site {
                region: region.id.clone(),
                machines: machines.map(|at| machine(region, at)).collect(),
                away_us: away
                    .map(|away| u64::try_from(away.as_micros()).unwrap_or(u64::MAX))
                    .collect(),
            }
        };
        Self {
            prefix,
            sites: loaded.regions.iter().map(site).collect(),
            wan,
        }
    }
}

fn machine(region: &LoadedRegion, at: usize) -> Machine {
    let listed = region.spec.nodes.iter().nth(at);
    let name = listed.map_or_else(|| format!("extra{}", at + 1), |(name, _)| name.clone());
    let workers = listed.and_then(|(_, node)| node.value.workers);
    Machine {
        node: NodeId::new(region.id.clone(), &name)
            .expect("listed names were checked, others are plain"),
        admin: listed.map_or_else(free_tcp, |(_, node)| node.value.admin.value),
        workers: workers.map_or(1, |workers| usize::from(workers.get())),
    }
}

impl Inside {
    /// Where things of a world in `data` are.
    #[must_use]
    pub fn new(internet: Topology, data: &Path) -> Self {
        Self {
            internet,
            data: data.to_owned(),
        }
    }

    /// The folder of a small internet, of a world in `data`.
    #[must_use]
    pub fn folder(data: &Path) -> PathBuf {
        data.join("lab")
    }

    /// The small internet that was made last in `data`; `None` if none was.
    #[must_use]
    pub fn read(data: &Path) -> Option<Self> {
        let text = fs::read(Self::folder(data).join("topology.json")).ok()?;
        Some(Self::new(serde_json::from_slice(&text).ok()?, data))
    }

    fn at(&self, name: &str) -> PathBuf {
        Self::folder(&self.data).join(name)
    }

    /// What clients near a region asked.
    #[must_use]
    pub fn asked(&self, site: usize) -> PathBuf {
        self.at(&format!("asked.{}.jsonl", self.internet.sites[site].region))
    }

    /// What was broken and mended.
    #[must_use]
    pub fn marks(data: &Path) -> PathBuf {
        Self::folder(data).join("marks.jsonl")
    }

    /// What the router of a region says.
    #[must_use]
    pub fn router_log(&self, site: usize) -> PathBuf {
        self.at(&format!("{}.bird.log", self.internet.sites[site].region))
    }

    /// What a node and its watchdog say.
    #[must_use]
    pub fn node_logs(&self, node: &NodeId) -> [PathBuf; 2] {
        let logs = self.data.join("logs");
        let name = node_process(node);
        [
            logs.join(format!("{name}.log")),
            logs.join(format!("watchdog.{name}.log")),
        ]
    }

    /// A machine's folder: what its node and its BIRD read.
    fn machine_folder(&self, node: &NodeId) -> PathBuf {
        self.at(&node_process(node))
    }

    /// Writes all files that processes read, and begins the timeline anew.
    ///
    /// # Errors
    /// What cannot be written, or a configuration that cannot be used, in a sentence.
    pub fn write(&self, loaded: &Loaded, world_path: &Path) -> Result<(), String> {
        let folder = Self::folder(&self.data);
        let failed =
            |error: io::Error| format!("{} cannot be written to: {error}", folder.display());
        let refused = |error: RewriteError| error.to_string();
        // What an earlier world left: the report would tell of both.
        let _absent = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).map_err(failed)?;
        let text = serde_json::to_vec_pretty(&self.internet).map_err(|error| error.to_string())?;
        fs::write(self.at("topology.json"), text).map_err(failed)?;
        Log::open(&Self::marks(&self.data)).map_err(failed)?;
        let world = fs::read_to_string(world_path).map_err(failed)?;
        let world = world_file(&world, world_path, loaded).map_err(refused)?;
        for (site, at) in self.internet.machines() {
            let spec = &self.internet.sites[site];
            let region = &loaded.regions[site];
            let machine = self.machine_folder(&spec.machines[at].node);
            fs::create_dir_all(&machine).map_err(failed)?;
            let text = fs::read_to_string(region.source.file.as_ref()).map_err(failed)?;
            let socket = machine.join("bird.ctl");
            let text = region_file(&text, region, &self.internet, &socket).map_err(refused)?;
            fs::write(machine.join(format!("{}.yaml", spec.region)), text).map_err(failed)?;
            fs::write(machine.join("world.yaml"), &world).map_err(failed)?;
            let conf = self
                .internet
                .machine_conf(site, at, &machine.join("bird.log"));
            fs::write(machine.join("bird.conf"), conf).map_err(failed)?;
        }
        for site in 0..self.internet.sites.len() {
            let conf = self.internet.router_conf(site, &self.router_log(site));
            fs::write(self.router_conf_path(site), conf).map_err(failed)?;
        }
        Ok(())
    }

    fn router_conf_path(&self, site: usize) -> PathBuf {
        self.at(&format!("{}.bird.conf", self.internet.sites[site].region))
    }

    /// The files that nodes read, one for each machine.
    #[must_use]
    pub fn region_files(&self) -> Vec<PathBuf> {
        let file = |(site, at): (usize, usize)| {
            let machine = &self.internet.sites[site].machines[at];
            self.machine_folder(&machine.node)
                .join(format!("{}.yaml", machine.node.region))
        };
        self.internet.machines().map(file).collect()
    }

    /// All processes. Clients ask so often, for each kind.
    ///
    /// # Errors
    /// If an upstream is not on this machine.
    pub fn roster(&self, loaded: &Loaded, every: Duration) -> Result<Roster, WorldError> {
        let mut roster = Roster {
            lines: self.lines(),
            ..Roster::default()
        };
        for (site, spec) in self.internet.sites.iter().enumerate() {
            let path = |end: &str| self.at(&format!("{}.bird.{end}", spec.region));
            let router = bird(
                &format!("bird.{}", spec.region),
                &path("conf"),
                &path("ctl"),
            );
            roster
                .ground
                .push(router.within(self.internet.router(site)));
            for machine in &spec.machines {
                self.add_machine(&mut roster, &loaded.regions[site], machine)?;
            }
            roster.clients.push(self.clients(site, every));
        }
        Ok(roster)
    }

    fn add_machine(
        &self,
        roster: &mut Roster,
        region: &LoadedRegion,
        machine: &Machine,
    ) -> Result<(), WorldError> {
        let node = &machine.node;
        let (space, folder) = (self.internet.machine(node), self.machine_folder(node));
        let daemon = bird(
            &bird_process(node),
            &folder.join("bird.conf"),
            &folder.join("bird.ctl"),
        );
        roster.ground.push(daemon.within(space.clone()));
        for (service, addr) in services(region)? {
            let name = service_process(&service, node);
            let args = [
                "lab",
                "upstream",
                "--listen",
                &addr.to_string(),
                "--name",
                &name,
                "--lifeline",
            ];
            let service = Process::own(&name, args.map(str::to_owned).into());
            roster.ground.push(service.within(space.clone()));
        }
        let file = folder
            .join(format!("{}.yaml", node.region))
            .display()
            .to_string();
        let (data, name) = (self.data.display().to_string(), node_process(node));
        let access_log = self.data.join("logs").join(format!("{name}.access.log"));
        let access_log = access_log.display().to_string();
        let run = [
            "run",
            "--region",
            &file,
            "--node",
            node.name(),
            "--data",
            &data,
            "--lifeline",
            "--lab",
            "--access-log",
            &access_log,
        ];
        let run = Process::own(&name, run.map(str::to_owned).into());
        roster.nodes.push((node.clone(), run.within(space.clone())));
        let dog = ["watchdog", "--region", &file, "--node", node.name()].map(str::to_owned);
        let dog = Process::own(&format!("watchdog.{name}"), dog.into());
        roster.watchdogs.push(dog.within(space));
        Ok(())
    }

    fn clients(&self, site: usize, every: Duration) -> Process {
        let region = &self.internet.sites[site].region;
        let args = [
            "lab".to_owned(),
            "probe".to_owned(),
            format!("{VIP}:80"),
            PROBE_PATH.to_owned(),
            "--from".to_owned(),
            region.to_string(),
            "--every".to_owned(),
            format!("{}ms", every.as_millis()),
            "--timeline".to_owned(),
            self.asked(site).display().to_string(),
            "--lifeline".to_owned(),
        ];
        Process::own(&format!("clients.{region}"), args.into()).within(self.internet.clients(site))
    }

    fn lines(&self) -> Vec<Process> {
        let long = self
            .internet
            .lines()
            .filter(|(.., link)| !link.one_way.is_zero());
        let process = |(from, to, link): (usize, usize, super::Link)| {
            let line = Line {
                a: (link.a.space, link.a.device),
                b: (link.b.space, link.b.device),
                one_way_us: u64::try_from(link.one_way.as_micros()).unwrap_or(u64::MAX),
            };
            let line = serde_json::to_string(&line).expect("a line is plain data");
            let (from, to) = (
                &self.internet.sites[from].region,
                &self.internet.sites[to].region,
            );
            let args = [
                "lab".to_owned(),
                "line".to_owned(),
                line,
                "--lifeline".to_owned(),
            ];
            Process::own(&format!("line.{from}.{to}"), args.into())
        };
        long.map(process).collect()
    }
}

fn bird(name: &str, conf: &Path, socket: &Path) -> Process {
    let pid = conf.with_extension("pid").display().to_string();
    let (conf, socket) = (conf.display().to_string(), socket.display().to_string());
    let args = ["-f", "-c", &conf, "-s", &socket, "-P", &pid];
    Process::other(name, "bird", args.map(str::to_owned).into())
}

/// Demo services of a machine: name and address.
fn services(region: &LoadedRegion) -> Result<Vec<(String, SocketAddr)>, WorldError> {
    let mut services = Vec::new();
    for (upstream, endpoints) in &region.spec.upstreams {
        for (at, endpoint) in endpoints.value.iter().enumerate() {
            let addr = crate::world::on_this_machine(&endpoint.value, upstream, &region.id)?;
            services.push((format!("{upstream}-{}", at + 1), addr));
        }
    }
    Ok(services)
}

/// Demo services of a machine of the first region, by name: all have the same.
impl Roster {
    /// Names of demo services, as faults know them.
    #[must_use]
    pub fn services(loaded: &Loaded) -> Vec<String> {
        let mut names: Vec<String> = loaded
            .regions
            .iter()
            .filter_map(|region| services(region).ok())
            .flatten()
            .map(|(name, _)| name)
            .collect();
        names.sort();
        names.dedup();
        names
    }

    /// All processes, in the order in which they start.
    #[must_use]
    pub fn all(&self) -> Vec<Process> {
        let nodes = self.nodes.iter().map(|(_, process)| process);
        let all = self.lines.iter().chain(&self.ground).chain(nodes);
        all.chain(&self.watchdogs)
            .chain(&self.clients)
            .cloned()
            .collect()
    }
}
