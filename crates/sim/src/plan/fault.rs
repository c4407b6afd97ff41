//! What goes wrong over time, what is mended, and what operators do meanwhile.

use std::fmt;

use serde::Deserialize;
use tidegate_model::{NodeId, Period, RegionId};

/// Something goes wrong, or is mended.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// When.
    pub at: Period,
    /// What.
    pub what: FaultKind,
    /// How often in all.
    #[serde(default = "once")]
    pub times: u32,
    /// From one time to the next.
    #[serde(default)]
    pub every: Option<Period>,
}

const fn once() -> u32 {
    1
}

/// A region, such as `eu-west-1`, or one node of it, such as `eu-west-1/a`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Target {
    /// All nodes of a region.
    Region(RegionId),
    /// One node.
    Node(NodeId),
}

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let parsed = match text.contains('/') {
            true => text.parse().map(Self::Node).map_err(|e| format!("{e}")),
            false => text.parse().map(Self::Region).map_err(|e| format!("{e}")),
        };
        parsed.map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Region(region) => region.fmt(f),
            Self::Node(node) => node.fmt(f),
        }
    }
}

/// What goes wrong, or is mended, or is ordered.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// A node dies on the spot.
    Crash(NodeId),
    /// A dead node starts anew, with what its disk has.
    Restart(NodeId),
    /// A dead node starts anew on an empty disk.
    RestartEmpty(NodeId),
    /// All nodes of a region die on the spot.
    CrashRegion(RegionId),
    /// All dead nodes of a region start anew.
    RestartRegion(RegionId),
    /// A region's links to all others are cut; its clients still reach it.
    Cut(RegionId),
    /// The links are mended.
    Heal(RegionId),
    /// Nothing that one region sends reaches the other; the way back works.
    CutWay(Way),
    /// That way is mended.
    HealWay(Way),
    /// A region loses the services behind it.
    Ill(RegionId),
    /// A region loses some of the services behind it.
    Partly(RegionId),
    /// They are back.
    Well(RegionId),
    /// Processes stand still: they hear nothing, say nothing, and keep what they announce until a
    /// watchdog takes it from them.
    Freeze(Target),
    /// They go on, with all that has come meanwhile.
    Thaw(Target),
    /// Nodes do their work so many times slower.
    Slow(Slow),
    /// Nodes leave if nothing forbids it, as an operator's drain.
    Drain(Target),
    /// They come back.
    Undrain(Target),
    /// Each node in turn is drained, stopped, and started with this generation.
    Upgrade(Rollout),
    /// Each node in turn takes on a configuration.
    Rollout(Rollout),
    /// Certificates of the mesh are over: nodes neither hear nor reach others.
    MeshExpired(Target),
    /// They have new ones.
    MeshRenewed(Target),
    /// A system's clock is set forward, or back.
    ClockJump(ClockJump),
    /// A system's clock goes wrong by so much from now on.
    ClockDrift(ClockDrift),
    /// Messages between regions that are lost, that come twice, as parts of all, and by how much
    /// some are late.
    Weather(Weather),
    /// The key store does not answer, here or everywhere.
    StoreDown(Place),
    /// It does.
    StoreUp(Place),
    /// It answers after so long, everywhere.
    StoreDelay(Period),
    /// A key is revoked at the first node that lives.
    Revoke(String),
}

/// From one region to another.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Way {
    /// Whose messages.
    pub from: RegionId,
    /// For whom.
    pub to: RegionId,
}

/// How slow.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slow {
    /// Which nodes.
    pub who: Target,
    /// How many times as long everything takes; 1 mends it.
    pub times: u32,
}

/// How a configuration comes to all nodes.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rollout {
    /// Its number.
    pub generation: u64,
    /// From one node to the next.
    pub pause: Period,
    /// Nodes that have it find themselves unable to serve.
    #[serde(default)]
    pub breaks: bool,
}

/// By how much a clock is set.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClockJump {
    /// Whose.
    pub who: Target,
    /// By how many seconds; back if negative.
    pub seconds: i64,
}

/// How a clock goes wrong.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClockDrift {
    /// Whose.
    pub who: Target,
    /// Microseconds in a second; slow if negative.
    pub ppm: i64,
}

/// What links between regions do to messages.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
pub struct Weather {
    /// Lost, as a part of all.
    pub lost: f64,
    /// Arriving twice, as a part of all.
    pub twice: f64,
    /// A third of them is late by up to so much, and overtaken.
    pub late: Option<Period>,
}

/// One region, or all of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Place {
    /// `everywhere`.
    Everywhere,
    /// A region.
    Region(RegionId),
}

impl<'de> Deserialize<'de> for Place {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.as_str() {
            "everywhere" => Ok(Self::Everywhere),
            name => name
                .parse()
                .map(Self::Region)
                .map_err(serde::de::Error::custom),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everywhere => f.write_str("everywhere"),
            Self::Region(region) => region.fmt(f),
        }
    }
}

