//! Limits that a store counts: the table keeps the nodes' own count of what the store admitted, so
//! that it can take over at once.

use arrayvec::ArrayVec;
use tidegate_model::Now;

use super::{Ask, Decision, LIMITS_PER_REQUEST_MAX, Place, Receipt, Table};
use crate::{Cost, Question, Scope, SubjectKey, Verdict};

/// What is kept of a request that a store counted, to tell it when the whole cost is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StoreReceipt {
    /// The subject.
    pub subject: SubjectKey,
    /// The amount that applied.
    pub amount: u32,
    /// What was taken.
    pub cost: u32,
}

impl Decision {
    /// The answer of limits that were asked in several places.
    ///
    /// # Panics
    /// If there are more than [`LIMITS_PER_REQUEST_MAX`].
    #[must_use]
    pub fn of(said: &[(Verdict, Option<Receipt>)], wake: bool) -> Self {
        let admitted = said.iter().all(|(verdict, _)| !verdict.refuses());
        Self {
            verdicts: said.iter().map(|(verdict, _)| *verdict).collect(),
            receipts: (said.iter().map(|(_, receipt)| *receipt))
                .map(|receipt| receipt.filter(|_| admitted))
                .collect(),
            admitted,
            wake,
        }
    }
}

impl Table {
    /// What a store is asked about a request: under the name that the subject has after resets.
    /// `None` for requests under way, which stores do not count.
    #[must_use]
    pub fn question(&self, now: Now, ask: &Ask<'_>) -> Option<Question> {
        let window = ask.limit.windows.at(now.wall).ix;
        let subject = self.renames.name(ask.subject, window);
        Question::of(&Ask { subject, ..*ask }, now.wall)
    }

    /// What limits would say to a request: nothing is taken. `offered` if it is to be counted as
    /// asked for.
    #[must_use]
    pub fn peek(&self, now: Now, asks: &[Ask<'_>], offered: bool) -> Decision {
        let mut said = ArrayVec::<_, LIMITS_PER_REQUEST_MAX>::new();
        let mut wake = false;
        for ask in asks {
            let place = self.place(now, ask);
            if offered {
                place.ask(ask.cost);
            }
            said.push((place.look(ask.cost), None));
            wake |= self.mark_place(ask, &place);
        }
        Decision::of(&said, wake)
    }

    /// Counts what a store has admitted, whether or not this table would have. Returns whether the
    /// control thread should be woken.
    #[must_use]
    pub fn record(&self, now: Now, ask: &Ask<'_>) -> (Option<Receipt>, bool) {
        let place = self.place(now, ask);
        place.record(ask.cost);
        place.meet(ask.cost);
        let later = matches!(ask.limit.cost, Cost::Response { .. });
        let receipt = later.then_some(Receipt {
            subject: place.subject,
            at: place.at,
            cost: ask.cost,
        });
        (receipt, self.mark_place(ask, &place))
    }

    fn mark_place(&self, ask: &Ask<'_>, place: &Place<'_>) -> bool {
        ask.limit.scope != Scope::Node && self.mark_at(place.at, place.subject)
    }
}
