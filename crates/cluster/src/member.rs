//! Who is in a pool: the identity that SWIM spreads.

use std::net::SocketAddr;

use foca::Identity;
use serde::{Deserialize, Serialize};
use tidegate_model::{Epoch, NodeId};

/// A node as SWIM knows it. Of two lives of one node the later wins.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Member {
    /// Who.
    pub node: NodeId,
    /// Which life; it also counts up when the node learns that it was declared down.
    pub epoch: Epoch,
    /// Where its mesh door is.
    pub addr: SocketAddr,
}

impl Identity for Member {
    type Addr = NodeId;

    fn renew(&self) -> Option<Self> {
        // Counting up, never drawing at random: a random number can bring a dead identity back.
        Some(Self {
            epoch: Epoch(self.epoch.0 + 1),
            ..self.clone()
        })
    }

    fn addr(&self) -> NodeId {
        self.node.clone()
    }

    fn win_addr_conflict(&self, adversary: &Self) -> bool {
        self.epoch > adversary.epoch
    }
}

/// A node that the configuration names, so that a newcomer knows whom to ask first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seed {
    /// Who.
    pub node: NodeId,
    /// Where its mesh door is.
    pub addr: SocketAddr,
}

impl Seed {
    /// The seed as a member of unknown age: good enough to be announced to.
    pub(crate) fn as_member(&self) -> Member {
        Member {
            node: self.node.clone(),
            epoch: Epoch(0),
            addr: self.addr,
        }
    }
}
