//! The table of a generation's routes.

use std::collections::BTreeMap;

use http::Method;
use tidegate_model::Exposure;

use crate::host::HostPattern;
use crate::path::PathTrie;
use crate::{MatchSpec, MethodSet};

/// All routes of a generation, by host, path and method. A route is known by its place in the list
/// it was built from.
#[derive(Debug, Default)]
pub struct Table {
    exact: BTreeMap<Box<str>, PathTrie<Leaf>>,
    /// Keyed by suffix with its leading dot; the longest suffix wins.
    below: BTreeMap<Box<str>, PathTrie<Leaf>>,
    any: PathTrie<Leaf>,
}

/// The routes that share a host pattern and a path pattern; their methods do not overlap.
type Leaf = Vec<Entry>;

#[derive(Clone, Copy, Debug)]
struct Entry {
    methods: MethodSet,
    exposure: Exposure,
    route: usize,
}

/// Why no route was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Miss {
    /// No route takes this host and path.
    NoRoute,
    /// Routes take this path, but not with this method.
    Method(MethodSet),
}

/// Two routes that would take the same request; neither is more specific than the other.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Clash {
    /// The route that came first in the list.
    pub first: usize,
    /// The later one, which is not in the table.
    pub second: usize,
}

impl Table {
    /// Builds the table, and lists the routes that could not be told apart from an earlier one.
    pub fn build<'s>(specs: impl IntoIterator<Item = &'s MatchSpec>) -> (Self, Vec<Clash>) {
        let mut table = Self::default();
        let mut clashes = Vec::new();
        for (route, spec) in specs.into_iter().enumerate() {
            let mut enter = |trie: &mut PathTrie<Leaf>| {
                let leaf = trie.entry(&spec.path);
                match leaf
                    .iter()
                    .find(|entry| entry.methods.overlaps(spec.methods))
                {
                    Some(entry) => clashes.push(Clash {
                        first: entry.route,
                        second: route,
                    }),
                    None => leaf.push(Entry {
                        methods: spec.methods,
                        exposure: spec.exposure,
                        route,
                    }),
                }
            };
            if spec.hosts.is_empty() {
                enter(&mut table.any);
            }
            for host in &spec.hosts {
                match host {
                    HostPattern::Exact(name) => enter(table.exact.entry(name.clone()).or_default()),
                    HostPattern::Below(name) => enter(table.below.entry(name.clone()).or_default()),
                }
            }
        }
        clashes.dedup();
        (table, clashes)
    }

    /// The route for a request that came in by a door of this exposure. `host` is lower case
    /// without port; `path` is normalised and starts with a slash.
    ///
    /// A request that belongs to a route which the door does not show finds nothing: it must not
    /// fall to a less specific one, which could lead to the same service.
    ///
    /// # Errors
    /// A [`Miss`] says whether the path was unknown or only the method. What the door does not show
    /// is unknown.
    pub fn find(
        &self,
        host: &str,
        path: &str,
        method: &Method,
        door: Exposure,
    ) -> Result<usize, Miss> {
        let mut found = None;
        let mut allowed = MethodSet::NONE;
        let mut visit = |leaf: &Leaf| {
            found = leaf
                .iter()
                .find(|entry| entry.methods.contains(method))
                .copied();
            let shown = leaf.iter().filter(|entry| door.shows(entry.exposure));
            allowed = shown.fold(allowed, |all, entry| all.union(entry.methods));
            found.is_some()
        };
        let _ = self
            .exact
            .get(host)
            .is_some_and(|trie| trie.find(path, &mut visit))
            || suffixes(host).any(|suffix| {
                self.below
                    .get(suffix)
                    .is_some_and(|trie| trie.find(path, &mut visit))
            })
            || self.any.find(path, &mut visit);
        match found {
            Some(entry) if door.shows(entry.exposure) => Ok(entry.route),
            Some(_) => Err(Miss::NoRoute),
            None if allowed == MethodSet::NONE => Err(Miss::NoRoute),
            None => Err(Miss::Method(allowed)),
        }
    }
}

/// `.b.c` and `.c` for `a.b.c`, longest first.
fn suffixes(host: &str) -> impl Iterator<Item = &str> {
    host.char_indices()
        .filter(|&(at, c)| c == '.' && at > 0)
        .map(|(at, _)| &host[at..])
}

#[cfg(test)]
mod tests;
