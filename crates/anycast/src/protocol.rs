//! What nodes and the local stand-in for the internet say to each other: a JSON object a line, over
//! TCP.
//!
//! A node repeats its announcement every second; one that is silent for three is withdrawn, as is
//! one whose connection ends. So a node that dies takes its announcement with it at once, and one
//! that freezes after three seconds.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tidegate_model::{NodeId, RegionId};

/// How often each side speaks.
pub const PULSE: Duration = Duration::from_secs(1);
/// A node that is silent for so long is withdrawn.
pub const HOLD: Duration = Duration::from_secs(3);
/// The longest line that is read.
pub const LINE_MAX: usize = 16 * 1_024;

/// What a node says of itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Announcement {
    /// Who.
    pub node: NodeId,
    /// Whether clients shall be sent to it.
    pub announce: bool,
    /// Where its doors are, by name.
    pub doors: BTreeMap<String, SocketAddr>,
}

/// What the stand-in says: the regions that are announced.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Routes {
    /// The regions that are announced.
    pub regions: Vec<RegionId>,
}
