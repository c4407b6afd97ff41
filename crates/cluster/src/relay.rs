//! The way of a word that is for one node, or for a subject's home in a region: to a mate directly,
//! to other regions through border nodes.

use std::collections::BTreeSet;

use tidegate_limit::RightsTo;
use tidegate_model::{NodeId, RegionId};

use crate::outbox::Peer;
use crate::replicator::Peers;

/// Nodes that pass a word on at most: to our border node, theirs, and the one it is for.
const HOPS_MAX: u8 = 3;

/// What a node knows of ways.
pub(crate) struct Relay<'n> {
    pub(crate) me: &'n NodeId,
    pub(crate) peers: &'n Peers,
    pub(crate) borders: &'n BTreeSet<NodeId>,
}

/// Where a word goes next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Hop<'n> {
    /// It is for this node.
    Here,
    /// To this one.
    To(&'n Peer),
    /// Nobody is there who could bring it: it is lost, as a datagram may be.
    Nowhere,
}

impl<'n> Relay<'n> {
    /// Where a word goes next; `home` is the home of its subject in this region.
    pub(crate) fn next(&self, to: &RightsTo, home: Option<&NodeId>, hops: u8) -> Hop<'n> {
        match to {
            RightsTo::Node(node) if node == self.me => Hop::Here,
            RightsTo::Node(node) if node.region == self.me.region => self
                .mate(node)
                .map_or(Hop::Nowhere, |peer| self.to(peer, hops)),
            // A home that is gone cannot answer: whoever got the word does, with what it has.
            RightsTo::Region(region) if *region == self.me.region => home
                .and_then(|home| self.mate(home))
                .map_or(Hop::Here, |peer| self.to(peer, hops)),
            RightsTo::Node(NodeId { region, .. }) | RightsTo::Region(region) => self
                .abroad(region)
                .map_or(Hop::Nowhere, |peer| self.to(peer, hops)),
        }
    }

    fn to(&self, peer: &'n Peer, hops: u8) -> Hop<'n> {
        if hops < HOPS_MAX {
            Hop::To(peer)
        } else {
            Hop::Nowhere
        }
    }

    fn mate(&self, node: &NodeId) -> Option<&'n Peer> {
        self.peers.mates.iter().find(|peer| peer.node == *node)
    }

    /// The next on the way to another region.
    fn abroad(&self, region: &RegionId) -> Option<&'n Peer> {
        if self.borders.contains(self.me) {
            let mut over_there = self.peers.world.iter();
            return over_there.find(|peer| peer.node.region == *region);
        }
        let mut mates = self.peers.mates.iter();
        mates.find(|peer| self.borders.contains(&peer.node))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(name: &str) -> Peer {
        Peer {
            node: name.parse().unwrap(),
            addr: ([127, 0, 0, 1], 1).into(),
        }
    }

    #[test]
    fn words_take_the_shortest_way_and_never_circle() {
        let peers = Peers {
            mates: vec![peer("us/b"), peer("us/c")],
            world: Vec::new(),
        };
        let borders = BTreeSet::from(["us/c".parse().unwrap()]);
        let me: NodeId = "us/a".parse().unwrap();
        let relay = Relay {
            me: &me,
            peers: &peers,
            borders: &borders,
        };
        let node = |name: &str| RightsTo::Node(name.parse().unwrap());
        let region = |name: &str| RightsTo::Region(name.parse().unwrap());
        let home = |name: &str| Some(name.parse::<NodeId>().unwrap());
        for (why, to, home, hops, want) in [
            ("for us", node("us/a"), None, 1, Hop::Here),
            (
                "for a mate",
                node("us/b"),
                None,
                0,
                Hop::To(&peers.mates[0]),
            ),
            (
                "for a mate that is gone",
                node("us/x"),
                None,
                0,
                Hop::Nowhere,
            ),
            (
                "for another region, through the border",
                node("eu/a"),
                None,
                0,
                Hop::To(&peers.mates[1]),
            ),
            (
                "for our region's home",
                region("us"),
                home("us/b"),
                2,
                Hop::To(&peers.mates[0]),
            ),
            (
                "a home that is gone",
                region("us"),
                home("us/x"),
                2,
                Hop::Here,
            ),
            (
                "for another region's home",
                region("eu"),
                None,
                0,
                Hop::To(&peers.mates[1]),
            ),
            ("too far", region("eu"), None, HOPS_MAX, Hop::Nowhere),
        ] {
            assert_eq!(relay.next(&to, home.as_ref(), hops), want, "{why}");
        }
    }
}
