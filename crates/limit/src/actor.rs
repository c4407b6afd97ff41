//! Who counted: one life of one node.

use serde::{Deserialize, Serialize};
use tidegate_model::{Epoch, NodeId};

/// One life of one node. A restarted node is another actor, so that its new counts stand beside
/// those of its earlier life and neither hides the other.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Actor {
    /// The node.
    pub node: NodeId,
    /// Which of its lives.
    pub epoch: Epoch,
}
