//! One actor's counts of one subject: the state that is merged.
//!
//! A row holds two windows, the newest it knows and the one before. Within a window counts only
//! grow, and a later window replaces an earlier one, so rows form a join semilattice: merging is
//! commutative, associative and idempotent, and loss, repetition and reordering of messages are
//! harmless. Windows that are over are dropped, not remembered: no tombstones.

use crate::WindowIx;

/// What was counted in one window.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Count {
    /// Requests let through.
    pub admitted: u32,
    /// Requests asked for, refused ones included.
    pub offered: u32,
}

impl Count {
    /// The larger of each number: counts only grow.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        Self {
            admitted: self.admitted.max(other.admitted),
            offered: self.offered.max(other.offered),
        }
    }
}

/// Counts of the newest window known and of the one before it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Row {
    newest: WindowIx,
    current: Count,
    previous: Count,
}

impl Row {
    /// What was counted in `window`, as far as known.
    #[must_use]
    pub fn count_at(&self, window: WindowIx) -> Count {
        if window == self.newest {
            self.current
        } else if window.next() == self.newest {
            self.previous
        } else {
            Count::default()
        }
    }

    /// The newest window that anything is known of.
    #[must_use]
    pub const fn newest(&self) -> WindowIx {
        self.newest
    }

    /// What was admitted in both windows beyond what `earlier`, an older state of this row, knew.
    #[must_use]
    pub fn admitted_since(&self, earlier: &Self) -> u32 {
        let more = |window| {
            let (now, then) = (self.count_at(window), earlier.count_at(window));
            now.admitted.saturating_sub(then.admitted)
        };
        let before = if self.newest.0 > 0 {
            more(self.newest.previous())
        } else {
            0
        };
        before.saturating_add(more(self.newest))
    }

    /// Takes in what was counted in `window`. Returns whether anything new was learned.
    pub fn join(&mut self, window: WindowIx, count: Count) -> bool {
        let before = *self;
        if window > self.newest {
            self.previous = if self.newest.next() == window {
                self.current
            } else {
                Count::default()
            };
            self.newest = window;
            self.current = count;
        } else if window == self.newest {
            self.current = self.current.join(count);
        } else if window.next() == self.newest {
            self.previous = self.previous.join(count);
        }
        *self != before
    }
}

#[cfg(test)]
mod tests {
    use crdts::{CmRDT, CvRDT, GCounter};
    use proptest::prelude::*;

    use super::*;

    fn event() -> impl Strategy<Value = (WindowIx, Count)> {
        (0_u32..5, 0_u32..20, 0_u32..20).prop_map(|(window, admitted, more)| {
            (
                WindowIx(window),
                Count {
                    admitted,
                    offered: admitted + more,
                },
            )
        })
    }

    fn fold(events: &[(WindowIx, Count)]) -> Row {
        let mut row = Row::default();
        for &(window, count) in events {
            row.join(window, count);
        }
        row
    }

    proptest! {
        #[test]
        fn order_and_repetition_do_not_matter(events in prop::collection::vec(event(), 0..12), seed: u64) {
            let mut shuffled: Vec<_> = events.iter().chain(&events).copied().collect();
            let len = shuffled.len().max(1);
            for i in 0..shuffled.len() {
                let j = (seed.rotate_left(i as u32 * 7) as usize) % len;
                shuffled.swap(i, j);
            }
            prop_assert_eq!(fold(&events), fold(&shuffled));
        }

        #[test]
        fn a_row_per_actor_is_the_grow_only_counter_of_the_textbook(
            events in prop::collection::vec((0_u8..4, 1_u32..50), 0..20),
            split in 0_usize..20,
        ) {
            // The oracle: a GCounter of the crdts crate, one per window, replicated to two places
            // and merged.
            let split = split.min(events.len());
            let mut counters = [GCounter::<u8>::new(), GCounter::new()];
            let mut rows = [[Row::default(); 4]; 2];
            let mut totals = [0_u32; 4];
            for (i, &(actor, by)) in events.iter().enumerate() {
                let place = usize::from(i >= split);
                // An actor counts in one place only; the other learns of it by merging.
                totals[usize::from(actor)] += by;
                let total = totals[usize::from(actor)];
                let mut own = counters[0].clone();
                own.merge(counters[1].clone());
                counters[place].apply(own.inc_many(actor, u64::from(by)));
                rows[place][usize::from(actor)].join(WindowIx(9), Count { admitted: total, offered: total });
            }
            let mut merged = counters[0].clone();
            merged.merge(counters[1].clone());
            let ours: u32 = (0..4).map(|actor| {
                let mut row = rows[0][actor];
                row.join(WindowIx(9), rows[1][actor].count_at(WindowIx(9)));
                row.count_at(WindowIx(9)).admitted
            }).sum();
            prop_assert_eq!(merged.read().to_string(), ours.to_string());
        }
    }
}
