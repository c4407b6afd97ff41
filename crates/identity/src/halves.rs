//! A bounded map that keeps what was used lately.
//!
//! Eviction is by generation: entries live in a young and an old half, a use moves an entry to the
//! young half, and when that is full the old half is dropped. That takes constant time.

use std::collections::BTreeMap;

/// A bounded map of two generations.
#[derive(Debug)]
pub(crate) struct Halves<K, V> {
    young: BTreeMap<K, V>,
    old: BTreeMap<K, V>,
}

impl<K, V> Default for Halves<K, V> {
    fn default() -> Self {
        Self {
            young: BTreeMap::new(),
            old: BTreeMap::new(),
        }
    }
}

impl<K: Copy + Ord, V> Halves<K, V> {
    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.young.get(key).or_else(|| self.old.get(key))
    }

    pub(crate) fn is_old(&self, key: &K) -> bool {
        !self.young.contains_key(key) && self.old.contains_key(key)
    }

    pub(crate) fn promote(&mut self, key: &K, half_max: usize) {
        if let Some(value) = self.old.remove(key) {
            self.insert(*key, value, half_max);
        }
    }

    pub(crate) fn insert(&mut self, key: K, value: V, half_max: usize) {
        self.old.remove(&key);
        if self.young.len() >= half_max && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }

    pub(crate) fn remove(&mut self, key: &K) {
        self.young.remove(key);
        self.old.remove(key);
    }

    pub(crate) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}
