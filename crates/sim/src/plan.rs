//! What to play: `simulations/*.yaml`.

use std::collections::BTreeMap;

use serde::Deserialize;
use tidegate_config::{Location, Spanned};
use tidegate_limit::LimitSpec;
use tidegate_model::{Diagnostic, NodeId, Period, RegionId};

/// A plan.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// What it proves and what it cannot.
    pub about: String,
    /// Regions and where they are.
    #[serde(default = "three_regions")]
    pub regions: BTreeMap<String, Location>,
    /// Nodes in each region.
    #[serde(default = "two")]
    pub nodes: u16,
    /// The one limit that all traffic is under, per key.
    pub limit: LimitSpec,
    /// How long to play.
    pub run_for: Period,
    /// Messages that get lost between regions, as a part of all.
    #[serde(default)]
    pub loss: f64,
    /// Who asks for what.
    pub clients: Vec<Client>,
    /// What goes wrong.
    #[serde(default)]
    pub faults: Vec<Spanned<Fault>>,
    /// What must hold.
    pub expect: Expect,
}

/// One stream of requests with one key.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// Its API key.
    pub key: String,
    /// Requests a second, at random moments.
    #[serde(default)]
    pub per_second: f64,
    /// Requests all at once, at `start`.
    #[serde(default)]
    pub burst: u32,
    /// Where they come from.
    pub from: Spanned<Source>,
    /// When it starts.
    #[serde(default)]
    pub start: Option<Period>,
    /// When it stops.
    #[serde(default)]
    pub stop: Option<Period>,
}

/// Where requests come from.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// From clients near every region, over the internet, to the nearest region that is announced.
    Everywhere,
    /// From clients near this region, over the internet.
    Near(String),
    /// To all nodes in turn, whatever is announced.
    AllNodes,
    /// To one node.
    Node(NodeId),
}

/// Something goes wrong, or is mended.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// When.
    pub at: Period,
    /// What.
    pub what: FaultKind,
}

/// What goes wrong, or is mended.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// A node dies on the spot.
    Crash(NodeId),
    /// A dead node starts anew, knowing nothing.
    Restart(NodeId),
    /// All nodes of a region die on the spot.
    CrashRegion(RegionId),
    /// All dead nodes of a region start anew.
    RestartRegion(RegionId),
    /// A region's links to all others are cut; its clients still reach it.
    Cut(RegionId),
    /// The links are mended.
    Heal(RegionId),
    /// A region loses the services behind it.
    Ill(RegionId),
    /// They are back.
    Well(RegionId),
}

/// What must hold. What is left out is not checked.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Expect {
    /// Windows before this moment are not judged.
    pub judge_from: Option<Period>,
    /// Admitted beyond the limit in any window, as a part of it.
    pub over_max: Option<f64>,
    /// Admitted short of what should have been, in any window, as a part of it.
    pub under_max: Option<f64>,
    /// Requests refused in windows whose whole demand was within the limit.
    pub false_refusals_max: Option<u64>,
    /// The longest time that clients of one place found nobody to answer.
    pub unavailable_max: Option<Period>,
    /// At each moment after the first ten seconds some region is announced.
    pub always_announced: bool,
    /// At the end all nodes know the same counts.
    pub counts_agree: bool,
}

fn three_regions() -> BTreeMap<String, Location> {
    let places = [
        ("us-east-1", Location::new(38.9, -77.4)),
        ("eu-west-1", Location::new(53.3, -6.3)),
        ("ap-southeast-1", Location::new(1.3, 103.8)),
    ];
    places.map(|(name, place)| (name.to_owned(), place)).into()
}

const fn two() -> u16 {
    2
}

impl Plan {
    /// Reads a plan.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn read(source: &tidegate_config::Source) -> Result<Self, Vec<Diagnostic>> {
        let mut problems = Vec::new();
        let plan: Option<Self> = tidegate_config::read(source, &mut problems);
        if let Some(plan) = &plan {
            plan.check(source, &mut problems);
        }
        match plan {
            Some(plan) if problems.is_empty() => Ok(plan),
            _ => Err(problems),
        }
    }

    fn check(&self, source: &tidegate_config::Source, problems: &mut Vec<Diagnostic>) {
        let mut complain = |range: &std::ops::Range<usize>, message: String| {
            let span = tidegate_model::Span {
                file: std::sync::Arc::clone(&source.file),
                range: range.clone(),
            };
            problems.push(Diagnostic::error(message, span, "not in this plan's world"));
        };
        let region_known = |name: &str| self.regions.contains_key(name);
        let node_known = |node: &NodeId| self.node_ids().contains(node);
        for client in &self.clients {
            match &client.from.value {
                Source::Near(region) if !region_known(region) => {
                    complain(&client.from.range, format!("there is no region `{region}`"));
                }
                Source::Node(node) if !node_known(node) => {
                    complain(&client.from.range, format!("there is no node `{node}`"));
                }
                Source::Near(_) | Source::Node(_) | Source::Everywhere | Source::AllNodes => {}
            }
        }
        for fault in &self.faults {
            match &fault.value.what {
                FaultKind::Crash(node) | FaultKind::Restart(node) => {
                    if !node_known(node) {
                        complain(&fault.range, format!("there is no node `{node}`"));
                    }
                }
                FaultKind::CrashRegion(region)
                | FaultKind::RestartRegion(region)
                | FaultKind::Cut(region)
                | FaultKind::Heal(region)
                | FaultKind::Ill(region)
                | FaultKind::Well(region) => {
                    if !region_known(region.as_str()) {
                        complain(&fault.range, format!("there is no region `{region}`"));
                    }
                }
            }
        }
    }

    /// Names of all regions, in order. Names that cannot be names are left out; `check` would be
    /// the place to tell.
    #[must_use]
    pub fn region_ids(&self) -> Vec<RegionId> {
        self.regions
            .keys()
            .filter_map(|name| name.parse().ok())
            .collect()
    }

    /// Names of all nodes, in order: `REGION/a`, `REGION/b` and so on.
    #[must_use]
    pub fn node_ids(&self) -> Vec<NodeId> {
        let node = |region: &RegionId, i: u16| {
            NodeId::new(region.clone(), &node_name(i)).expect("letters and digits")
        };
        self.region_ids()
            .iter()
            .flat_map(|region| (0..self.nodes).map(move |i| node(region, i)))
            .collect()
    }
}

/// `a` to `z`, then `a1` and on.
fn node_name(i: u16) -> String {
    let letter = char::from(b'a' + (i % 26) as u8);
    if i < 26 {
        letter.to_string()
    } else {
        format!("{letter}{}", i / 26)
    }
}
