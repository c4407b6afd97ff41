//! What can be broken in a small internet, and what is to be done for it. It decides only; whoever
//! holds the processes does it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tidegate_model::NodeId;

use super::topology::{End, Topology};

/// An address of Ethernet that nobody has.
const NOBODY: &str = "02:00:00:00:00:99";

/// A kind of fault.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The node's process is killed on the spot.
    KillNode,
    /// All nodes of a region are.
    KillRegion,
    /// The node's process stops running and stays (SIGSTOP).
    Freeze,
    /// The routing daemon beside the node is killed.
    KillDaemon,
    /// The link between machine and router goes down.
    CutLink,
    /// It loses every packet and looks sound.
    Blackhole,
    /// The machine's services are sick and well in turn.
    Flap,
    /// The machine's services take their time.
    SlowUpstream,
    /// The machine's services answer with errors.
    SickUpstream,
    /// Lines to other regions lose every packet.
    Partition,
    /// Nodes are taken out of service in a planned way.
    Drain,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::KillNode,
        Self::KillRegion,
        Self::Freeze,
        Self::KillDaemon,
        Self::CutLink,
        Self::Blackhole,
        Self::Flap,
        Self::SlowUpstream,
        Self::SickUpstream,
        Self::Partition,
        Self::Drain,
    ];

    /// As it is written.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::KillNode => "kill-node",
            Self::KillRegion => "kill-region",
            Self::Freeze => "freeze",
            Self::KillDaemon => "kill-daemon",
            Self::CutLink => "cut-link",
            Self::Blackhole => "blackhole",
            Self::Flap => "flap",
            Self::SlowUpstream => "slow-upstream",
            Self::SickUpstream => "sick-upstream",
            Self::Partition => "partition",
            Self::Drain => "drain",
        }
    }
}

/// A fault: what, and where.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Fault {
    /// What.
    pub kind: Kind,
    /// Where.
    pub target: Target,
    /// What `slow-upstream` adds to each answer, and how long `flap` is sick and well.
    pub pace: Duration,
}

/// An order to bring a fault about, or to undo it: what goes over a world's socket.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FaultOrder {
    /// Which.
    pub fault: Fault,
    /// Whether to undo it.
    pub undo: bool,
    /// It undoes itself after so long.
    pub lasts_ms: Option<u64>,
}

/// Where a fault is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// All regions.
    All,
    /// A region, or all machines in it.
    Region(String),
    /// A node, or its machine.
    Node(String),
}

/// What is to be done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// Kill a process.
    Kill(String),
    /// Start one.
    Start(String),
    /// Stop one from running, or let it run on.
    Freeze(String, bool),
    /// Tell a demo service how to behave.
    Tell(String, String),
    /// Run `ip`.
    Ip(Vec<String>),
    /// Drain a node, or bring it back.
    Drain(NodeId, bool),
}

/// Why a fault cannot be.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FaultError {
    /// No such place.
    #[error("there is no node or region `{0}` in this world")]
    Unknown(String),
    /// A fault of a node.
    #[error("`{0}` is for one node: REGION/NODE")]
    NodeWanted(&'static str),
    /// A fault of a region.
    #[error("`{0}` is for a region")]
    RegionWanted(&'static str),
}

impl Target {
    /// Reads `all`, `REGION` or `REGION/NODE`.
    #[must_use]
    pub fn read(text: &str) -> Self {
        match text {
            "all" => Self::All,
            node if node.contains('/') => Self::Node(node.to_owned()),
            region => Self::Region(region.to_owned()),
        }
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Region(name) | Self::Node(name) => f.write_str(name),
        }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.kind.name(), self.target)
    }
}

