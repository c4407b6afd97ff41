//! What a world stands on: the director, or a small internet of network namespaces.

use std::fs;
use std::hash::Hasher as _;
use std::path::Path;

use tidegate_config::Loaded;
use tidegate_lab::internet::{Bridge, Inside, Roster, Spaces, Topology, VIP, routes};
use tidegate_lab::{Process, World};

use super::super::sheet::{Facts, spelled};
use super::Args;
use super::crew::{Cast, Crew, Wait};
use super::faults::Faults;
use crate::files::load_region;

/// What a world stands on.
pub(super) enum Stage {
    /// A process that stands in for the internet.
    Director(Box<World>, Cast),
    /// Namespaces with routers.
    Internet(Box<Internet>),
}

/// A small internet.
pub(super) struct Internet {
    inside: Inside,
    roster: Roster,
    cast: Cast,
    bridges: Vec<Bridge>,
    faults: Faults,
}

impl Stage {
    /// Plans a world. Nothing is started.
    pub(super) fn set(args: &Args, loaded: &Loaded) -> Result<Self, String> {
        let nodes = args.nodes.map(usize::from);
        if args.anycast {
            return Internet::plan(args, loaded, nodes)
                .map(Box::new)
                .map(Self::Internet);
        }
        let world =
            World::plan(loaded, nodes, &args.data, args.wan).map_err(|error| error.to_string())?;
        world.check_addresses().map_err(|error| error.to_string())?;
        let cast = by_director(&world, &args.data)?;
        Ok(Self::Director(Box::new(world), cast))
    }

    pub(super) fn cast(&self) -> &Cast {
        match self {
            Self::Director(_, cast) => cast,
            Self::Internet(internet) => &internet.cast,
        }
    }

    /// Starts everything, and waits until it serves.
    pub(super) async fn start(&mut self, crew: &mut Crew) -> Result<(), String> {
        match self {
            Self::Director(_, cast) => {
                crew.start_all(&cast.processes)?;
                crew.wait_until_announced().await
            }
            Self::Internet(internet) => internet.start(crew).await,
        }
    }

    /// What a newcomer wants to see first.
    pub(super) fn sheet(&self, loaded: &Loaded, args: &Args, key: &str) -> String {
        match self {
            Self::Director(world, _) => {
                let facts = Facts {
                    world,
                    spec: &loaded.world,
                    key,
                    data: &args.data,
                    wan: args.wan,
                };
                facts.sheet()
            }
            Self::Internet(internet) => internet.sheet(&args.data, key),
        }
    }

    /// Does what `tidegate lab` orders.
    pub(super) async fn obey(&mut self, order: &str, crew: &mut Crew) -> Result<String, String> {
        match self {
            Self::Internet(internet) if Faults::knows(order) => {
                internet.faults.obey(order, &internet.inside.internet, crew).await
            }
            Self::Director(..) if Faults::knows(order) => {
                Err("faults need `tidegate up --anycast`; here `tidegate lab kill` and `cut` break things".to_owned())
            }
            _ => crew.obey(order).await,
        }
    }

    /// Waits until something is due by itself; without end if nothing is.
    pub(super) async fn due(&self) {
        match self {
            Self::Internet(internet) => internet.faults.due().await,
            Self::Director(..) => std::future::pending().await,
        }
    }

    /// Does what is due.
    pub(super) async fn go_on(&mut self, crew: &mut Crew) {
        if let Self::Internet(internet) = self {
            internet.faults.go_on(&internet.inside.internet, crew).await;
        }
    }
}

fn by_director(world: &World, data: &Path) -> Result<Cast, String> {
    let mut processes: Vec<Process> = world.upstreams.clone();
    for process in &mut processes {
        process.args.push("--lifeline".to_owned());
    }
    let path = data.join("director.json");
    let plan = serde_json::to_vec_pretty(&world.director).map_err(|error| error.to_string())?;
    fs::write(&path, plan)
        .map_err(|error| format!("{} cannot be written: {error}", path.display()))?;
    let path = path.display().to_string();
    let args = ["lab", "director", "--plan", &path, "--lifeline"];
    processes.push(Process::own("director", args.map(str::to_owned).into()));
    processes.extend(world.nodes.iter().map(|(_, process)| process.clone()));
    let nodes = world.nodes.iter();
    let fronts = world.director.fronts.iter();
    Ok(Cast {
        processes,
        nodes: nodes
            .map(|(id, process)| (id.clone(), process.name.clone()))
            .collect(),
        admins: world.admins.clone(),
        doors: world.doors.clone(),
        fronts: fronts
            .map(|front| (front.region.clone(), front.addr))
            .collect(),
        spaces: Vec::new(),
    })
}

/// What names of namespaces begin with: a world's own, and the same each time it is started.
fn prefix(data: &Path) -> String {
    let path = fs::canonicalize(data).unwrap_or_else(|_| data.to_owned());
    // Stable enough: it only has to be the same while a world runs, and it is written down.
    let mut hasher = std::hash::DefaultHasher::new();
    hasher.write(path.as_os_str().as_encoded_bytes());
    format!("tg{:08x}-", hasher.finish() as u32)
}