impl FaultKind {
    /// Whether it breaks something, mends something, or is an order.
    #[must_use]
    pub fn kind(&self) -> crate::recording::EventKind {
        use crate::recording::EventKind::{Fault, Mended, Order};
        match self {
            Self::Crash(_)
            | Self::CrashRegion(_)
            | Self::Cut(_)
            | Self::CutWay(_)
            | Self::Ill(_)
            | Self::Partly(_)
            | Self::Freeze(_)
            | Self::MeshExpired(_)
            | Self::ClockJump(_)
            | Self::ClockDrift(_)
            | Self::StoreDown(_) => Fault,
            Self::Slow(slow) if slow.times > 1 => Fault,
            Self::Weather(weather) if *weather != Weather::default() => Fault,
            Self::Restart(_)
            | Self::RestartEmpty(_)
            | Self::RestartRegion(_)
            | Self::Heal(_)
            | Self::HealWay(_)
            | Self::Well(_)
            | Self::Thaw(_)
            | Self::Slow(_)
            | Self::MeshRenewed(_)
            | Self::Weather(_)
            | Self::StoreUp(_) => Mended,
            Self::Drain(_)
            | Self::Undrain(_)
            | Self::Upgrade(_)
            | Self::Rollout(_)
            | Self::StoreDelay(_)
            | Self::Revoke(_) => Order,
        }
    }

    /// Where it is.
    #[must_use]
    pub fn place(&self) -> String {
        match self {
            Self::Crash(node) | Self::Restart(node) | Self::RestartEmpty(node) => node.to_string(),
            Self::CrashRegion(region)
            | Self::RestartRegion(region)
            | Self::Cut(region)
            | Self::Heal(region)
            | Self::Ill(region)
            | Self::Partly(region)
            | Self::Well(region) => region.to_string(),
            Self::CutWay(way) | Self::HealWay(way) => way.from.to_string(),
            Self::Freeze(who)
            | Self::Thaw(who)
            | Self::Drain(who)
            | Self::Undrain(who)
            | Self::MeshExpired(who)
            | Self::MeshRenewed(who) => who.to_string(),
            Self::Slow(slow) => slow.who.to_string(),
            Self::ClockJump(jump) => jump.who.to_string(),
            Self::ClockDrift(drift) => drift.who.to_string(),
            Self::StoreDown(place) | Self::StoreUp(place) => match place {
                Place::Everywhere => String::new(),
                Place::Region(region) => region.to_string(),
            },
            Self::Upgrade(_)
            | Self::Rollout(_)
            | Self::Weather(_)
            | Self::StoreDelay(_)
            | Self::Revoke(_) => String::new(),
        }
    }
}

/// As a plan writes it, on one line.
impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Crash(node) => write!(f, "crash: {node}"),
            Self::Restart(node) => write!(f, "restart: {node}"),
            Self::RestartEmpty(node) => write!(f, "restart_empty: {node}"),
            Self::CrashRegion(region) => write!(f, "crash_region: {region}"),
            Self::RestartRegion(region) => write!(f, "restart_region: {region}"),
            Self::Cut(region) => write!(f, "cut: {region}"),
            Self::Heal(region) => write!(f, "heal: {region}"),
            Self::CutWay(Way { from, to }) => write!(f, "cut_way: {{ from: {from}, to: {to} }}"),
            Self::HealWay(Way { from, to }) => write!(f, "heal_way: {{ from: {from}, to: {to} }}"),
            Self::Ill(region) => write!(f, "ill: {region}"),
            Self::Partly(region) => write!(f, "partly: {region}"),
            Self::Well(region) => write!(f, "well: {region}"),
            Self::Freeze(who) => write!(f, "freeze: {who}"),
            Self::Thaw(who) => write!(f, "thaw: {who}"),
            Self::Slow(Slow { who, times }) => write!(f, "slow: {{ who: {who}, times: {times} }}"),
            Self::Drain(who) => write!(f, "drain: {who}"),
            Self::Undrain(who) => write!(f, "undrain: {who}"),
            Self::Upgrade(rollout) => write!(f, "upgrade: {rollout}"),
            Self::Rollout(rollout) => write!(f, "rollout: {rollout}"),
            Self::MeshExpired(who) => write!(f, "mesh_expired: {who}"),
            Self::MeshRenewed(who) => write!(f, "mesh_renewed: {who}"),
            Self::ClockJump(ClockJump { who, seconds }) => {
                write!(f, "clock_jump: {{ who: {who}, seconds: {seconds} }}")
            }
            Self::ClockDrift(ClockDrift { who, ppm }) => {
                write!(f, "clock_drift: {{ who: {who}, ppm: {ppm} }}")
            }
            Self::Weather(Weather { lost, twice, late }) => {
                write!(f, "weather: {{ lost: {lost}, twice: {twice}")?;
                if let Some(late) = late {
                    write!(f, ", late: {late}")?;
                }
                f.write_str(" }")
            }
            Self::StoreDown(place) => write!(f, "store_down: {place}"),
            Self::StoreUp(place) => write!(f, "store_up: {place}"),
            Self::StoreDelay(delay) => write!(f, "store_delay: {delay}"),
            Self::Revoke(key) => write!(f, "revoke: {key}"),
        }
    }
}

impl fmt::Display for Rollout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            generation,
            pause,
            breaks,
        } = self;
        write!(
            f,
            "{{ generation: {generation}, pause: {pause}, breaks: {breaks} }}"
        )
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{ at: {}, what: {{ {} }}", self.at, self.what)?;
        if self.times != 1 {
            write!(f, ", times: {}", self.times)?;
        }
        if let Some(every) = self.every {
            write!(f, ", every: {every}")?;
        }
        f.write_str(" }")
    }
}