impl Fault {
    /// Whether it is the same kind at the same place.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        self.kind == other.kind && self.target == other.target
    }

    /// What is to be done to bring it about, or to undo it. `services` are the demo services of a
    /// machine.
    ///
    /// # Errors
    /// If there is no such place, or the kind of fault is for others.
    pub fn actions(
        &self,
        internet: &Topology,
        upstreams: &[String],
        undo: bool,
    ) -> Result<Vec<Action>, FaultError> {
        let machines = self.machines(internet)?;
        if self.kind == Kind::Partition {
            return self.partition(internet, undo);
        }
        let of_machine = |(site, at): (usize, usize)| {
            let node = &internet.sites[site].machines[at].node;
            match self.kind {
                Kind::KillNode | Kind::KillRegion => vec![process(node_process(node), undo)],
                Kind::KillDaemon => vec![process(bird_process(node), undo)],
                Kind::Freeze => vec![Action::Freeze(node_process(node), !undo)],
                Kind::Drain => vec![Action::Drain(node.clone(), !undo)],
                Kind::CutLink => cut(internet, site, at, undo),
                Kind::Blackhole | Kind::Partition => {
                    let link = internet.machine_link(site, at);
                    lose(&link.a, &link.b, undo).into()
                }
                Kind::Flap | Kind::SickUpstream | Kind::SlowUpstream => {
                    let told = self.behaviour(undo);
                    let services = upstreams
                        .iter()
                        .map(|service| service_process(service, node));
                    services
                        .map(|service| Action::Tell(service, told.clone()))
                        .collect()
                }
            }
        };
        Ok(machines.into_iter().flat_map(of_machine).collect())
    }

    /// How often it comes and goes by itself.
    #[must_use]
    pub fn turns(&self) -> Option<Duration> {
        (self.kind == Kind::Flap).then_some(self.pace)
    }

    fn behaviour(&self, undo: bool) -> String {
        match self.kind {
            _ if undo => "well".to_owned(),
            Kind::SlowUpstream => format!("slow {}", self.pace.as_millis()),
            _ => "sick".to_owned(),
        }
    }

    fn machines(&self, internet: &Topology) -> Result<Vec<(usize, usize)>, FaultError> {
        let name = self.kind.name();
        match &self.target {
            Target::Node(_) if matches!(self.kind, Kind::KillRegion | Kind::Partition) => {
                Err(FaultError::RegionWanted(name))
            }
            Target::All | Target::Region(_) if self.kind == Kind::KillNode => {
                Err(FaultError::NodeWanted(name))
            }
            Target::All => Ok(internet.machines().collect()),
            Target::Region(region) => {
                let site = internet.site(region);
                let site = site.ok_or_else(|| FaultError::Unknown(region.clone()))?;
                Ok(internet.machines().filter(|(at, _)| *at == site).collect())
            }
            Target::Node(node) => {
                let machine = internet.find(node);
                Ok(vec![
                    machine.ok_or_else(|| FaultError::Unknown(node.clone()))?,
                ])
            }
        }
    }

    /// The region's lines, or all lines.
    fn partition(&self, internet: &Topology, undo: bool) -> Result<Vec<Action>, FaultError> {
        let own = match &self.target {
            Target::Region(region) => internet.site(region),
            Target::All | Target::Node(_) => None,
        };
        let lines = internet.lines();
        let lines = lines.filter(|(from, to, _)| own.is_none_or(|own| own == *from || own == *to));
        Ok(lines
            .flat_map(|(_, _, link)| lose(&link.a, &link.b, undo))
            .collect())
    }
}

/// What the process of a node is called.
#[must_use]
pub(crate) fn node_process(node: &NodeId) -> String {
    format!("{}.{}", node.region, node.name())
}

/// What the BIRD beside a node is called.
#[must_use]
pub(crate) fn bird_process(node: &NodeId) -> String {
    format!("bird.{}.{}", node.region, node.name())
}

/// What a demo service beside a node is called.
#[must_use]
pub(crate) fn service_process(service: &str, node: &NodeId) -> String {
    format!("{service}.{}.{}", node.region, node.name())
}

fn process(name: String, undo: bool) -> Action {
    if undo {
        Action::Start(name)
    } else {
        Action::Kill(name)
    }
}

