//! What nodes sent each other, by way and by kind of message.

use std::collections::BTreeMap;

/// What each datagram costs beside the message: IPv4 (20), UDP (8), a short QUIC header with a
/// connection id of 8 (11), its tag (16), and the frame's type and length (3). Quinn puts several
/// datagrams into a packet when they wait together; that is not reckoned with, nor are
/// acknowledgements.
const OVERHEAD: u64 = 58;
/// What of a stream goes into a packet.
const PACKET: u64 = 1_100;

/// The kinds of messages, as `cluster/message.rs` numbers them.
pub const KINDS: [&str; 9] = [
    "swim",
    "swim world",
    "counts",
    "pulse",
    "digest",
    "repair",
    "ledger digest",
    "ledger",
    "rights",
];

/// What was sent on some way.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sent {
    /// Bytes of messages, encoded.
    pub payload: u64,
    /// The same with headers.
    pub wire: u64,
    /// Of `wire`, by kind.
    pub by_kind: [u64; KINDS.len()],
}

/// What was sent in a world.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Traffic {
    /// By each node to others of its region.
    pub nodes: BTreeMap<usize, Sent>,
    /// From one region to another.
    pub links: BTreeMap<(usize, usize), Sent>,
}

impl Traffic {
    /// Node `from` of region `a` has sent a message to region `b`.
    pub(crate) fn note(&mut self, from: usize, a: usize, b: usize, bytes: &[u8]) {
        let sent = match a == b {
            true => self.nodes.entry(from).or_default(),
            false => self.links.entry((a, b)).or_default(),
        };
        let payload = bytes.len() as u64;
        let wire = payload + OVERHEAD * payload.div_ceil(PACKET);
        sent.payload += payload;
        sent.wire += wire;
        // Behind the format's number stands the message's.
        if let Some(kind) = bytes
            .get(1)
            .and_then(|kind| sent.by_kind.get_mut(usize::from(*kind)))
        {
            *kind += wire;
        }
    }

    /// Bytes of messages: between regions, and within them.
    pub(crate) fn payload(&self) -> (u64, u64) {
        let links = self.links.values().map(|sent| sent.payload).sum();
        (links, self.nodes.values().map(|sent| sent.payload).sum())
    }
}
