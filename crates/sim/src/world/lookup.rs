//! Keys at a node: production's cache, and a store of the region behind it.

use std::collections::BTreeMap;

use tidegate_cluster::{Entry, Event};
use tidegate_identity::Lookup;

use super::asking::Request;
use super::{Happening, World};
use crate::keys::{Store, kid, number};
use crate::plan::{Place, Plan};
use crate::tally::Fate;

/// Requests that wait for a key at most, each; further ones are answered with 503.
const WAITING_MAX: usize = 10_000;

/// Requests that wait for an answer of the store, by key. One question serves all.
#[derive(Default)]
pub(super) struct Waiting(BTreeMap<u32, Vec<Request>>);

pub(super) fn stores(plan: &Plan, regions: usize) -> Vec<Store> {
    let delay = plan.keys.unwrap_or_default().store_delay.get();
    vec![Store { up: true, delay }; regions]
}

impl World<'_> {
    /// Who is calling? The cache knows, or the store is asked.
    pub(super) fn identify(&mut self, node: usize, request: Request) {
        let now = self.now;
        let region = self.nodes[node].region;
        let Some(alive) = &self.nodes[node].alive else {
            return;
        };
        let cache = alive.cache.as_ref().expect("the plan has keys");
        match cache.lookup(&kid(request.key), now) {
            Lookup::Known(_) => self.ask(node, request, false),
            Lookup::Refresh(_) => {
                self.ask_store(node, request.key, None);
                self.ask(node, request, false);
            }
            Lookup::Revoked | Lookup::Unknown => self.done(request, Some(region), Fate::Refused),
            Lookup::Ask { stale } if !self.stores[region].up => match stale {
                Some(_) => self.ask(node, request, false),
                None => self.done(request, Some(region), Fate::NoService),
            },
            Lookup::Ask { .. } => {
                if !self.ask_store(node, request.key, Some(request)) {
                    self.done(request, Some(region), Fate::NoService);
                }
            }
        }
    }

    /// Asks the store, once for all who wait. Returns whether it may be asked.
    fn ask_store(&mut self, node: usize, key: u32, request: Option<Request>) -> bool {
        let now = self.now;
        let (life, region) = (self.nodes[node].life, self.nodes[node].region);
        let Some(alive) = &mut self.nodes[node].alive else {
            return false;
        };
        if let Some(waiting) = alive.waiting.0.get_mut(&key) {
            let fits = waiting.len() < WAITING_MAX;
            waiting.extend(request.filter(|_| fits));
            return fits;
        }
        if !self.stores[region].up || !alive.guard.take(now) {
            return false;
        }
        alive.waiting.0.insert(key, request.into_iter().collect());
        let at = now + self.stores[region].delay;
        self.schedule(at, Happening::Stored { node, life, key });
        true
    }

    /// The store has answered, or has not.
    pub(super) fn stored(&mut self, node: usize, life: u64, key: u32) {
        if self.nodes[node].life != life {
            return;
        }
        let (now, region) = (self.now, self.nodes[node].region);
        let spec = self.plan.keys.unwrap_or_default();
        let answer = self.keys.stored(key, region, &spec, now);
        let up = self.stores[region].up;
        let Some(alive) = &mut self.nodes[node].alive else {
            return;
        };
        let waiting = alive.waiting.0.remove(&key).unwrap_or_default();
        let cache = alive.cache.as_ref().expect("the plan has keys");
        if up {
            cache.fill(kid(key), answer, now);
        }
        for request in waiting {
            let fate = match self.nodes[node]
                .alive
                .as_ref()
                .and_then(|a| a.cache.as_ref())
            {
                Some(cache) => cache.lookup(&kid(key), now),
                None => return,
            };
            match fate {
                Lookup::Known(_) | Lookup::Refresh(_) | Lookup::Ask { stale: Some(_) } => {
                    self.ask(node, request, false);
                }
                Lookup::Revoked | Lookup::Unknown => {
                    self.done(request, Some(region), Fate::Refused);
                }
                Lookup::Ask { stale: None } => self.done(request, Some(region), Fate::NoService),
            }
        }
    }

    /// An operator revokes a key at the first node that lives, as the admin door does: in the
    /// node's own cache, to all nodes by the ledger, and in the store.
    pub(super) fn revoke(&mut self, name: &str) {
        let key = self.keys.first(name);
        let lives = |node: &usize| self.nodes[*node].alive.is_some() && !self.is_frozen(*node);
        let Some(node) = (0..self.nodes.len()).find(lives) else {
            return;
        };
        let now = self.now;
        self.keys.revoke(key, self.nodes[node].region, now);
        let entry = Entry::new(kid(key).as_bytes().to_vec()).expect("ten bytes");
        self.act_on(node, std::slice::from_ref(&entry));
        self.nodes[node].disk.entries.push(entry.clone());
        self.tell(node, Event::Record(vec![entry]));
    }

    /// A node acts on entries of the ledger: here each is a revoked key.
    pub(super) fn act_on(&mut self, node: usize, entries: &[Entry]) {
        let now = self.now;
        let Some(alive) = &self.nodes[node].alive else {
            return;
        };
        let Some(cache) = &alive.cache else { return };
        let revoked = entries.iter().filter_map(|entry| number(entry.bytes()));
        for key in revoked {
            cache.revoke(kid(key), now);
        }
    }

    pub(super) fn set_store(&mut self, place: &Place, up: bool) {
        let named = |at: usize| match place {
            Place::Everywhere => true,
            Place::Region(region) => self.regions[at] == *region,
        };
        let at: Vec<usize> = (0..self.regions.len()).filter(|at| named(*at)).collect();
        for region in at {
            self.stores[region].up = up;
        }
    }
}
