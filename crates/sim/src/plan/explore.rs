//! What random faults may do to a plan's world.

use serde::Deserialize;

/// What `tidegate sim explore` may do.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ExploreSpec {
    /// What it may not.
    pub leave_out: Vec<FaultFamily>,
}

/// A fault with what mends it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultFamily {
    /// A node dies and starts again.
    Crash,
    /// The same, on an empty disk.
    CrashEmpty,
    /// All nodes of a region die and start again.
    CrashRegion,
    /// A region is cut off.
    Cut,
    /// A region does not hear another.
    CutWay,
    /// A region's services are gone.
    Ill,
    /// Some of a region's services are gone.
    Partly,
    /// Processes stand still.
    Freeze,
    /// Nodes are drained.
    Drain,
    /// Messages are lost, repeated, late.
    Weather,
    /// Clocks are set wrong.
    ClockJump,
    /// Clocks go wrong.
    ClockDrift,
    /// Certificates of the mesh are over.
    MeshExpired,
    /// Nodes are slow; in worlds with a `capacity`.
    Slow,
    /// Key stores do not answer; in worlds with `keys`.
    StoreDown,
    /// Key stores answer late; in worlds with `keys`.
    StoreDelay,
    /// A configuration that breaks nodes comes to one after the other, and then one that does not.
    Rollout,
    /// A key is revoked; in worlds with `keys`.
    Revoke,
}

impl FaultFamily {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::Crash,
        Self::CrashEmpty,
        Self::CrashRegion,
        Self::Cut,
        Self::CutWay,
        Self::Ill,
        Self::Partly,
        Self::Freeze,
        Self::Drain,
        Self::Weather,
        Self::ClockJump,
        Self::ClockDrift,
        Self::MeshExpired,
        Self::Slow,
        Self::StoreDown,
        Self::StoreDelay,
        Self::Rollout,
        Self::Revoke,
    ];
}
