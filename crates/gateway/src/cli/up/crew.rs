//! The processes of a world, as whoever started them holds them.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tidegate_lab::internet::Spaces;
use tidegate_lab::{Child, Member, Process, State};
use tidegate_model::{NodeId, RegionId};

use super::super::client::ask;
use super::super::live::EVERY;
use crate::admin::StatusDocument;

/// Until everything that was started answers.
const START_TIMEOUT: Duration = Duration::from_secs(60);
/// Until a process has ended by itself: longer than it drains.
const STOP_PATIENCE: Duration = Duration::from_secs(15);

/// Who is in a world, and where each is found.
#[derive(Clone, Debug, Default)]
pub(super) struct Cast {
    /// Every process, in the order in which they start.
    pub(super) processes: Vec<Process>,
    /// Nodes, with the names of their processes.
    pub(super) nodes: Vec<(NodeId, String)>,
    /// Admin doors of nodes.
    pub(super) admins: BTreeMap<NodeId, SocketAddr>,
    /// Doors of nodes.
    pub(super) doors: BTreeMap<NodeId, BTreeMap<String, SocketAddr>>,
    /// Where clients near each region come in.
    pub(super) fronts: BTreeMap<RegionId, SocketAddr>,
    /// Network namespaces.
    pub(super) spaces: Vec<String>,
}

/// All processes of a world.
pub(super) struct Crew {
    program: PathBuf,
    data: PathBuf,
    logs: PathBuf,
    cast: Cast,
    children: Vec<Child>,
    /// Processes that were killed on purpose.
    killed: Vec<String>,
}

impl Crew {
    pub(super) fn new(data: &Path, cast: Cast) -> Result<Self, String> {
        let logs = data.join("logs");
        crate::data::make_folder(&logs)?;
        let program = std::env::current_exe()
            .map_err(|error| format!("this program cannot find itself: {error}"))?;
        Ok(Self {
            program,
            data: data.to_owned(),
            logs,
            cast,
            children: Vec::new(),
            killed: Vec::new(),
        })
    }

    fn start(&mut self, process: &Process) -> Result<(), String> {
        let log = self.logs.join(format!("{}.log", process.name));
        let child =
            Child::start(&self.program, process, &log).map_err(|error| error.to_string())?;
        self.children.push(child);
        self.killed.retain(|name| *name != process.name);
        Ok(())
    }

    /// Starts processes, and writes down that they run.
    pub(super) fn start_all(&mut self, processes: &[Process]) -> Result<(), String> {
        for process in processes {
            self.start(process)?;
        }
        self.write_down()
    }

    /// Waits until all nodes are ready and announced.
    pub(super) async fn wait_until_announced(&mut self) -> Result<(), String> {
        let nodes: Vec<(NodeId, SocketAddr)> = self
            .cast
            .admins
            .iter()
            .map(|(id, a)| (id.clone(), *a))
            .collect();
        let mut wait = Wait::new();
        for (id, admin) in nodes {
            while !is_announced(admin).await {
                let log = self.logs.join(format!("{}.{}.log", id.region, id.name()));
                let late = || format!("{id} did not come up; its log is {}", log.display());
                wait.on(self, late).await?;
            }
        }
        Ok(())
    }

