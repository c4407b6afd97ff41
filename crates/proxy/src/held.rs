//! What a request holds of limits that count what is under way.

use std::sync::Arc;

use http::HeaderMap;
use tidegate_limit::{Algorithm, Ask, Decision, Receipt, StoreReceipt};
use tidegate_model::Now;
use tidegate_pipeline::{Terms, cost_after};

use crate::shared::{Live, Shared};

/// What is left to do with limits once a request has gone its way. Leases are given back when this
/// is dropped.
pub(crate) struct Held {
    shared: Arc<Shared>,
    live: Arc<Live>,
    /// Places of limits, and where the request was counted.
    receipts: Vec<(usize, Receipt)>,
    /// What Redis is to be told, by the places of limits.
    stored: Vec<(usize, StoreReceipt)>,
}

impl Held {
    /// What an admitted request holds; `None` if nothing is left to do.
    pub(crate) fn new(
        shared: &Arc<Shared>,
        live: &Arc<Live>,
        terms: &Terms,
        decision: &Decision,
        stored: Vec<(usize, StoreReceipt)>,
    ) -> Option<Self> {
        let all = terms.limits.iter().zip(decision.receipts());
        let receipts: Vec<_> = all
            .filter_map(|(&at, receipt)| Some((at, (*receipt)?)))
            .collect();
        (!receipts.is_empty()).then(|| Self {
            shared: Arc::clone(shared),
            live: Arc::clone(live),
            receipts,
            stored,
        })
    }

    /// Counts what the request came to, as its answer says.
    pub(crate) fn settle(&self, answer: &HeaderMap) {
        let now = self.shared.clock.now();
        let mut wake = false;
        for (at, receipt) in &self.receipts {
            let (limit, _) = &self.live.snapshot.limits[*at];
            if let Some(cost) = cost_after(&limit.cost, answer) {
                wake |= self.shared.counters.settle(now, limit, receipt, cost);
            }
        }
        if wake {
            (self.shared.news)();
        }
        self.charge(now, answer);
    }

    /// Tells Redis what it has not counted yet.
    fn charge(&self, now: Now, answer: &HeaderMap) {
        let Some(store) = &self.live.store else {
            return;
        };
        for (at, receipt) in &self.stored {
            let (limit, ix) = &self.live.snapshot.limits[*at];
            let cost = cost_after(&limit.cost, answer).unwrap_or(receipt.cost);
            let ask = Ask {
                limit,
                ix: *ix,
                subject: receipt.subject,
                amount: receipt.amount,
                cost: cost.saturating_sub(receipt.cost),
            };
            if let Some(question) = self
                .shared
                .counters
                .question(now, &ask)
                .filter(|_| ask.cost > 0)
            {
                store.charge(question);
            }
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut wake = false;
        for (at, receipt) in &self.receipts {
            let (limit, _) = &self.live.snapshot.limits[*at];
            if limit.algorithm == Algorithm::Concurrency {
                wake |= self.shared.counters.release(limit, receipt);
            }
        }
        if wake {
            (self.shared.news)();
        }
    }
}
