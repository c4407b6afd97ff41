//! Where a subject is counted, and what its limit leaves to this node.

use std::time::Duration;

use tidegate_model::Mono;

use super::{Ask, Receipt, SlotAt};
use crate::bucket::Bucket;
use crate::sketch::ROWS;
use crate::slot::Slot;
use crate::{Algorithm, Cost, OnPartition, SubjectKey, Verdict, Window};

/// Where a subject is counted, and what its limit leaves to this node.
#[derive(Debug)]
pub(super) struct Place<'t> {
    /// The name that it counts under.
    pub(super) subject: SubjectKey,
    pub(super) slot: &'t Slot,
    pub(super) at: SlotAt,
    /// The other cells that the subject is counted in, if it has no slot of its own.
    pub(super) also: Option<[&'t Slot; ROWS - 1]>,
    pub(super) window: Window,
    pub(super) amount: u32,
    pub(super) held: Held,
    pub(super) shadow: bool,
    pub(super) partition: Option<OnPartition>,
}

/// What a limit leaves, and in which coin.
#[derive(Debug)]
pub(super) enum Held {
    /// Requests in a window.
    Requests {
        /// What may be admitted here in this window.
        room: u32,
        /// Admitted elsewhere in this window.
        others: u32,
        /// Admitted anywhere in the window before; nothing if it does not matter.
        before: u32,
        sliding: bool,
    },
    /// Tokens of a bucket.
    Tokens {
        bucket: Bucket,
        now: Mono,
        /// What others have taken of it and not told yet.
        in_flight: u32,
    },
    /// Requests under way.
    Leases {
        /// How many may be held here.
        room: u32,
    },
    /// Requests in a window, for which this node holds rights.
    Rights {
        /// What may be admitted here in this window.
        room: u32,
        /// Whether nobody has any more to give.
        dry: bool,
    },
}

/// A client that waits for a request of others to end is told to come back after so long.
const LEASE_RETRY: Duration = Duration::from_secs(1);

