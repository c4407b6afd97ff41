//! What counters say to each other: cumulative counts with rate and age, never increments.
//!
//! A [`Batch`] is a list of rows grouped by who counted, which limit and which window, so that a
//! row costs a subject's hash and a few small numbers. The count is merged by maximum; rate and age
//! are hints for extrapolation and not part of the merge. Ages are relative, so no clock is
//! compared with another.

use serde::{Deserialize, Serialize};

use crate::{Actor, LimitId, WindowIx};

/// Rows of several actors.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Batch {
    /// One entry an actor.
    pub deltas: Vec<Delta>,
}

impl Batch {
    /// How many rows there are.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.deltas
            .iter()
            .flat_map(|delta| &delta.groups)
            .map(|group| group.updates.len())
            .sum()
    }
}

impl Batch {
    /// The same rows in batches that take at most about `bytes_max` each when they are encoded.
    #[must_use]
    pub fn pieces(self, bytes_max: usize) -> Vec<Self> {
        let mut pieces = vec![Self::default()];
        let mut room = bytes_max;
        for delta in self.deltas {
            let head = ACTOR_BYTES + delta.actor.node.to_string().len();
            for group in delta.groups {
                let mut open = false;
                for update in group.updates {
                    let bytes = update.bytes();
                    let heads = if open { 0 } else { head + GROUP_BYTES };
                    if bytes + heads > room && room < bytes_max {
                        pieces.push(Self::default());
                        room = bytes_max;
                        open = false;
                    }
                    if !open {
                        room = room.saturating_sub(head + GROUP_BYTES);
                    }
                    room = room.saturating_sub(bytes);
                    let piece = pieces.last_mut().expect("never empty");
                    piece.add(&delta.actor, (group.limit, group.window), update, open);
                    open = true;
                }
            }
        }
        pieces.retain(|piece| !piece.deltas.is_empty());
        pieces
    }

    /// Adds a row: to the last group if that is the row's, else to a new one.
    fn add(&mut self, actor: &Actor, group: (LimitId, WindowIx), update: Update, open: bool) {
        if self.deltas.last().is_none_or(|last| last.actor != *actor) {
            self.deltas.push(Delta {
                actor: actor.clone(),
                groups: Vec::new(),
            });
        }
        let delta = self.deltas.last_mut().expect("pushed just above");
        if !open {
            delta.groups.push(Group {
                limit: group.0,
                window: group.1,
                updates: Vec::new(),
            });
        }
        let group = delta.groups.last_mut().expect("pushed just above");
        group.updates.push(update);
    }
}

/// What an actor takes in an encoded batch at most, besides its name.
const ACTOR_BYTES: usize = 14;
/// What a group takes at most, besides its rows.
const GROUP_BYTES: usize = 18;

/// What one actor counted.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Delta {
    /// Who counted. Not always the sender: border nodes pass on what their region counted.
    pub actor: Actor,
    /// One entry a limit and window.
    pub groups: Vec<Group>,
}

/// What one actor counted of one limit in one window.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Group {
    /// Which limit.
    pub limit: LimitId,
    /// Which window.
    pub window: WindowIx,
    /// One entry a subject.
    pub updates: Vec<Update>,
}

/// One subject's count, at the sender's moment of sending.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Update {
    /// The subject's hash. Fixed width: a hash has no small values for a variable length to save
    /// on.
    pub subject: [u8; 8],
    /// Requests admitted in the window so far.
    pub admitted: u32,
    /// Requests asked for in the window so far, beyond those admitted.
    pub refused: u32,
    /// Requests asked for lately, in tenths a second.
    pub rate_deci: u32,
    /// How old the count is, in milliseconds.
    pub age_ms: u32,
}

impl Update {
    /// How many bytes it takes when it is encoded.
    fn bytes(&self) -> usize {
        let numbers = [self.admitted, self.refused, self.rate_deci, self.age_ms];
        let seven_bits = |number: u32| (32 - number.leading_zeros()).div_ceil(7).max(1);
        self.subject.len() + numbers.map(seven_bits).iter().sum::<u32>() as usize
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tidegate_model::Epoch;

    use super::*;

    fn batch(rows: Vec<(u8, u8, u32)>) -> Batch {
        let mut batch = Batch::default();
        let mut last = None;
        for (actor, window, number) in rows {
            let name = format!("ap-southeast-1/node-{actor}");
            let actor = Actor {
                node: name.parse().expect("a node"),
                epoch: Epoch(u64::MAX),
            };
            let update = Update {
                subject: [9; 8],
                admitted: number,
                refused: number / 3,
                rate_deci: number,
                age_ms: number % 9_000,
            };
            let group = (LimitId(u64::MAX), WindowIx(u32::from(window)));
            let open = last == Some((actor.clone(), group));
            batch.add(&actor, group, update, open);
            last = Some((actor, group));
        }
        batch
    }

    fn rows(batches: &[Batch]) -> Vec<(Actor, LimitId, WindowIx, Update)> {
        let mut rows = Vec::new();
        for delta in batches.iter().flat_map(|batch| &batch.deltas) {
            for group in &delta.groups {
                for update in &group.updates {
                    rows.push((delta.actor.clone(), group.limit, group.window, *update));
                }
            }
        }
        rows
    }

    proptest! {
        #[test]
        fn pieces_hold_all_rows_and_are_no_larger_than_they_may_be(
            listed in prop::collection::vec((0_u8..4, 0_u8..3, any::<u32>()), 0..300),
        ) {
            let whole = batch(listed);
            let all = rows(std::slice::from_ref(&whole));
            let pieces = whole.pieces(400);
            prop_assert_eq!(rows(&pieces), all);
            for piece in &pieces {
                let bytes = postcard::to_extend(piece, Vec::new()).expect("a Vec takes all");
                prop_assert!(bytes.len() <= 402, "{}", bytes.len());
                prop_assert!(piece.rows() > 0);
            }
        }
    }
}
