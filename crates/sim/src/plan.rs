//! What to play: `simulations/*.yaml`.

mod check;
mod client;
mod expect;
mod explore;
mod fault;
mod setting;

use std::collections::BTreeMap;

use serde::Deserialize;
use tidegate_config::{Loaded, Location, Spanned};
use tidegate_limit::{LimitSpec, TableSpec};
use tidegate_model::{Diagnostic, NodeId, Period, RegionId};
use tidegate_steer::SteerSpec;

pub use self::client::{Client, Diurnal, Source};
pub use self::expect::Expect;
pub use self::explore::{ExploreSpec, FaultFamily};
pub use self::fault::{
    ClockDrift, ClockJump, Fault, FaultKind, Place, Rollout, Slow, Target, Way, Weather,
};
pub use self::setting::{CapacitySpec, Convergence, InternetSpec, KeysPlan, ReplaySpec};

/// A plan.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// What it proves and what it cannot.
    pub about: String,
    /// A folder of regions to take regions, nodes, limit and steering from, relative to the plan.
    #[serde(default)]
    pub world: Option<Spanned<String>>,
    /// Which of that world's limits all traffic is under.
    #[serde(default)]
    pub world_limit: Option<Spanned<String>>,
    /// Regions and where they are.
    #[serde(default = "three_regions")]
    pub regions: BTreeMap<String, Location>,
    /// Nodes in each region.
    #[serde(default = "two")]
    pub nodes: u16,
    /// The one limit that all traffic is under, per key.
    #[serde(default = "any_limit")]
    pub limit: LimitSpec,
    /// How fast nodes announce and withdraw themselves, as in `world.yaml`.
    #[serde(default)]
    pub steer: SteerSpec,
    /// The internet between clients and regions.
    #[serde(default)]
    pub internet: InternetSpec,
    /// What a node can carry; without end if left out.
    #[serde(default)]
    pub capacity: Option<CapacitySpec>,
    /// Keys and their store; every key is known everywhere if left out.
    #[serde(default)]
    pub keys: Option<KeysPlan>,
    /// Bounds of each node's counters; if left out, room for all keys, up to 16,384.
    #[serde(default)]
    pub counters: Option<TableSpec>,
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
    /// What random faults may do to it, for `sim explore`.
    #[serde(default)]
    pub explore: ExploreSpec,
    /// What must hold.
    pub expect: Expect,
    /// The run that this plan is to repeat, for `sim replay`.
    #[serde(default)]
    pub replay: Option<ReplaySpec>,
    /// Nodes by region, if the world's files list them.
    #[serde(skip)]
    listed: Vec<NodeId>,
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

fn any_limit() -> LimitSpec {
    let plenty = std::num::NonZeroU32::new(1_000_000).expect("not zero");
    LimitSpec::new(plenty, Period::from_secs(60))
}

impl Plan {
    /// Reads a plan that stands alone.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn read(source: &tidegate_config::Source) -> Result<Self, Vec<Diagnostic>> {
        Self::read_in(
            source,
            &mut |_| Err("files are not at hand here".to_owned()),
        )
    }

    /// Reads a plan whose world may stand in files: `load` is asked for the folder that the plan
    /// names, and says what is wrong with it in a sentence.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn read_in(
        source: &tidegate_config::Source,
        load: &mut dyn FnMut(&str) -> Result<Loaded, String>,
    ) -> Result<Self, Vec<Diagnostic>> {
        let mut problems = Vec::new();
        let plan: Option<Self> = tidegate_config::read(source, &mut problems);
        let plan = plan.map(|mut plan| {
            plan.settle_in(source, load, &mut problems);
            check::check(&plan, source, &mut problems);
            plan
        });
        match plan {
            Some(plan) if problems.is_empty() => Ok(plan),
            _ => Err(problems),
        }
    }

    /// Takes what the world's files say.
    fn settle_in(
        &mut self,
        source: &tidegate_config::Source,
        load: &mut dyn FnMut(&str) -> Result<Loaded, String>,
        problems: &mut Vec<Diagnostic>,
    ) {
        let Some(folder) = &self.world else { return };
        let loaded = match load(&folder.value) {
            Ok(loaded) => loaded,
            Err(why) => {
                let span = source.span(folder.range.clone());
                let message = format!("the world in `{}` cannot be used", folder.value);
                problems.push(Diagnostic::error(message, span, why));
                return;
            }
        };
        let places = &loaded.world.regions;
        self.regions = places
            .iter()
            .map(|(name, place)| (name.clone(), place.value.location))
            .collect();
        self.steer = loaded.world.steer;
        self.listed = loaded
            .regions
            .iter()
            .flat_map(|region| {
                let names = region.spec.nodes.keys();
                names.filter_map(|name| region.node(name))
            })
            .collect();
        self.listed.sort();
        if let Some(name) = &self.world_limit {
            match loaded.world.limits.get(&name.value) {
                Some(limit) => self.limit = limit.value.clone(),
                None => {
                    let span = source.span(name.range.clone());
                    let message = format!("the world has no limit `{}`", name.value);
                    problems.push(Diagnostic::error(message, span, "no limit of this name"));
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
        if !self.listed.is_empty() {
            return self.listed.clone();
        }
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