impl Internet {
    fn plan(args: &Args, loaded: &Loaded, nodes: Option<usize>) -> Result<Self, String> {
        let internet = Topology::plan(loaded, nodes, prefix(&args.data), args.wan);
        if internet.too_big() {
            return Err("`up --anycast` takes 16 regions of 16 nodes at most".to_owned());
        }
        let inside = Inside::new(internet, &args.data);
        inside.write(loaded, &args.regions.join("world.yaml"))?;
        for file in inside.region_files() {
            load_region(&file).map_err(|refused| refused.text(true))?;
        }
        let every = args.probe_every.get();
        let roster = inside
            .roster(loaded, every)
            .map_err(|error| error.to_string())?;
        let machines = || inside.internet.sites.iter().flat_map(|site| &site.machines);
        let cast = Cast {
            processes: roster.all(),
            nodes: roster
                .nodes
                .iter()
                .map(|(id, process)| (id.clone(), process.name.clone()))
                .collect(),
            admins: machines()
                .map(|machine| (machine.node.clone(), machine.admin))
                .collect(),
            spaces: inside.internet.spaces(),
            ..Cast::default()
        };
        let faults = Faults::open(&args.data, Roster::services(loaded))?;
        Ok(Self {
            inside,
            roster,
            cast,
            bridges: Vec::new(),
            faults,
        })
    }

    async fn start(&mut self, crew: &mut Crew) -> Result<(), String> {
        let said = |error: tidegate_lab::internet::SpaceError| error.to_string();
        let internet = &self.inside.internet;
        // First of all, so that `down` finds what there is, whatever becomes of us.
        crew.write_down()?;
        let spaces = Spaces(internet.spaces());
        // A world whose notes were lost.
        Spaces::named(&internet.prefix).remove();
        spaces.make(internet).map_err(said)?;
        crew.start_all(&self.roster.lines)?;
        let mut wait = Wait::new();
        for (.., line) in internet
            .lines()
            .filter(|(.., line)| !line.one_way.is_zero())
        {
            for end in [&line.a, &line.b] {
                while !end.is_there() {
                    wait.on(crew, || format!("the line {} did not come up", end.device))
                        .await?;
                }
                end.set_up().map_err(said)?;
            }
        }
        crew.start_all(&self.roster.ground)?;
        for machine in internet.sites.iter().flat_map(|site| &site.machines) {
            let bridge = Bridge::open(machine.admin, internet.machine(&machine.node)).await;
            let taken = |error| {
                format!(
                    "the admin door of {} cannot be had at {}: {error}",
                    machine.node, machine.admin
                )
            };
            self.bridges.push(bridge.map_err(taken)?);
        }
        let nodes: Vec<Process> = self
            .roster
            .nodes
            .iter()
            .map(|(_, node)| node.clone())
            .collect();
        crew.start_all(&nodes)?;
        crew.wait_until_announced().await?;
        crew.start_all(&self.roster.watchdogs)?;
        self.wait_for_ways(crew, &mut wait).await?;
        crew.start_all(&self.roster.clients)
    }

    /// Waits until each router sends packets to all machines of its region.
    async fn wait_for_ways(&self, crew: &mut Crew, wait: &mut Wait) -> Result<(), String> {
        let internet = &self.inside.internet;
        for (at, site) in internet.sites.iter().enumerate() {
            let router = internet.router(at);
            while routes(&router, VIP).is_ok_and(|hops| hops.len() < site.machines.len()) {
                let late = || {
                    format!(
                        "the router of {} does not hear of all its nodes",
                        site.region
                    )
                };
                wait.on(crew, late).await?;
            }
        }
        Ok(())
    }

    fn sheet(&self, data: &Path, key: &str) -> String {
        let internet = &self.inside.internet;
        let machines = internet.machines().count();
        let far = if internet.wan {
            ", as far apart as on the globe"
        } else {
            ""
        };
        let region = &internet.sites[0].region;
        let clients = internet.clients(0);
        let say = |subcommand: &str| spelled(subcommand, data);
        format!(
            "Tidegate runs: {} regions, {machines} nodes{far}. All are {VIP}, in network namespaces with BIRD as routers.\n\n\
             Clients ask in each region without end: {}\n\n\
             A demo key:\n  {key}\n\nTry it, as a client near {region}:\n  ip netns exec {clients} curl -i -H 'x-api-key: {key}' http://{VIP}/hello\n\n\
             Then break it, see what clients saw, and mend it:\n  {}\n  {}\n  {}\n",
            internet.sites.len(),
            say("lab status"),
            say(&format!("lab fault kill-region {region}")),
            say("lab report"),
            say(&format!("lab fault kill-region {region} --undo")),
        )
    }
}
