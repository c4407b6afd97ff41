//! `tidegate up`: three regions on this machine.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use hyper::Method;
use tidegate_config::Loaded;
use tidegate_lab::{Child, Control, Member, Process, State, World};
use tidegate_model::NodeId;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use super::client::ask;
use super::live::{EVERY, Live};
use super::sheet::{Facts, spelled};
use super::{Outcome, block_on, certs, down};
use crate::admin::StatusDocument;
use crate::files::load_folder;

/// The order for the sheet with addresses and the demo key.
const SHEET: &str = "sheet";
/// Until everything that was started answers.
const START_TIMEOUT: Duration = Duration::from_secs(30);
/// Until a process has ended by itself: longer than it drains.
const STOP_PATIENCE: Duration = Duration::from_secs(15);

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder with world.yaml and a file for each region.
    #[arg(long, default_value = "regions", value_name = "DIR")]
    regions: PathBuf,
    /// Nodes in each region, if not as many as its file lists.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=16))]
    nodes: Option<u8>,
    /// Where everything is kept: certificates, keys, logs.
    #[arg(long, default_value = "data", value_name = "DIR")]
    data: PathBuf,
    /// Return once everything runs; `tidegate down` stops it.
    #[arg(long)]
    detach: bool,
    /// Make traffic between regions take as long as on the globe.
    #[arg(long)]
    wan: bool,
    /// Say nothing, and tell the addresses to whoever asks first: what `--detach` starts.
    #[arg(long, hide = true)]
    background: bool,
}

pub(crate) fn run(args: Args) -> Outcome {
    let (loaded, report) = load_folder(&args.regions).map_err(|refused| refused.text(true))?;
    if !report.problems.is_empty() {
        anstream::eprint!("{}", report.render(true));
    }
    if let Some(state) = State::read(&args.data) {
        if state.runs() {
            return Err(format!(
                "a world runs already in {} (`{}` stops it)",
                args.data.display(),
                spelled("down", &args.data)
            ));
        }
        // Its holder was killed; what it left behind would be in the way.
        block_on(async {
            down::end(&args.data, &state).await;
            Ok(())
        })?;
    }
    if args.detach {
        detach(&args)
    } else {
        block_on(hold(args, loaded))
    }
}

/// Starts the same again in the background and waits until it is ready.
fn detach(args: &Args) -> Outcome {
    crate::data::make_folder(&args.data)?;
    let log = args.data.join("up.log");
    let failed =
        |error: std::io::Error| format!("the world cannot be started in the background: {error}");
    let out = fs::File::create(&log).map_err(failed)?;
    let itself = std::env::current_exe().map_err(failed)?;
    let mut command = std::process::Command::new(itself);
    command.arg("up").arg("--background");
    command
        .arg("--regions")
        .arg(&args.regions)
        .arg("--data")
        .arg(&args.data);
    if let Some(nodes) = args.nodes {
        command.arg("--nodes").arg(nodes.to_string());
    }
    if args.wan {
        command.arg("--wan");
    }
    command
        .stdin(Stdio::null())
        .stdout(out.try_clone().map_err(failed)?)
        .stderr(out);
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut child = command.spawn().map_err(failed)?;
    let sheet = block_on(async {
        loop {
            // Orders wait until everything runs, so an answer means that it does.
            if let Ok(sheet) = tidegate_lab::ask(&args.data, SHEET).await
                && !sheet.is_empty()
            {
                return Ok(sheet);
            }
            if child.try_wait().map_err(failed)?.is_some() {
                let said = fs::read_to_string(&log).unwrap_or_default();
                let last = said.lines().rfind(|line| line.starts_with("error: "));
                let last = last.unwrap_or("it ended without a word");
                return Err(last.trim_start_matches("error: ").to_owned());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })?;
    anstream::print!("{sheet}");
    anstream::println!(
        "\nIt runs in the background; `{}` stops it.",
        spelled("down", &args.data)
    );
    Ok(ExitCode::SUCCESS)
}

/// Starts everything, shows how it is, and stops everything at the end.
async fn hold(args: Args, loaded: Loaded) -> Outcome {
    crate::data::make_folder(&args.data)?;
    let nodes = args.nodes.map(usize::from);
    let world =
        World::plan(&loaded, nodes, &args.data, args.wan).map_err(|error| error.to_string())?;
    world.check_addresses().map_err(|error| error.to_string())?;
    let ids: Vec<NodeId> = world.nodes.iter().map(|(id, _)| id.clone()).collect();
    certs::init(&args.data, &ids, &["localhost".to_owned()])?;
    let mut signals =
        Signals::listen().map_err(|error| format!("signals cannot be heard: {error}"))?;
    let (_socket, mut orders) = Control::listen(&args.data).map_err(|error| {
        format!(
            "the data folder {} cannot be used: {error}",
            args.data.display()
        )
    })?;
    let mut crew = Crew::new(&args.data, world)?;
    let started = tokio::select! {
        started = crew.start_all() => started,
        () = signals.stop() => Err("stopped while starting".to_owned()),
    };
    let key = match started {
        Ok(()) => demo_key(crew.world.admins.values().copied()).await,
        Err(error) => Err(error),
    };
    let key = match key {
        Ok(key) => key,
        Err(error) => {
            crew.stop_all().await;
            return Err(error);
        }
    };
    let facts = Facts {
        world: &crew.world,
        spec: &loaded.world,
        key: &key,
        data: &args.data,
        wan: args.wan,
    };
    let mut sheet = Some(facts.sheet());
    if !args.background
        && let Some(sheet) = sheet.take()
    {
        anstream::println!("{sheet}");
    }
    let mut live = Live::new();
    let mut ticks = tokio::time::interval(EVERY);
    loop {
        tokio::select! {
            () = signals.stop() => break,
            Some((order, answer)) = orders.recv() => {
                let text = match order.as_str() {
                    // It holds a key, which is shown once.
                    SHEET => sheet.take().unwrap_or_default(),
                    order => crew.obey(order).await.unwrap_or_else(|error| format!("error: {error}\n")),
                };
                let _gone: Result<(), String> = oneshot::Sender::send(answer, text);
            }
            _ = ticks.tick() => {
                let status = crew.status().await;
                live.draw(status.as_ref(), &crew.note());
            }
        }
    }
    anstream::println!("Stopping.");
    crew.stop_all().await;
    Ok(ExitCode::SUCCESS)
}

struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hang_up: tokio::signal::unix::Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            // A terminal that closes ends what it shows, as Ctrl-C does.
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    async fn stop(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hang_up.recv() => {}
        }
    }
}

