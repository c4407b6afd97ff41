//! The future: what happens when. Things of the same moment happen in the order they were planned.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use tidegate_model::Mono;

/// A heap of moments beside a slab of what happens then: moving a moment about costs little.
pub(crate) struct Agenda<T> {
    moments: BinaryHeap<Reverse<(Mono, u64, u32)>>,
    planned: Vec<Option<T>>,
    free: Vec<u32>,
    sequence: u64,
}

impl<T> Default for Agenda<T> {
    fn default() -> Self {
        Self {
            moments: BinaryHeap::new(),
            planned: Vec::new(),
            free: Vec::new(),
            sequence: 0,
        }
    }
}

impl<T> Agenda<T> {
    pub(crate) fn plan(&mut self, at: Mono, what: T) {
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => {
                self.planned.push(None);
                (self.planned.len() - 1) as u32
            }
        };
        self.planned[slot as usize] = Some(what);
        self.sequence += 1;
        self.moments.push(Reverse((at, self.sequence, slot)));
    }

    pub(crate) fn next_at(&self) -> Option<Mono> {
        self.moments.peek().map(|Reverse((at, ..))| *at)
    }

    pub(crate) fn pop(&mut self) -> Option<(Mono, T)> {
        let Reverse((at, _, slot)) = self.moments.pop()?;
        self.free.push(slot);
        let what = self.planned[slot as usize].take();
        Some((at, what.expect("planned once, taken once")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_come_in_order_and_ties_as_planned() {
        let mut agenda = Agenda::default();
        for (ms, what) in [(5, "c"), (1, "a"), (5, "d"), (2, "b")] {
            agenda.plan(Mono::from_millis(ms), what);
        }
        assert_eq!(agenda.next_at(), Some(Mono::from_millis(1)));
        let order: String = std::iter::from_fn(|| agenda.pop())
            .map(|(_, w)| w)
            .collect();
        assert_eq!(order, "abcd");
    }
}
