//! Limits that Redis counts: in which order the nodes' table and Redis are asked.
//!
//! The table is looked at first, as it costs nothing: Redis is not asked about a request that is
//! refused anyway. Redis takes next, and the table last. What Redis admitted is entered in the
//! table too, so that nodes can take over at once when Redis is gone.

use tidegate_limit::{
    Ask, Cost, Decision, OnStoreDown, Question, Receipt, StoreKind, StoreReceipt, Verdict,
};
use tidegate_limitstore::{Taken, Unasked};
use tidegate_pipeline::Permitted;

use crate::proxy::Proxy;
use crate::shared::Live;

/// What limits of several places decided.
pub(crate) struct Decided {
    pub(crate) decision: Decision,
    /// What Redis is to be told once the whole cost is known, by the place of the limit.
    pub(crate) open: Vec<(usize, StoreReceipt)>,
}

/// The answers of a request's limits, as far as they are there.
struct Round<'a> {
    asks: &'a [Ask<'a>],
    said: Vec<(Verdict, Option<Receipt>)>,
    /// Whom the table decides, and what else it enters.
    by_table: Vec<usize>,
    to_record: Vec<usize>,
    wake: bool,
}

impl Round<'_> {
    /// Enters what Redis said, or what applies without it.
    fn enter(&mut self, questions: &[(usize, Question)], taken: Result<&Taken, Unasked>) {
        for (i, (at, question)) in questions.iter().enumerate() {
            let answer = match taken {
                Ok(taken) => taken.answers.get(i).map(|answer| (*answer, taken.admitted)),
                Err(Unasked) => {
                    self.without(*at, question);
                    continue;
                }
            };
            match answer {
                Some((answer, admitted)) => {
                    self.said[*at].0 = question.verdict(answer, admitted && answer.fits);
                    if admitted && answer.fits {
                        self.to_record.push(*at);
                    }
                }
                // Another limit has refused before this one was asked.
                None => self.said[*at].0.admitted = true,
            }
        }
    }

    fn without(&mut self, at: usize, question: &Question) {
        match self.asks[at].limit.on_store_down {
            OnStoreDown::Mesh => self.by_table.push(at),
            how => {
                self.said[at].0 = question.unasked(how);
                if how == OnStoreDown::Open {
                    self.to_record.push(at);
                }
            }
        }
    }

    /// Whether a limit refuses that the table does not decide.
    fn refused(&self, questions: &[(usize, Question)]) -> bool {
        let mut all = questions.iter().map(|(at, _)| *at);
        all.any(|at| !self.by_table.contains(&at) && self.said[at].0.refuses())
    }

    fn decision(&self) -> Decision {
        Decision::of(&self.said, self.wake)
    }
}

impl Proxy {
    /// Asks all limits of a route of which some are counted in Redis. `again` if they were asked
    /// before.
    pub(crate) async fn decide_stored(
        &self,
        live: &Live,
        known: &Permitted<'_, '_>,
        again: bool,
    ) -> Decided {
        let (counters, clock) = (&self.shared.counters, &self.shared.clock);
        let asks = known.asks(&live.snapshot);
        let now = clock.now();
        let look = counters.peek(now, &asks, !again);
        let stored = |at: &usize| asks[*at].limit.store == StoreKind::Redis;
        let (in_redis, by_table): (Vec<usize>, Vec<usize>) = (0..asks.len()).partition(stored);
        if by_table.iter().any(|&at| look.verdicts()[at].refuses()) {
            return done(look);
        }
        let question = |at: usize| Some((at, counters.question(now, &asks[at])?));
        let questions: Vec<(usize, Question)> = in_redis.into_iter().filter_map(question).collect();
        let asked: Vec<Question> = questions.iter().map(|(_, question)| *question).collect();
        let taken = match &live.store {
            Some(store) => store.take(&asked).await,
            None => Err(Unasked),
        };
        let mut round = Round {
            asks: &asks,
            said: look.verdicts().iter().map(|said| (*said, None)).collect(),
            by_table,
            to_record: Vec::new(),
            wake: look.wake,
        };
        round.enter(&questions, taken.as_ref().map_err(|error| *error));
        if round.refused(&questions) {
            return done(round.decision());
        }
        self.decide_rest(&mut round);
        let decision = round.decision();
        if !decision.admitted {
            if let (Some(store), Ok(taken)) = (&live.store, &taken) {
                store.give_back(&asked, &taken.answers);
            }
            return done(decision);
        }
        self.record(&mut round);
        let decision = round.decision();
        if taken.is_err() {
            return done(decision);
        }
        let open = round.to_record.iter();
        let open = open.filter_map(|&at| left_open(known, &asks[at], at));
        Decided {
            open: open.collect(),
            decision,
        }
    }

    /// Lets the table decide its own limits, and those that it stands in for.
    fn decide_rest(&self, round: &mut Round<'_>) {
        let asks: Vec<Ask<'_>> = round.by_table.iter().map(|&at| round.asks[at]).collect();
        let now = self.shared.clock.now();
        let decision = self.shared.counters.decide_again(now, &asks);
        round.wake |= decision.wake;
        for (i, &at) in round.by_table.iter().enumerate() {
            let mut verdict = decision.verdicts()[i];
            if round.asks[at].limit.store == StoreKind::Redis {
                verdict.unstored = Some(OnStoreDown::Mesh);
            }
            round.said[at] = (verdict, decision.receipts()[i]);
        }
    }

    /// Enters in the table what was admitted elsewhere.
    fn record(&self, round: &mut Round<'_>) {
        let now = self.shared.clock.now();
        for &at in &round.to_record {
            let (receipt, wake) = self.shared.counters.record(now, &round.asks[at]);
            round.said[at].1 = receipt;
            round.wake |= wake;
        }
    }
}

/// A decision after which nothing is left to tell Redis.
fn done(decision: Decision) -> Decided {
    Decided {
        decision,
        open: Vec::new(),
    }
}

/// What is kept of a request whose cost the answer tells.
fn left_open(known: &Permitted<'_, '_>, ask: &Ask<'_>, at: usize) -> Option<(usize, StoreReceipt)> {
    let receipt = StoreReceipt {
        subject: ask.subject,
        amount: ask.amount,
        cost: ask.cost,
    };
    let place = known.terms().limits[at];
    matches!(ask.limit.cost, Cost::Response { .. }).then_some((place, receipt))
}