impl Place<'_> {
    /// Counts a request as asked for that is not admitted, or not yet.
    pub(super) fn ask(&self, cost: u32) {
        for slot in self.all() {
            slot.ask(self.window.ix, cost);
        }
    }

    /// A request that was asked for earlier has been admitted.
    pub(super) fn meet(&self, cost: u32) {
        for slot in self.all() {
            slot.meet(self.window.ix, cost);
        }
    }

    /// Enters what became of a request, which was asked for `first` now or counted so before.
    #[inline]
    pub(super) fn close(&self, cost: u32, admitted: bool, first: bool) {
        // Leases are no part of what a window admits: all are counted as asked for.
        match (admitted && !matches!(self.held, Held::Leases { .. }), first) {
            (false, true) => self.ask(cost),
            (true, false) => self.meet(cost),
            (true, true) | (false, false) => {}
        }
    }

    fn all(&self) -> impl Iterator<Item = &Slot> {
        std::iter::once(self.slot).chain(self.also.into_iter().flatten())
    }

    /// What the limit would say to a request.
    #[inline]
    pub(super) fn look(&self, cost: u32) -> Verdict {
        let (before, room) = match self.held {
            Held::Requests { room, .. } | Held::Rights { room, .. } => {
                (self.slot.own(self.window.ix).admitted, room)
            }
            Held::Tokens {
                bucket,
                now,
                in_flight,
            } => (0, self.slot.level(bucket, now).saturating_sub(in_flight)),
            Held::Leases { room } => (self.slot.held(), room),
        };
        let fits = before.checked_add(cost).is_some_and(|after| after <= room);
        self.verdict(cost, fits, room.saturating_sub(before))
    }

    /// Takes the cost, if it is there.
    #[inline]
    pub(super) fn take(&self, cost: u32) -> Verdict {
        let taken = match self.held {
            Held::Requests { room, .. } | Held::Rights { room, .. } => {
                let admitted = self.slot.admit(self.window.ix, cost, room);
                let left = |before| room.saturating_sub(before);
                admitted.map(left).map_err(left)
            }
            Held::Tokens {
                bucket,
                now,
                in_flight,
            } => {
                let left = |level: u32| level.saturating_sub(in_flight);
                let drained = self.slot.drain(bucket, now, cost, in_flight);
                if drained.is_ok() {
                    self.slot.charge(self.window.ix, cost);
                }
                drained.map(left).map_err(left)
            }
            Held::Leases { room } => {
                let left = |before| room.saturating_sub(before);
                self.slot.enter(cost, room).map(left).map_err(left)
            }
        };
        match taken {
            Ok(left) => {
                self.count_also(cost);
                self.verdict(cost, true, left.saturating_sub(cost))
            }
            Err(left) => self.verdict(cost, false, left),
        }
    }

    /// Counts a cost that a store has admitted, full or not.
    pub(super) fn record(&self, cost: u32) {
        if let Held::Tokens { bucket, now, .. } = self.held {
            self.slot.spill(bucket, now, cost, now);
        }
        self.slot.charge(self.window.ix, cost);
        self.count_also(cost);
    }

    /// Counts what was taken in the subject's other cells too, full or not.
    fn count_also(&self, cost: u32) {
        for slot in self.also.iter().flatten() {
            match self.held {
                Held::Requests { .. } | Held::Rights { .. } => slot.charge(self.window.ix, cost),
                Held::Tokens { bucket, now, .. } => {
                    slot.spill(bucket, now, cost, now);
                    slot.charge(self.window.ix, cost);
                }
                Held::Leases { .. } => {
                    let entered = slot.enter(cost, u32::MAX);
                    debug_assert!(entered.is_ok(), "there is always room");
                }
            }
        }
    }

    /// Gives back what [`take`](Self::take) took, because another limit refused the request.
    pub(super) fn give_back(&self, cost: u32) {
        for slot in self.all() {
            match self.held {
                Held::Requests { .. } | Held::Rights { .. } => {
                    slot.give_back(self.window.ix, cost);
                }
                Held::Tokens { bucket, .. } => {
                    slot.refill(bucket, cost);
                    slot.give_back(self.window.ix, cost);
                }
                Held::Leases { .. } => slot.leave(cost),
            }
        }
    }

    /// What is left to do for an admitted request.
    #[inline]
    pub(super) fn receipt(&self, ask: &Ask<'_>) -> Option<Receipt> {
        let later = ask.limit.algorithm == Algorithm::Concurrency
            || matches!(ask.limit.cost, Cost::Response { .. });
        later.then_some(Receipt {
            subject: self.subject,
            at: self.at,
            cost: ask.cost,
        })
    }

    #[inline]
    fn verdict(&self, cost: u32, admitted: bool, remaining: u32) -> Verdict {
        Verdict {
            admitted,
            shadow: self.shadow,
            partition: self.partition,
            unstored: None,
            awaits_rights: !admitted && matches!(self.held, Held::Rights { dry: false, .. }),
            amount: self.amount,
            remaining,
            left: if admitted {
                self.until_renewed(remaining)
            } else {
                self.until_room(cost, remaining)
            },
        }
    }

    /// How long until the window ends, or the bucket is full.
    #[inline]
    fn until_renewed(&self, remaining: u32) -> Duration {
        match self.held {
            Held::Requests { .. } | Held::Rights { .. } => self.window.left,
            Held::Tokens { bucket, .. } => {
                bucket.time_for(bucket.burst().saturating_sub(remaining))
            }
            Held::Leases { .. } => Duration::ZERO,
        }
    }

    /// How long a client that was refused has to wait until there is room for its request.
    fn until_room(&self, cost: u32, remaining: u32) -> Duration {
        match self.held {
            Held::Requests {
                sliding: true,
                room,
                others,
                before,
            } => {
                let current = others.saturating_add(room.saturating_sub(remaining));
                let enough = self.amount.saturating_sub(cost);
                self.window.until_within(enough, before, current)
            }
            Held::Requests { .. } | Held::Rights { .. } => self.window.left,
            Held::Tokens { bucket, .. } => bucket.time_for(cost.saturating_sub(remaining)),
            Held::Leases { .. } => LEASE_RETRY,
        }
    }
}
