//! Who is there: the pools of SWIM, border nodes, and who can be written to.

use std::collections::{BTreeMap, BTreeSet};

use tidegate_model::{NodeId, Now, RegionId};

use super::{Node, seeds_of};
use crate::Message;
use crate::border::elect;
use crate::membership::{Change, Membership, Pool};
use crate::outbox::{Notice, Peer};

impl Node {
    /// Takes over what the pools want sent and what has changed in them.
    pub(super) fn settle(&mut self, now: Now) {
        let mut changed = false;
        for pool in [Some(&mut self.region_pool), self.world_pool.as_mut()]
            .into_iter()
            .flatten()
        {
            while let Some(change) = pool.poll_change() {
                changed = true;
                let notice = match change {
                    Change::Up(node) => {
                        self.steady.up(&node, now.mono);
                        Some(Notice::Up(node))
                    }
                    Change::Down(node) => {
                        self.steady.down(&node);
                        Some(Notice::Down(node))
                    }
                    Change::Renewed => None,
                    Change::Rejoined => Some(Notice::Rejoined),
                };
                if let Some(notice) = notice {
                    self.out.notice(notice);
                }
            }
        }
        if changed {
            self.reelect(now);
        }
        self.send_rights(now);
        self.send_packets();
    }

    pub(super) fn send_packets(&mut self) {
        while let Some((to, packet)) = self.region_pool.poll_packet() {
            let peer = Peer {
                node: to.node,
                addr: to.addr,
            };
            self.out
                .send([&peer], &Message::SwimRegion(packet.to_vec()), false);
        }
        while let Some((to, packet)) = self.world_pool.as_mut().and_then(Membership::poll_packet) {
            let peer = Peer {
                node: to.node,
                addr: to.addr,
            };
            self.out
                .send([&peer], &Message::SwimWorld(packet.to_vec()), false);
        }
    }

    /// Works out anew who is a border node and who can be written to.
    pub(super) fn reelect(&mut self, now: Now) {
        let alive = self.region_pool.alive().map(|(node, _)| node.clone());
        let (mut steady, unsteady): (BTreeSet<_>, BTreeSet<_>) =
            alive.partition(|node| self.steady.is_steady(node, now.mono));
        self.unsteady = !unsteady.is_empty();
        steady.insert(self.spec.node.clone());
        self.borders = elect(&self.borders, &steady);
        let border = self.borders.contains(&self.spec.node);
        if border != self.world_pool.is_some() {
            self.cross_border(border, now);
        }
        self.peers.mates = self
            .region_pool
            .alive()
            .map(|(node, addr)| Peer {
                node: node.clone(),
                addr,
            })
            .collect();
        self.peers.world = self.world_peers();
        let mates = self.peers.mates.iter().map(|peer| peer.node.clone());
        self.replicator.set_alive(mates);
    }

    pub(super) fn cross_border(&mut self, border: bool, now: Now) {
        self.out.notice(Notice::Border(border));
        self.bulletin
            .set_own(now.mono, |facts| facts.border = border);
        if border {
            let seeds = seeds_of(&self.spec, false);
            let random = self.random.child("world");
            self.world_pool = Some(Membership::new(
                Pool::World,
                self.spec.member(),
                seeds,
                random,
                now.mono,
            ));
        } else if let Some(mut pool) = self.world_pool.take() {
            pool.leave(now.mono);
            while let Some((to, packet)) = pool.poll_packet() {
                let peer = Peer {
                    node: to.node,
                    addr: to.addr,
                };
                self.out
                    .send([&peer], &Message::SwimWorld(packet.to_vec()), false);
            }
        }
    }

    /// Where an answer to `node` goes, if it is a member of a pool of ours.
    pub(super) fn peer(&self, node: &NodeId) -> Option<Peer> {
        let pools = [Some(&self.region_pool), self.world_pool.as_ref()];
        let mut members = pools.into_iter().flatten().flat_map(Membership::alive);
        members
            .find(|(member, _)| *member == node)
            .map(|(node, addr)| Peer {
                node: node.clone(),
                addr,
            })
    }

    /// One border node of each other region: a different one for each of ours, so that news crosses
    /// on several ways.
    pub(super) fn world_peers(&self) -> Vec<Peer> {
        let Some(pool) = &self.world_pool else {
            return Vec::new();
        };
        let mut by_region: BTreeMap<&RegionId, Vec<Peer>> = BTreeMap::new();
        for (node, addr) in pool
            .alive()
            .filter(|(node, _)| node.region != self.spec.node.region)
        {
            by_region.entry(&node.region).or_default().push(Peer {
                node: node.clone(),
                addr,
            });
        }
        let rank = self
            .borders
            .iter()
            .position(|node| *node == self.spec.node)
            .unwrap_or(0);
        by_region
            .into_values()
            .map(|mut peers| {
                peers.sort_by(|a, b| a.node.cmp(&b.node));
                let at = rank % peers.len();
                peers.swap_remove(at)
            })
            .collect()
    }
}
