//! The table of a generation's routes.

use std::collections::BTreeMap;

use http::Method;

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
type Leaf = Vec<(MethodSet, usize)>;

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
                    .find(|(methods, _)| methods.overlaps(spec.methods))
                {
                    Some(&(_, first)) => clashes.push(Clash {
                        first,
                        second: route,
                    }),
                    None => leaf.push((spec.methods, route)),
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

    /// The route for a request. `host` is lower case without port; `path` is normalised and starts
    /// with a slash.
    ///
    /// # Errors
    /// A [`Miss`] says whether the path was unknown or only the method.
    pub fn find(&self, host: &str, path: &str, method: &Method) -> Result<usize, Miss> {
        let mut found = None;
        let mut allowed = MethodSet::NONE;
        let mut visit = |leaf: &Leaf| {
            found = leaf
                .iter()
                .find(|(methods, _)| methods.contains(method))
                .map(|&(_, route)| route);
            allowed = leaf
                .iter()
                .fold(allowed, |all, &(methods, _)| all.union(methods));
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
            Some(route) => Ok(route),
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