/// All processes of a world.
struct Crew {
    program: PathBuf,
    data: PathBuf,
    logs: PathBuf,
    world: World,
    children: Vec<Child>,
    /// Processes that were killed on purpose.
    killed: Vec<String>,
}

impl Crew {
    fn new(data: &Path, world: World) -> Result<Self, String> {
        let logs = data.join("logs");
        crate::data::make_folder(&logs)?;
        let program = std::env::current_exe()
            .map_err(|error| format!("this program cannot find itself: {error}"))?;
        Ok(Self {
            program,
            data: data.to_owned(),
            logs,
            world,
            children: Vec::new(),
            killed: Vec::new(),
        })
    }

    fn director(&self) -> Result<Process, String> {
        let path = self.data.join("director.json");
        let plan =
            serde_json::to_vec_pretty(&self.world.director).map_err(|error| error.to_string())?;
        fs::write(&path, plan)
            .map_err(|error| format!("{} cannot be written: {error}", path.display()))?;
        let path = path.display().to_string();
        let args = ["lab", "director", "--plan", &path, "--lifeline"]
            .map(str::to_owned)
            .into();
        Ok(Process {
            name: "director".to_owned(),
            args,
        })
    }

    /// Every process by name, in the order in which they start.
    fn processes(&self) -> Result<Vec<Process>, String> {
        let mut all: Vec<Process> = self.world.upstreams.clone();
        for process in &mut all {
            process.args.push("--lifeline".to_owned());
        }
        all.push(self.director()?);
        all.extend(self.world.nodes.iter().map(|(_, process)| process.clone()));
        Ok(all)
    }

    fn start(&mut self, process: &Process) -> Result<(), String> {
        let log = self.logs.join(format!("{}.log", process.name));
        let child =
            Child::start(&self.program, process, &log).map_err(|error| error.to_string())?;
        self.children.push(child);
        self.killed.retain(|name| *name != process.name);
        Ok(())
    }

