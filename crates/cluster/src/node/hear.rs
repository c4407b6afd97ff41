//! What others send, sorted by what it is.

use std::time::Duration;

use tidegate_limit::{Audience, Batch, RightsTo, RightsWord};
use tidegate_model::{Mono, NodeId, Now, Wall};

use super::{LEDGER_PAUSE, NEWS_BYTES_MAX, Node};
use crate::codec::decode;
use crate::outbox::Effect;
use crate::relay::{Hop, Relay};
use crate::resets::{Reset, Taken};
use crate::{Entry, Message};

impl Node {
    pub(super) fn receive(&mut self, from: &NodeId, bytes: &[u8], one_way: Duration, now: Now) {
        self.look_for_pause(now.mono);
        let Ok(message) = decode(bytes) else {
            self.complaints.undecodable(from);
            return;
        };
        let audience = self.audience(from);
        if audience == Audience::World {
            self.replicator.hear(&from.region, now.mono - one_way);
        } else {
            self.mates_heard.insert(from.clone(), now.mono);
        }
        match message {
            Message::SwimRegion(packet) if audience == Audience::Mates => {
                self.region_pool.receive(&packet, now.mono);
            }
            // From another region: not for us, and a bug or a forgery over there.
            Message::SwimRegion(_) => self.complaints.undecodable(from),
            Message::SwimWorld(packet) => {
                if let Some(pool) = &mut self.world_pool {
                    pool.receive(&packet, now.mono);
                }
            }
            Message::Counts(batch) => self.take_in(from, &batch, one_way, now),
            Message::Pulse {
                heard,
                reports,
                ledger,
                wall_us,
            } => {
                let said = Wall::from_unix_micros(wall_us);
                self.clocks.hear(from, said, one_way, now.mono);
                for entry in heard.iter().filter(|_| audience == Audience::Mates) {
                    let age = one_way + Duration::from_millis(u64::from(entry.age_ms));
                    self.replicator.hear(&entry.region, now.mono - age);
                }
                for report in reports {
                    self.bulletin.absorb(report, audience, one_way, now.mono);
                }
                self.compare_ledger(from, ledger, now.mono);
            }
            Message::CountsDigest { digest, fresh } => {
                if let Some(peer) = self.peer(from) {
                    self.replicator.answer_digest(
                        &peer,
                        audience,
                        &digest,
                        fresh,
                        now,
                        &mut self.out,
                    );
                }
            }
            Message::CountsRepair {
                settled,
                part,
                parts,
                batch,
            } => {
                self.take_in(from, &batch, one_way, now);
                self.replicator
                    .answered(from, settled, part, parts, &mut self.out);
            }
            Message::Rights { to, hops, word } => self.pass_rights(to, hops, word, now),
            Message::LedgerDigest(digest) => {
                for entries in self.ledger.lacking(&digest) {
                    let peer = self.peer(from);
                    self.out
                        .send(peer.as_ref(), &Message::Ledger(entries), true);
                }
            }
            Message::Ledger(entries) => self.learn_entries(entries, Some(audience), now),
            Message::News(news) if audience == Audience::Mates && news.len() <= NEWS_BYTES_MAX => {
                self.out.push(Effect::News(news));
            }
            Message::News(_) => self.complaints.undecodable(from),
        }
    }

    /// Takes in entries of the ledger and passes on those that are new; `from` is `None` for our
    /// own.
    pub(super) fn learn_entries(&mut self, entries: Vec<Entry>, from: Option<Audience>, now: Now) {
        let new: Vec<Entry> = entries
            .into_iter()
            .filter(|entry| self.holds(entry, now) && self.ledger.insert(entry.clone()))
            .collect();
        if new.is_empty() {
            return;
        }
        let message = Message::Ledger(new.clone());
        if from != Some(Audience::Mates) {
            self.out.send(&self.peers.mates, &message, true);
        }
        if from != Some(Audience::World) {
            self.out.send(&self.peers.world, &message, true);
        }
        let facts = new.into_iter().filter(|entry| Reset::of(entry).is_none());
        let facts: Vec<Entry> = facts.collect();
        if from.is_some() && !facts.is_empty() {
            self.out.push(Effect::Learned(facts));
        }
    }

    /// Acts on an entry that tells of a reset. Returns whether an entry may enter the ledger.
    pub(super) fn holds(&mut self, entry: &Entry, now: Now) -> bool {
        Reset::of(entry).is_none_or(|reset| self.resets.take(reset, entry, now.wall) == Taken::Held)
    }

    pub(super) fn compare_ledger(&mut self, with: &NodeId, theirs: u64, now: Mono) {
        let lately = self
            .ledger_compared
            .get(with)
            .is_some_and(|at| now.since(*at) < LEDGER_PAUSE);
        if lately || theirs == self.ledger.root() {
            return;
        }
        if let Some(peer) = self.peer(with) {
            self.ledger_compared.insert(with.clone(), now);
            self.out
                .send([&peer], &Message::LedgerDigest(self.ledger.digest()), true);
        }
    }

    pub(super) fn take_in(&mut self, from: &NodeId, batch: &Batch, one_way: Duration, now: Now) {
        let audience = self.audience(from);
        let report = self.replicator.counts(batch, audience, one_way, now);
        self.complaints.rows(from, report);
    }

    /// Hears a word about rights, or passes it on towards whom it is for.
    pub(super) fn pass_rights(&mut self, to: RightsTo, hops: u8, word: RightsWord, now: Now) {
        let home = self.replicator.counters().home_of(word.of());
        let way = Relay {
            me: &self.spec.node,
            peers: &self.peers,
            borders: &self.borders,
        };
        match way.next(&to, home, hops) {
            Hop::Here => self.replicator.hear_rights(&word, now),
            Hop::Nowhere => {}
            Hop::To(peer) => {
                let hops = hops + 1;
                self.out
                    .send([peer], &Message::Rights { to, hops, word }, false);
            }
        }
    }

    /// Sends what counters want said about rights.
    pub(super) fn send_rights(&mut self, now: Now) {
        while let Some((to, word)) = self.replicator.poll_rights() {
            self.pass_rights(to, 0, word, now);
        }
    }
}
