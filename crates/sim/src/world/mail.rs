//! Messages between nodes.

use std::time::Duration;

use bytes::Bytes;
use tidegate_cluster::Event;
use tidegate_model::NodeId;

use super::{Happening, World};

/// What sockets of a process that stands still hold.
const MAILBOX_MAX: usize = 1_000;

impl World<'_> {
    pub(super) fn send(&mut self, from: usize, to: &NodeId, bytes: Bytes, reliable: bool) {
        let Some(to) = self.number_of(to) else {
            return;
        };
        let (a, b) = (self.nodes[from].region, self.nodes[to].region);
        self.traffic.note(from, a, b, &bytes);
        if !(self.nodes[from].meshed && self.nodes[to].meshed) {
            return;
        }
        let Some((time, again)) = self.network.carry(a, b, reliable) else {
            return;
        };
        let one_way = self.network.one_way(a, b);
        if let Some(time) = again {
            let bytes = bytes.clone();
            self.post(to, from, bytes, one_way, time);
        }
        self.post(to, from, bytes, one_way, time);
    }

    fn post(&mut self, to: usize, from: usize, bytes: Bytes, one_way: Duration, time: Duration) {
        let happening = Happening::Deliver {
            to,
            from,
            bytes,
            one_way,
        };
        self.schedule(self.now + time, happening);
    }

    /// Where a node stands. Nodes are sorted by name, as plans list them.
    pub(super) fn number_of(&self, id: &NodeId) -> Option<usize> {
        match self.nodes.binary_search_by(|node| node.id.cmp(id)) {
            Ok(at) => Some(at),
            // `a1` is listed behind `z`.
            Err(_) => self.nodes.iter().position(|node| node.id == *id),
        }
    }

    pub(super) fn deliver(&mut self, to: usize, from: usize, bytes: Bytes, one_way: Duration) {
        if self.nodes[to].alive.is_none() {
            return;
        }
        if let Some(mail) = &mut self.nodes[to].frozen {
            if mail.len() < MAILBOX_MAX {
                mail.push((from, bytes, one_way));
            }
            return;
        }
        self.receive(to, from, bytes, one_way);
    }

    pub(super) fn receive(&mut self, to: usize, from: usize, bytes: Bytes, one_way: Duration) {
        let words = bytes.chunks(8).map(|chunk| {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            u64::from_le_bytes(word)
        });
        let hash = words.fold(bytes.len() as u64, |h, word| {
            (h.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15)
        });
        self.note(3, hash);
        let from = self.nodes[from].id.clone();
        let event = Event::Received {
            from,
            bytes,
            one_way,
        };
        self.tell(to, event);
    }
}