    async fn start_all(&mut self) -> Result<(), String> {
        for process in self.processes()? {
            self.start(&process)?;
        }
        self.write_down()?;
        let deadline = tokio::time::Instant::now() + START_TIMEOUT;
        let nodes: Vec<(NodeId, SocketAddr)> = self
            .world
            .admins
            .iter()
            .map(|(id, a)| (id.clone(), *a))
            .collect();
        for (id, admin) in nodes {
            while !is_announced(admin).await {
                self.see_all_alive()?;
                if tokio::time::Instant::now() > deadline {
                    let log = self.logs.join(format!("{}.{}.log", id.region, id.name()));
                    let secs = START_TIMEOUT.as_secs();
                    return Err(format!(
                        "{id} did not come up within {secs} s; its log is {}",
                        log.display()
                    ));
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        Ok(())
    }

    /// An error if a process has ended that nobody killed, with what it said last.
    fn see_all_alive(&mut self) -> Result<(), String> {
        for child in &mut self.children {
            if child.ended().is_some() {
                let log = self.logs.join(format!("{}.log", child.name));
                let said = fs::read_to_string(&log).unwrap_or_default();
                let last = said
                    .lines()
                    .rfind(|line| !line.trim().is_empty())
                    .unwrap_or("it said nothing");
                let last = last.trim_start_matches("error: ");
                return Err(format!("{} ended while starting: {last}", child.name));
            }
        }
        Ok(())
    }

    fn write_down(&self) -> Result<(), String> {
        let member = |child: &Child| Some((child.name.clone(), Member::of(child.pid()?)));
        let fronts = self
            .world
            .director
            .fronts
            .iter()
            .map(|front| (front.region.clone(), front.addr));
        let state = State {
            supervisor: Member::of(std::process::id()),
            members: self.children.iter().filter_map(member).collect(),
            admins: self.world.admins.clone(),
            doors: self.world.doors.clone(),
            fronts: fronts.collect(),
        };
        state
            .write(&self.data)
            .map_err(|error| format!("{} cannot be written to: {error}", self.data.display()))
    }

    /// Does what `tidegate lab` orders.
    async fn obey(&mut self, order: &str) -> Result<String, String> {
        let (verb, name) = order
            .split_once(' ')
            .ok_or("an order is a verb and a name")?;
        let dotted = match name.split_once('/') {
            Some((region, node)) => format!("{region}.{node}"),
            None => name.to_owned(),
        };
        let of_region = |process: &Process| {
            let mut nodes = self.world.nodes.iter();
            process.name == dotted
                || nodes.any(|(id, known)| known.name == process.name && id.region.as_str() == name)
        };
        let chosen: Vec<Process> = self.processes()?.into_iter().filter(of_region).collect();
        if chosen.is_empty() {
            return Err(format!(
                "there is no node, region or demo service `{name}` in this world"
            ));
        }
        let mut done = Vec::new();
        for process in chosen {
            let at = self
                .children
                .iter_mut()
                .position(|child| child.name == process.name && child.ended().is_none());
            match (verb, at) {
                ("kill", Some(at)) => {
                    let child = self.children.swap_remove(at);
                    self.killed.push(process.name.clone());
                    child.crash().await;
                    done.push(format!("{} is dead.\n", process.name));
                }
                ("start", None) => {
                    self.children.retain(|child| child.name != process.name);
                    self.start(&process)?;
                    done.push(format!("{} is starting.\n", process.name));
                }
                ("kill", None) => done.push(format!("{} is dead already.\n", process.name)),
                ("start", Some(_)) => done.push(format!("{} runs already.\n", process.name)),
                _ => return Err(format!("`{verb}` is no order")),
            }
        }
        self.write_down()?;
        Ok(done.concat())
    }

    /// The world as the first node that answers sees it.
    async fn status(&self) -> Option<StatusDocument> {
        for addr in self.world.admins.values() {
            let asked = tokio::time::timeout(EVERY, ask(*addr, Method::GET, "/status", None)).await;
            if let Ok(Ok(answer)) = asked
                && let Ok(status) = answer.document()
            {
                return Some(status);
            }
        }
        None
    }

    /// What an onlooker should know besides.
    fn note(&mut self) -> String {
        let mut gone: Vec<String> = self
            .children
            .iter_mut()
            .filter_map(|child| child.ended().map(|_| child.name.clone()))
            .collect();
        gone.extend(self.killed.iter().cloned());
        gone.sort();
        if gone.is_empty() {
            "\nCtrl-C stops everything.".to_owned()
        } else {
            format!(
                "\nGone: {}. `tidegate lab start NAME` starts it again. Ctrl-C stops everything.",
                gone.join(", ")
            )
        }
    }

    /// Nodes first, so that they can say goodbye; then what they stood on.
    async fn stop_all(&mut self) {
        let nodes: Vec<String> = self
            .world
            .nodes
            .iter()
            .map(|(_, process)| process.name.clone())
            .collect();
        let (first, then): (Vec<Child>, Vec<Child>) = self
            .children
            .drain(..)
            .partition(|child| nodes.contains(&child.name));
        for group in [first, then] {
            let stopping = group
                .into_iter()
                .map(|child| tokio::spawn(child.stop(STOP_PATIENCE)));
            for stopped in stopping.collect::<Vec<_>>() {
                // A panic there leaves a process that ends with us.
                let _ended = stopped.await;
            }
        }
        State::remove(&self.data);
    }
}

/// Whether a node is ready and announced.
async fn is_announced(admin: SocketAddr) -> bool {
    let Ok(answer) = ask(admin, Method::GET, "/status", None).await else {
        return false;
    };
    let Ok(status) = answer.document::<StatusDocument>() else {
        return false;
    };
    let mut nodes = status
        .cluster
        .regions
        .iter()
        .flat_map(|region| &region.nodes);
    nodes.any(|node| node.node == status.cluster.node && node.facts.ready && node.facts.announced)
}

async fn demo_key(mut admins: impl Iterator<Item = SocketAddr>) -> Result<String, String> {
    let admin = admins.next().ok_or("there is no node")?;
    let wish = serde_json::json!({ "consumer": "demo" }).to_string();
    let document: serde_json::Value = ask(admin, Method::POST, "/keys", Some(wish))
        .await?
        .document()?;
    document["key"]
        .as_str()
        .map(str::to_owned)
        .ok_or_else(|| "the node made no key".to_owned())
}
