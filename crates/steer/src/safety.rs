//! What forbids a withdrawal.
//!
//! A node that can serve nothing goes as soon as somebody else is there. One that still serves
//! something, or is drained, could wait: it also needs room elsewhere for its clients, and a permit
//! (`permit`).

use std::time::Duration;

use tidegate_model::{Mono, NodeId};

use crate::permit::{Missing, Permits};
use crate::{Other, SteerSpec, View};

/// After one node of a region has left, the next waits until others have said how busy they are
/// now.
pub(crate) const STEP: Duration = Duration::from_secs(5);

/// Why a node that wants to withdraw stays.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Veto {
    /// Nobody else is known to be announced and fit: serving badly beats not serving.
    LastOne,
    /// The operator wants nothing to change.
    Held,
    /// The configuration wants nothing to change, anywhere.
    Frozen,
    /// Those that remain have no room for this node's clients.
    Capacity {
        /// Requests a second that it has now.
        load: u32,
        /// Requests a second that others have room for.
        room: u64,
    },
    /// A node of the same region left a moment ago: first it is seen what that does.
    Step,
    /// Other regions have not let it go, yet.
    NoPermit(Missing),
    /// Enough regions have let it go, but none of those that would remain.
    NotTheirs,
}

impl Veto {
    /// Whether it may be gone in a moment, without anybody's doing. A node may not have heard of
    /// the others yet.
    #[must_use]
    pub const fn passes(&self) -> bool {
        matches!(
            self,
            Self::LastOne | Self::Step | Self::NoPermit(_) | Self::NotTheirs
        )
    }
}

/// What a veto is judged by.
pub(crate) struct Scene<'a> {
    pub(crate) me: &'a NodeId,
    pub(crate) view: &'a View,
    pub(crate) permits: &'a Permits,
    pub(crate) spec: &'a SteerSpec,
    pub(crate) now: Mono,
}

impl Scene<'_> {
    /// Those that clients can be left to. Whoever this node lets go, and all of that region, does
    /// not count: they rely on this node.
    pub(crate) fn carriers(&self) -> impl Iterator<Item = &Other> {
        self.view.others.iter().filter(|other| {
            other.node != *self.me
                && other.carries(self.now)
                && !self.permits.lets_go(&other.node.region, self.now)
        })
    }

    /// Whether something forbids a node to withdraw that can serve nothing.
    ///
    /// Only a fresh word of a node that calls itself fit counts. When everyone falls ill at once,
    /// of a common cause, everyone has said so before anyone's patience ends, so nobody leaves.
    pub(crate) fn must_stay(&self) -> Option<Veto> {
        self.carriers().next().is_none().then_some(Veto::LastOne)
    }

    /// Whether something forbids a node to withdraw that could wait, a permit aside.
    pub(crate) fn should_stay(&self) -> Option<Veto> {
        self.must_stay().or_else(|| self.no_room())
    }

    /// Whether something forbids it even with what others have said to its question. Only those
    /// count that let it go: they know that they remain.
    pub(crate) fn not_let_go(&self) -> Option<Veto> {
        if let Some(missing) = self.permits.missing(self.view, self.now) {
            return Some(Veto::NoPermit(missing));
        }
        if let Some(veto) = self.must_stay() {
            return Some(veto);
        }
        let remains = self.carriers().any(|other| self.permits.got(&other.node));
        (!remains).then_some(Veto::NotTheirs)
    }

    /// Whether others of the node's own region have room for its clients: then the region as a
    /// whole does not change, and nobody else need know.
    pub(crate) fn mates_take_over(&self) -> bool {
        let mut mates = self
            .carriers()
            .filter(|other| other.node.region == self.me.region);
        let Some(capacity) = self.spec.node_capacity else {
            return mates.next().is_some();
        };
        let full = capacity.saturating_mul(u32::from(self.spec.capacity_percent)) / 100;
        let room: u64 = mates
            .map(|other| u64::from(full.saturating_sub(other.load)))
            .sum();
        u64::from(self.view.load) < room
    }

    fn no_room(&self) -> Option<Veto> {
        let capacity = u64::from(self.spec.node_capacity?);
        let full = capacity * u64::from(self.spec.capacity_percent) / 100;
        let room = |other: &Other| full.saturating_sub(u64::from(other.load));
        let room: u64 = self.carriers().map(room).sum();
        let load = self.view.load;
        (u64::from(load) > room).then_some(Veto::Capacity { load, room })
    }
}

#[cfg(test)]
mod tests;
