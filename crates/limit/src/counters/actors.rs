//! The lives of nodes that counts came from, by small numbers.

use std::collections::BTreeMap;

use tidegate_model::RegionId;

use crate::Actor;

/// Actors remembered at most: nodes times their restarts within two windows.
pub(super) const ACTORS_MAX: usize = 4_096;
/// Own counts: the actor that this node is.
pub(super) const ME: u16 = 0;

#[derive(Debug)]
pub(super) struct Actors {
    /// Each with the place of its region in the list of regions, if it is listed.
    list: Vec<(Actor, Option<u16>)>,
    numbers: BTreeMap<Actor, u16>,
}

impl Actors {
    pub(super) fn new(me: &Actor, regions: &[RegionId]) -> Self {
        let mut actors = Self {
            list: Vec::new(),
            numbers: BTreeMap::new(),
        };
        actors.number(me, regions);
        actors
    }

    /// Our number for an actor; `None` when there are too many.
    pub(super) fn number(&mut self, actor: &Actor, regions: &[RegionId]) -> Option<u16> {
        if let Some(&number) = self.numbers.get(actor) {
            return Some(number);
        }
        if self.list.len() == ACTORS_MAX {
            return None;
        }
        let number = self.list.len() as u16;
        self.list.push((actor.clone(), place(actor, regions)));
        self.numbers.insert(actor.clone(), number);
        Some(number)
    }

    /// The actor of a number.
    pub(super) fn get(&self, number: u16) -> &Actor {
        &self.list[usize::from(number)].0
    }

    /// Where its region stands in the list of regions.
    pub(super) fn region(&self, number: u16) -> Option<u16> {
        self.list[usize::from(number)].1
    }

    pub(super) const fn len(&self) -> usize {
        self.list.len()
    }

    /// Takes in a new list of regions.
    pub(super) fn reorder(&mut self, regions: &[RegionId]) {
        for (actor, region) in &mut self.list {
            *region = place(actor, regions);
        }
    }

    /// Drops all but those `used`, and ourselves. Returns the new number of each.
    pub(super) fn keep(&mut self, used: &[bool]) -> Vec<u16> {
        let mut renumbered = vec![ME; self.list.len()];
        let mut kept = Vec::new();
        for (old, entry) in self.list.drain(..).enumerate() {
            if used[old] || old == usize::from(ME) {
                renumbered[old] = kept.len() as u16;
                kept.push(entry);
            }
        }
        self.list = kept;
        let actors = (0..).zip(&self.list);
        self.numbers = actors
            .map(|(number, (actor, _))| (actor.clone(), number))
            .collect();
        renumbered
    }
}

fn place(actor: &Actor, regions: &[RegionId]) -> Option<u16> {
    let home = &actor.node.region;
    let at = regions.iter().position(|region| region == home);
    at.and_then(|at| u16::try_from(at).ok())
}
