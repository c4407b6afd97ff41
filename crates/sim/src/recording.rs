//! What a run looked like over time: what reports, JSON and Prometheus text are drawn from.
//!
//! Numbers are whole wherever they can be, so that the same seed gives the same text on every
//! machine.

use serde::Serialize;

/// What a run looked like.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Recording {
    /// The plan's name.
    pub plan: String,
    /// What it proves and what it cannot.
    pub about: String,
    /// The seed that repeats it.
    pub seed: u64,
    /// Regions, in order.
    pub regions: Vec<Place>,
    /// Nodes, in order, such as `eu-west-1/a`.
    pub nodes: Vec<NodeName>,
    /// How long a step is, in milliseconds.
    pub step_ms: u64,
    /// What happened in each step, in order.
    pub steps: Vec<Step>,
    /// What was admitted, for each limit, key and window that is worth showing, by time.
    pub windows: Vec<Window>,
    /// Faults, transitions and what was broken, by time.
    pub events: Vec<Event>,
}

/// A region, and where it is.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Place {
    /// Its name.
    pub name: String,
    /// Degrees north.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
}

/// A node, and the region it is in.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct NodeName {
    /// Its name, such as `eu-west-1/a`.
    pub name: String,
    /// Its region, as a place in [`Recording::regions`].
    pub region: usize,
}

/// One step of time.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Step {
    /// Requests of clients, by where they live (first) and the region that served them (second).
    pub flows: Vec<Vec<u64>>,
    /// What happened in each region.
    pub regions: Vec<RegionStep>,
    /// How each node was at the end of the step.
    pub nodes: Vec<NodeStep>,
    /// By region (first) how old its youngest word from each region (second) was, in
    /// milliseconds. Nothing if no node of it lives or none was ever heard.
    pub heard_ms: Vec<Vec<Option<u64>>>,
}

/// What happened in a region in one step.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct RegionStep {
    /// Requests that were answered well.
    pub good: u64,
    /// Requests that a limit refused.
    pub limited: u64,
    /// Requests that were refused for another reason: an unknown key, no service.
    pub refused: u64,
    /// Requests that failed or timed out, of clients that were led here, and of clients near here
    /// who were led nowhere.
    pub failed: u64,
    /// Requests that waited at the end of the step.
    pub queued: u64,
    /// What the region's nodes were busy with, in thousandths of what they can.
    pub busy: u64,
    /// Nodes that are announced as routers near the region see it.
    pub announced: u64,
    /// Clients' sessions that a change of routes broke.
    pub broken_sessions: u64,
}

/// How a node was at the end of a step.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct NodeStep {
    /// Whether its process runs.
    pub alive: bool,
    /// Whether it is announced.
    pub announced: bool,
    /// Nodes that it believes alive, itself included.
    pub members: u64,
    /// Regions that it takes to be announced, as a bit for each in order.
    pub believes_announced: u64,
    /// Which generation of the configuration it runs.
    pub generation: u64,
    /// Why it is not announced, in a word, or nothing.
    pub reason: String,
}

/// A window of a limit, for one key.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Window {
    /// The limit.
    pub limit: String,
    /// The key.
    pub key: String,
    /// When the window began and how long it was, in milliseconds of the run.
    pub from_ms: u64,
    /// How long it was.
    pub length_ms: u64,
    /// What the limit allows in it.
    pub allowed: u64,
    /// What was asked for.
    pub offered: u64,
    /// What was admitted.
    pub admitted: u64,
    /// The error that is usual: about the square root of what is under way between regions.
    pub expected_error: f64,
}

/// Something worth a line.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Event {
    /// When, in milliseconds of the run.
    pub at_ms: u64,
    /// What kind.
    pub kind: EventKind,
    /// Where: a region or a node, or nothing for the whole world.
    pub place: String,
    /// What.
    pub what: String,
}

/// Kinds of events.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// The plan broke something.
    Fault,
    /// The plan mended something.
    Mended,
    /// A node was announced or withdrew.
    Route,
    /// A key was revoked, a configuration rolled out, or the like.
    Order,
    /// Something that must hold did not.
    Broken,
}
