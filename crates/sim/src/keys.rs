//! Keys in the simulated world: which there are, what the stores of the regions know of them, and
//! how names, numbers and identifiers go together.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tidegate_identity::{KeyId, KeyRecord};
use tidegate_limit::{LimitId, SubjectKey};
use tidegate_model::Mono;

use crate::plan::{Client, KeysPlan};

/// Keys by number.
pub(crate) struct Keys {
    /// What a run of numbers begins with, by name.
    bases: BTreeMap<String, (u32, u32)>,
    limit: LimitId,
    /// Subjects of limits, as far as they were asked for.
    subjects: Vec<SubjectKey>,
    made: u32,
    /// When each revoked key was revoked, and where.
    revoked: BTreeMap<u32, (Mono, usize)>,
    /// What stores answered: the same for all nodes.
    records: BTreeMap<u32, Arc<KeyRecord>>,
}

/// The store of one region.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    pub(crate) up: bool,
    pub(crate) delay: Duration,
}

impl Keys {
    pub(crate) fn new(clients: &[Client], limit: LimitId) -> Self {
        let mut bases: BTreeMap<String, (u32, u32)> = BTreeMap::new();
        for client in clients {
            let (_, count) = bases.entry(client.key.clone()).or_default();
            *count = (*count).max(client.keys);
        }
        let mut made = 0;
        for (base, count) in bases.values_mut() {
            *base = made;
            made += *count;
        }
        Self {
            bases,
            limit,
            subjects: Vec::new(),
            made,
            revoked: BTreeMap::new(),
            records: BTreeMap::new(),
        }
    }

    /// The number of the first key of a name.
    pub(crate) fn first(&self, name: &str) -> u32 {
        self.bases.get(name).map_or(0, |(base, _)| *base)
    }

    /// How many keys there are.
    pub(crate) const fn made(&self) -> u32 {
        self.made
    }

    /// The name of a key: the stream's, and for all but the first its rank. Arrivals that no
    /// stream made are named by their number.
    pub(crate) fn name(&self, key: u32) -> String {
        let holds =
            |(_, (base, count)): &(&String, &(u32, u32))| (*base..base + count).contains(&key);
        match self.bases.iter().find(holds) {
            Some((name, (base, _))) if *base == key => name.clone(),
            Some((name, (base, _))) => format!("{name}-{}", key - base),
            None => key.to_string(),
        }
    }

    /// What limits count a key under.
    pub(crate) fn subject(&mut self, key: u32) -> SubjectKey {
        let at = key as usize;
        while self.subjects.len() <= at {
            let name = self.name(self.subjects.len() as u32);
            self.subjects
                .push(SubjectKey::new(7, self.limit, name.as_bytes()));
        }
        self.subjects[at]
    }

    /// Notes that a key is revoked from now on, in a region.
    pub(crate) fn revoke(&mut self, key: u32, region: usize, now: Mono) {
        self.revoked.entry(key).or_insert((now, region));
    }

    /// Keys that were revoked.
    pub(crate) fn revoked(&self) -> impl Iterator<Item = u32> {
        self.revoked.keys().copied()
    }

    /// How long a key has been revoked.
    pub(crate) fn revoked_for(&self, key: u32, now: Mono) -> Option<Duration> {
        self.revoked.get(&key).map(|(at, _)| now.since(*at))
    }

    /// What the store of a region answers.
    pub(crate) fn stored(
        &mut self,
        key: u32,
        region: usize,
        spec: &KeysPlan,
        now: Mono,
    ) -> Option<(Arc<KeyRecord>, bool)> {
        if key >= self.made {
            return None;
        }
        let knows = |(at, whence): &(Mono, usize)| {
            *whence == region || now.since(*at) >= spec.replication.get()
        };
        let revoked = self.revoked.get(&key).is_some_and(knows);
        let record = self.records.entry(key).or_insert_with(|| {
            let record = KeyRecord::new(kid(key), [0; 32], "consumer", 0);
            Arc::new(record)
        });
        Some((Arc::clone(record), revoked))
    }
}

/// The identifier of a key.
pub(crate) fn kid(key: u32) -> KeyId {
    let mut digits = [b'0'; 10];
    let mut rest = key;
    for digit in digits.iter_mut().rev() {
        *digit += (rest % 10) as u8;
        rest /= 10;
    }
    let text = str::from_utf8(&digits).expect("digits are plain ASCII");
    text.parse().expect("ten digits")
}

/// The number of an identifier.
pub(crate) fn number(kid: &[u8]) -> Option<u32> {
    std::str::from_utf8(kid).ok()?.parse().ok()
}