    /// An error if a process has ended that nobody killed, with what it said last.
    pub(super) fn see_all_alive(&mut self) -> Result<(), String> {
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

    /// Writes down what there is, for other commands.
    pub(super) fn write_down(&self) -> Result<(), String> {
        let member = |child: &Child| Some((child.name.clone(), Member::of(child.pid()?)));
        let state = State {
            supervisor: Member::of(std::process::id()),
            members: self.children.iter().filter_map(member).collect(),
            admins: self.cast.admins.clone(),
            doors: self.cast.doors.clone(),
            fronts: self.cast.fronts.clone(),
            spaces: self.cast.spaces.clone(),
        };
        state
            .write(&self.data)
            .map_err(|error| format!("{} cannot be written to: {error}", self.data.display()))
    }

    /// Does what `tidegate lab kill` and `start` order.
    pub(super) async fn obey(&mut self, order: &str) -> Result<String, String> {
        let (verb, name) = order
            .split_once(' ')
            .ok_or("an order is a verb and a name")?;
        let chosen = self.named(name);
        if chosen.is_empty() {
            return Err(format!(
                "there is no node, region or demo service `{name}` in this world"
            ));
        }
        let mut done = Vec::new();
        match verb {
            "kill" => {
                for process in &chosen {
                    let already = self.running(process).map_or(" already", |_| "");
                    done.push(format!("{process} is dead{already}.\n"));
                }
                self.kill_all(&chosen).await;
            }
            "start" => {
                for process in &chosen {
                    let started = self.start_again(process)?;
                    let how = if started {
                        "is starting"
                    } else {
                        "runs already"
                    };
                    done.push(format!("{process} {how}.\n"));
                }
            }
            _ => return Err(format!("`{verb}` is no order")),
        }
        self.write_down()?;
        Ok(done.concat())
    }

    /// Processes that go by a name: a node, all nodes of a region, or any other process.
    fn named(&self, name: &str) -> Vec<String> {
        let dotted = match name.split_once('/') {
            Some((region, node)) => format!("{region}.{node}"),
            None => name.to_owned(),
        };
        let of_region = |process: &Process| {
            let mut nodes = self.cast.nodes.iter();
            process.name == dotted
                || nodes.any(|(id, known)| *known == process.name && id.region.as_str() == name)
        };
        let chosen = self
            .cast
            .processes
            .iter()
            .filter(|process| of_region(process));
        chosen.map(|process| process.name.clone()).collect()
    }

    fn running(&mut self, name: &str) -> Option<usize> {
        let mut children = self.children.iter_mut();
        children.position(|child| child.name == name && child.ended().is_none())
    }

    /// Kills processes on the spot, all in one moment: to see one end takes a while.
    pub(super) async fn kill_all(&mut self, names: &[String]) {
        for name in names {
            if let Some(at) = self.running(name)
                && let Some(pid) = self.children[at].pid()
            {
                tidegate_lab::kill(pid);
            }
        }
        for name in names {
            let at = self.children.iter().position(|child| child.name == *name);
            if let Some(at) = at {
                self.children.swap_remove(at).crash().await;
                self.killed.retain(|killed| killed != name);
                self.killed.push(name.clone());
            }
        }
    }

    /// Starts what was killed. Whether it did not run.
    pub(super) fn start_again(&mut self, name: &str) -> Result<bool, String> {
        if self.running(name).is_some() {
            return Ok(false);
        }
        let process = self
            .cast
            .processes
            .iter()
            .find(|process| process.name == name);
        let process = process
            .ok_or_else(|| format!("there is no process `{name}`"))?
            .clone();
        self.children.retain(|child| child.name != name);
        self.start(&process)?;
        Ok(true)
    }

    /// Stops a process from running, or lets it run on.
    pub(super) fn freeze(&mut self, name: &str, frozen: bool) {
        if let Some(at) = self.running(name)
            && let Some(pid) = self.children[at].pid()
        {
            tidegate_lab::freeze(pid, frozen);
        }
    }

    /// Says a line to a process.
    pub(super) async fn tell(&mut self, name: &str, line: &str) -> Result<(), String> {
        let Some(at) = self.running(name) else {
            return Err(format!("{name} does not run"));
        };
        let told = self.children[at].tell(line).await;
        told.map_err(|error| format!("{name} cannot be told: {error}"))
    }

    /// Admin doors of nodes.
    pub(super) fn admins(&self) -> impl Iterator<Item = SocketAddr> {
        self.cast.admins.values().copied()
    }

    /// The admin door of a node.
    /// The world's data folder.
    pub(super) fn data(&self) -> &Path {
        &self.data
    }

    pub(super) fn admin(&self, node: &NodeId) -> Option<SocketAddr> {
        self.cast.admins.get(node).copied()
    }

    /// The world as the first node that answers sees it.
    pub(super) async fn status(&self) -> Option<StatusDocument> {
        for addr in self.cast.admins.values() {
            let asked = tokio::time::timeout(EVERY, ask(*addr, "/status")).await;
            if let Ok(Ok(answer)) = asked
                && let Ok(status) = answer.document()
            {
                return Some(status);
            }
        }
        None
    }

    /// What an onlooker should know besides.
    pub(super) fn note(&mut self) -> String {
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

    /// Who asks nodes first, then nodes, so that they can say goodbye; then what they stand on.
    pub(super) async fn stop_all(&mut self) {
        let is_node = |name: &str| self.cast.nodes.iter().any(|(_, node)| node == name);
        let order: Vec<&str> = self
            .cast
            .processes
            .iter()
            .map(|p| p.name.as_str())
            .collect();
        let first = order
            .iter()
            .position(|name| is_node(name))
            .unwrap_or_default();
        let group = |child: &Child| {
            let place = order.iter().position(|name| *name == child.name);
            match place {
                _ if is_node(&child.name) => 1,
                Some(place) if place > first => 0,
                _ => 2,
            }
        };
        let mut groups: [Vec<Child>; 3] = Default::default();
        for child in self.children.drain(..) {
            groups[group(&child)].push(child);
        }
        for group in groups {
            let stopping = group
                .into_iter()
                .map(|child| tokio::spawn(child.stop(STOP_PATIENCE)));
            for stopped in stopping.collect::<Vec<_>>() {
                // A panic there leaves a process that ends with us.
                let _ended = stopped.await;
            }
        }
        Spaces(std::mem::take(&mut self.cast.spaces)).remove();
        State::remove(&self.data);
    }
}

/// Whether a node is ready and announced.
async fn is_announced(admin: SocketAddr) -> bool {
    let Ok(answer) = ask(admin, "/status").await else {
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

/// Patience with a world that is starting.
pub(super) struct Wait(tokio::time::Instant);

impl Wait {
    pub(super) fn new() -> Self {
        Self(tokio::time::Instant::now() + START_TIMEOUT)
    }

    /// Waits a little. An error if something has ended, or if it is too late.
    pub(super) async fn on(
        &mut self,
        crew: &mut Crew,
        late: impl Fn() -> String,
    ) -> Result<(), String> {
        crew.see_all_alive()?;
        if tokio::time::Instant::now() > self.0 {
            return Err(format!("{} ({} s)", late(), START_TIMEOUT.as_secs()));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        Ok(())
    }
}