fn ip(line: &str) -> Action {
    Action::Ip(line.split(' ').map(str::to_owned).collect())
}

/// A device that is down forgets its routes.
fn cut(internet: &Topology, site: usize, machine: usize, undo: bool) -> Vec<Action> {
    let link = internet.machine_link(site, machine);
    let (space, device) = (&link.b.space, &link.b.device);
    if undo {
        vec![
            ip(&format!("-n {space} link set {device} up")),
            ip(&format!(
                "-n {space} route replace default via {}",
                link.a.addr
            )),
        ]
    } else {
        vec![ip(&format!("-n {space} link set {device} down"))]
    }
}

/// Packets in both directions go to an address that nobody has: both ends see a sound link.
fn lose(a: &End, b: &End, undo: bool) -> [Action; 2] {
    [(a, b), (b, a)].map(|(end, peer)| {
        let (space, device, peer) = (&end.space, &end.device, peer.addr);
        if undo {
            ip(&format!("-n {space} neigh del {peer} dev {device}"))
        } else {
            ip(&format!(
                "-n {space} neigh replace {peer} lladdr {NOBODY} dev {device} nud permanent"
            ))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::super::topology::tests::internet;
    use super::*;

    fn actions(kind: Kind, target: &str, undo: bool) -> Result<Vec<Action>, FaultError> {
        let fault = Fault {
            kind,
            target: Target::read(target),
            pace: Duration::from_secs(2),
        };
        fault.actions(&internet(3, 2), &["echo-1".to_owned()], undo)
    }

    #[test]
    fn a_fault_hits_what_it_names_and_nothing_else() {
        let killed = actions(Kind::KillRegion, "region-1", false).unwrap();
        assert_eq!(
            killed,
            ["region-1.n0", "region-1.n1"].map(|name| Action::Kill(name.to_owned()))
        );
        let frozen = actions(Kind::Freeze, "region-2/n1", false).unwrap();
        assert_eq!(frozen, [Action::Freeze("region-2.n1".to_owned(), true)]);
        let slow = actions(Kind::SlowUpstream, "region-0/n0", false).unwrap();
        let told = Action::Tell("echo-1.region-0.n0".to_owned(), "slow 2000".to_owned());
        assert_eq!(slow, [told]);
        assert_eq!(actions(Kind::SickUpstream, "all", false).unwrap().len(), 6);
        // Two lines of three, both ends of each.
        assert_eq!(
            actions(Kind::Partition, "region-1", false).unwrap().len(),
            4
        );
        assert_eq!(actions(Kind::Partition, "all", false).unwrap().len(), 6);
    }

    #[test]
    fn a_fault_that_cannot_be_is_refused() {
        let unknown = |name: &str| Err(FaultError::Unknown(name.to_owned()));
        assert_eq!(actions(Kind::Freeze, "mars", false), unknown("mars"));
        assert_eq!(
            actions(Kind::Freeze, "region-0/x", false),
            unknown("region-0/x")
        );
        let wanted = Err(FaultError::NodeWanted("kill-node"));
        assert_eq!(actions(Kind::KillNode, "region-0", false), wanted);
        let wanted = Err(FaultError::RegionWanted("kill-region"));
        assert_eq!(actions(Kind::KillRegion, "region-0/n0", false), wanted);
    }

    #[test]
    fn every_fault_can_be_undone_where_it_was() {
        for kind in Kind::ALL {
            let target = if kind == Kind::KillNode {
                "region-0/n0"
            } else {
                "region-0"
            };
            let done = actions(kind, target, false).unwrap();
            let undone = actions(kind, target, true).unwrap();
            assert!(!done.is_empty() && undone.len() >= done.len(), "{kind:?}");
            assert_ne!(done, undone);
            let json = serde_json::to_string(&kind).unwrap();
            assert_eq!(json, format!("\"{}\"", kind.name()));
        }
    }
}
