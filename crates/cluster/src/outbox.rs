//! What a node wants done, collected until somebody asks.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use bytes::Bytes;
use tidegate_limit::Batch;
use tidegate_model::{NodeId, RegionId};
use tidegate_steer::Plan;

use crate::codec::{DATAGRAM_MAX, encode};
use crate::{Entry, Message, Unusable};

/// What a node wants done.
#[derive(Clone, PartialEq, Debug)]
pub enum Effect {
    /// Bring these bytes to a node.
    Send {
        /// To whom.
        to: NodeId,
        /// Where its mesh door is.
        addr: SocketAddr,
        /// The message.
        bytes: Bytes,
        /// Whether it must arrive as long as the link holds; otherwise a datagram will do.
        reliable: bool,
    },
    /// Make routers agree with this.
    Apply(Plan),
    /// Keep these counts of quotas on disk, and say so with `Event::Kept`.
    Keep(Batch),
    /// Keep these entries of the ledger, and act on them.
    Learned(Vec<Entry>),
    /// Set the wall clock: once a second, with the number of microseconds that the clocks of most
    /// nodes are ahead of ours. `None` if nobody can say.
    Clocks {
        /// Ahead of ours; negative if behind.
        apart_us: Option<i64>,
    },
    /// A mate has told this news.
    News(Vec<u8>),
    /// Tell the operator.
    Notice(Notice),
}

/// What an operator wants to read in the log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Notice {
    /// A node of the region, or a border node of another, was found or came back.
    Up(NodeId),
    /// A node was declared down.
    Down(NodeId),
    /// Others had declared this node down; it has rejoined.
    Rejoined,
    /// This node has become a border node, or is one no longer.
    Border(bool),
    /// Nothing is heard of a region any more, or it is heard again.
    Region {
        /// Which region.
        region: RegionId,
        /// Whether it is heard.
        heard: bool,
    },
    /// What peers sent could not be used; said once a minute.
    Unusable {
        /// Who sent the last of it.
        from: NodeId,
        /// What has come since the last time.
        what: Unusable,
    },
    /// The live counts of others are known, or nobody was there to ask.
    Learned {
        /// Whether a peer answered.
        from_peer: bool,
    },
}

/// Effects in order.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    effects: VecDeque<Effect>,
    /// Bytes of limits' messages that were sent to each region.
    of_limits: BTreeMap<RegionId, u64>,
}

impl Outbox {
    pub(crate) fn push(&mut self, effect: Effect) {
        self.effects.push_back(effect);
    }

    pub(crate) fn notice(&mut self, notice: Notice) {
        self.push(Effect::Notice(notice));
    }

    /// Sends one message to several nodes, encoded once. It goes by datagram if it fits and may be
    /// lost. Returns how many bytes that is in all.
    pub(crate) fn send<'p>(
        &mut self,
        peers: impl IntoIterator<Item = &'p Peer>,
        message: &Message,
        reliable: bool,
    ) -> usize {
        let mut sent = 0;
        let mut encoded: Option<Bytes> = None;
        for peer in peers {
            let bytes = encoded.get_or_insert_with(|| encode(message)).clone();
            sent += bytes.len();
            if message.is_of_limits() {
                let region = self.of_limits.entry(peer.node.region.clone());
                *region.or_default() += bytes.len() as u64;
            }
            let reliable = reliable || bytes.len() > DATAGRAM_MAX;
            self.push(Effect::Send {
                to: peer.node.clone(),
                addr: peer.addr,
                bytes,
                reliable,
            });
        }
        sent
    }

    /// Bytes of limits' messages that were sent to a region so far.
    pub(crate) fn sent_of_limits(&self, region: &RegionId) -> u64 {
        self.of_limits.get(region).copied().unwrap_or_default()
    }

    pub(crate) fn pop(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }
}

/// A node that can be written to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Peer {
    pub(crate) node: NodeId,
    pub(crate) addr: SocketAddr,
}
