//! One request against all its limits: it passes all and is counted by each, or passes none.

use std::sync::atomic::Ordering::SeqCst;

use arrayvec::ArrayVec;
use tidegate_model::Now;

use super::place::Place;
use super::{Ask, LIMITS_PER_REQUEST_MAX, Receipt, Table};
use crate::{Scope, Verdict};

/// The answer of all limits together.
#[derive(Clone, Debug)]
pub struct Decision {
    pub(super) verdicts: ArrayVec<Verdict, LIMITS_PER_REQUEST_MAX>,
    pub(super) receipts: ArrayVec<Option<Receipt>, LIMITS_PER_REQUEST_MAX>,
    /// Whether all limits let the request through.
    pub admitted: bool,
    /// Whether the control thread should be woken to tell others.
    pub wake: bool,
}

impl Decision {
    /// One verdict for each limit asked, in the same order.
    #[must_use]
    pub fn verdicts(&self) -> &[Verdict] {
        &self.verdicts
    }

    /// What is left to do once the request has gone its way: one entry for each limit asked, `None`
    /// where nothing is.
    #[must_use]
    pub fn receipts(&self) -> &[Option<Receipt>] {
        &self.receipts
    }

    /// Whether every limit that refuses is a strict one whose rights other nodes may still hand
    /// over: it is worth asking again after a [`rights_pause`](crate::rights_pause).
    #[must_use]
    pub fn awaits_rights(&self) -> bool {
        !self.admitted
            && self
                .verdicts()
                .iter()
                .all(|v| !v.refuses() || v.awaits_rights)
    }
}

impl Table {
    /// Decides one request against all its limits, and counts it if all of them let it through. A
    /// request that one limit refuses is counted as asked for by each, and as admitted by none.
    ///
    /// # Panics
    /// If more than [`LIMITS_PER_REQUEST_MAX`] limits are asked; the configuration's check forbids
    /// it.
    #[must_use]
    #[inline]
    pub fn decide(&self, now: Now, asks: &[Ask<'_>]) -> Decision {
        self.decide_asked(now, asks, true)
    }

    /// Decides a request again that waited: it is not counted as asked for twice.
    ///
    /// # Panics
    /// As [`decide`](Self::decide).
    #[must_use]
    #[inline]
    pub fn decide_again(&self, now: Now, asks: &[Ask<'_>]) -> Decision {
        self.decide_asked(now, asks, false)
    }

    /// Decides a request that is asked for `first` now, or was counted so before.
    #[inline]
    fn decide_asked(&self, now: Now, asks: &[Ask<'_>], first: bool) -> Decision {
        // Made where the caller wants it, and filled there: it is large to copy.
        let mut decision = Decision {
            verdicts: ArrayVec::new(),
            receipts: ArrayVec::new(),
            admitted: true,
            wake: false,
        };
        self.decide_into(now, asks, first, &mut decision);
        decision
    }

    fn decide_into(&self, now: Now, asks: &[Ask<'_>], first: bool, decision: &mut Decision) {
        match asks {
            [ask] => self.decide_one(now, ask, first, decision),
            _ => self.decide_all(now, asks, first, decision),
        }
    }

    /// One limit is taken from at once.
    #[inline]
    fn decide_one(&self, now: Now, ask: &Ask<'_>, first: bool, decision: &mut Decision) {
        let place = self.place(now, ask);
        let verdict = place.take(ask.cost);
        decision.admitted = !verdict.refuses();
        decision.verdicts.push(verdict);
        self.close(ask, &place, verdict, first, decision);
    }

    /// Of several each must have room before any is debited.
    fn decide_all(&self, now: Now, asks: &[Ask<'_>], first: bool, decision: &mut Decision) {
        let mut places = ArrayVec::<Place<'_>, LIMITS_PER_REQUEST_MAX>::new();
        for ask in asks {
            let place = self.place(now, ask);
            let verdict = place.look(ask.cost);
            decision.admitted &= !verdict.refuses();
            decision.verdicts.push(verdict);
            places.push(place);
        }
        if decision.admitted {
            debit(asks, &places, decision);
        }
        for (at, (ask, place)) in asks.iter().zip(&places).enumerate() {
            let verdict = decision.verdicts[at];
            self.close(ask, place, verdict, first, decision);
        }
    }

    /// Enters what became of a request with one of its limits.
    #[inline]
    fn close(
        &self,
        ask: &Ask<'_>,
        place: &Place<'_>,
        verdict: Verdict,
        first: bool,
        decision: &mut Decision,
    ) {
        let admitted = decision.admitted && verdict.admitted;
        place.close(ask.cost, admitted, first);
        let receipt = admitted.then(|| place.receipt(ask)).flatten();
        decision.receipts.push(receipt);
        if ask.limit.scope != Scope::Node {
            decision.wake |= self.mark_at(place.at, place.subject);
        }
        if verdict.awaits_rights {
            decision.wake |= !self.urgent.swap(true, SeqCst);
        }
    }
}

/// Takes the cost from every limit, or from none: another core may have taken the last unit since
/// we looked.
fn debit(asks: &[Ask<'_>], places: &[Place<'_>], decision: &mut Decision) {
    for (at, (ask, place)) in asks.iter().zip(places).enumerate() {
        let verdict = place.take(ask.cost);
        decision.verdicts[at] = verdict;
        if verdict.refuses() {
            let before = asks[..at].iter().zip(places).zip(&decision.verdicts);
            for ((ask, taken), _) in before.filter(|(_, verdict)| verdict.admitted) {
                taken.give_back(ask.cost);
            }
            decision.admitted = false;
            return;
        }
    }
}
