//! What the control plane of a node shares: the admin door, reloads and checks all work on these.

use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;

use tidegate_anycast::{Condition, Vip};
use tidegate_cluster::Node;
use tidegate_config::{DrainSpec, TracesSpec};
use tidegate_mesh::Links;
use tidegate_model::{NodeId, Wall};
use tidegate_net::DoorSettings;
use tidegate_proxy::{Probes, Shared};
use tidegate_runtime::{Clock, Handle, Stop};
use tidegate_telemetry::{AccessLog, Cell, Metrics};
use tidegate_zone::Served;

use crate::audit::Audit;
use crate::key_tail::TailState;
use crate::keys::Keys;
use crate::logs::Logs;
use crate::options::Options;
use crate::topology::Topology;
use crate::traces::Flush;
use crate::watch::Watch;

/// What the control plane of a node shares.
#[derive(Debug)]
pub(crate) struct Services {
    pub(crate) options: Options,
    pub(crate) node: NodeId,
    pub(crate) clock: Clock,
    pub(crate) started: Wall,
    pub(crate) stop: Stop,
    pub(crate) cluster: Handle<Node>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) keys: Keys,
    /// Where changes of keys are recorded.
    pub(crate) audit: Audit,
    /// How news of keys comes in, if they are in a table.
    pub(crate) tail: TailState,
    pub(crate) has_table: bool,
    pub(crate) metrics: Arc<Metrics>,
    /// Its files are opened anew when a node reloads.
    pub(crate) access_log: AccessLog,
    /// Where it goes besides where the command line says.
    pub(crate) logs: Mutex<Logs>,
    /// How the routing daemon does.
    pub(crate) anycast: Arc<Condition>,
    /// The device with the anycast addresses: it goes with the process.
    pub(crate) _vip: Option<Vip>,
    /// The DNS zone that it serves.
    pub(crate) zone: Option<Served>,
    pub(crate) drain: DrainSpec,
    pub(crate) doors: Vec<Arc<DoorSettings>>,
    pub(crate) probes: Mutex<Probes>,
    /// Distance and cuts, in worlds on one machine.
    pub(crate) links: Option<Arc<Links>>,
    /// Each core counts up while it runs.
    pub(crate) heartbeats: Vec<Arc<Cell>>,
    /// What stands where, as the configuration says.
    pub(crate) topology: ArcSwap<Topology>,
    /// Who listens to what goes on here.
    pub(crate) watch: Watch,
    /// What the configuration said of traces when the node started.
    pub(crate) traces: Option<TracesSpec>,
    /// Sends what waits of them, if they go anywhere.
    pub(crate) flush: Option<Flush>,
    /// What the admin door wants from browsers, and from other machines.
    pub(crate) admin_token: String,
    /// One reload at a time.
    pub(crate) reloading: tokio::sync::Mutex<()>,
}
