//! What a node knows of its peers, and what it tells them.
//!
//! [`Node`] is one machine made of smaller ones: membership of the region and of the world (SWIM by
//! foca), reports on how nodes are, counters of limits, the ledger of keys, and the decision
//! whether to be announced. It is pure: bytes come in with the name of who sent them, bytes go out
//! with the name of who shall get them. `mesh` carries them in production, a heap of events in the
//! simulator.

mod border;
mod clocks;
mod codec;
mod complaints;
mod hearing;
mod ledger;
mod member;
mod membership;
mod message;
mod node;
mod outbox;
mod pace;
mod relay;
mod replicator;
mod report;
mod resets;
mod spec;
mod status;
mod steady;

pub use codec::{DATAGRAM_MAX, Undecodable, decode, encode};
pub use complaints::Unusable;
pub use ledger::{Entry, EntryTooLarge, Ledger};
pub use member::{Member, Seed};
pub use message::{Heard, Message};
pub use node::{Event, NEWS_BYTES_MAX, Node};
pub use outbox::{Effect, Notice};
pub use pace::SyncSpec;
pub use report::{NodeFacts, NodeReport};
pub use resets::{RESETS_MAX, Reset};
pub use spec::ClusterSpec;
pub use status::{ClusterStatus, NewsDelayed, NodeStatus, RegionStatus, RowsDropped};
