//! Counters that a name has, as many as its label may have values.
//!
//! Names come from configurations, and a reload may bring others; counters of old ones stay, since
//! a counter that goes away looks like a restart. So there is a bound, and names beyond it are
//! counted together.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::catalog::{OTHER, values_max};
use crate::cells::Cell;

/// Counters by name.
#[derive(Debug)]
pub(super) struct Named<T> {
    label: &'static str,
    most: usize,
    known: RwLock<BTreeMap<String, Arc<T>>>,
    beyond: Cell,
}

impl<T> Named<T> {
    pub(super) fn new(label: &'static str) -> Self {
        Self {
            label,
            most: values_max(label),
            known: RwLock::default(),
            beyond: Cell::default(),
        }
    }

    /// The counters of a name, or those of all names for which there is no room.
    pub(super) fn of(&self, name: &str, make: impl FnOnce() -> T) -> Arc<T> {
        if let Some(known) = self.read().get(name) {
            return Arc::clone(known);
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        // One place is kept for all others.
        let full = known.len() + 1 >= self.most && !known.contains_key(name);
        let name = if full {
            self.beyond.add(1);
            OTHER
        } else {
            name
        };
        let entry = known.entry(name.to_owned());
        Arc::clone(entry.or_insert_with(|| Arc::new(make())))
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, BTreeMap<String, Arc<T>>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// All of them, in the order of their names.
    pub(super) fn each(&self, mut see: impl FnMut(&str, &T)) {
        for (name, it) in &*self.read() {
            see(name, it);
        }
    }

    /// The label, and how often there was no room for a name.
    pub(super) fn beyond(&self) -> (&'static str, u64) {
        (self.label, self.beyond.get())
    }
}
