//! What others take of a bucket: it is taken from ours when it becomes known, as of the time when
//! it happened.

use tidegate_model::{Mono, Now};

use super::Counters;
use crate::bucket::Bucket;
use crate::share::{SilentParts, shares};
use crate::subject::LimitIx;
use crate::table::Registered;
use crate::{Algorithm, OnPartition, Presence, Scope, SubjectKey};

/// What silent regions were taken to have spent of a bucket.
#[derive(Debug, Default)]
pub(super) struct Assumed {
    /// When that was last worked out, while a region is silent.
    at: Option<Mono>,
    /// Tokens, of which their own counts, once heard, are found to be a part.
    tokens: f64,
    /// Parts of tokens that were not taken yet.
    rest: f64,
}

impl Assumed {
    /// What of `told` was not taken for spent already.
    fn beyond(&mut self, told: u32) -> u32 {
        let known = self.tokens.min(f64::from(told)).floor();
        self.tokens -= known;
        told - known as u32
    }

    /// Takes so many more for spent. Returns how many are whole.
    fn add(&mut self, tokens: f64) -> u32 {
        let whole = (self.rest + tokens).floor();
        self.rest += tokens - whole;
        self.tokens += whole;
        whole as u32
    }
}

impl Counters {
    /// Takes from a subject's bucket what an actor has been found to have taken between its last
    /// word but one and its last.
    pub(super) fn spill(
        &mut self,
        key: SubjectKey,
        tokens: u32,
        from: Mono,
        until: Mono,
        now: Now,
    ) {
        let Some(subject) = self.subjects.get_mut(&key) else {
            return;
        };
        let Some((bucket, terms)) = bucket_of(&self.limits, subject.limit, || {
            self.table.slot(subject.slot).terms().1
        }) else {
            return;
        };
        let tokens = subject.assumed.beyond(tokens);
        if tokens == 0 {
            return;
        }
        // Taken evenly meanwhile, as far as anyone knows: on the average halfway. A first word may
        // tell of all that was since a window began.
        let span = until.since(from).min(terms.windows.longest());
        let at = (until - span / 2).min(now.mono);
        self.table
            .slot(subject.slot)
            .spill(bucket, at, tokens, now.mono);
    }

    /// Takes from a subject's bucket what silent regions may be spending: their share of what was
    /// in it when they fell silent, and of what has come since.
    pub(super) fn spill_for_silent(&mut self, key: SubjectKey, now: Now) {
        let Some(subject) = self.subjects.get_mut(&key) else {
            return;
        };
        let slot = self.table.slot(subject.slot);
        let found = bucket_of(&self.limits, subject.limit, || slot.terms().1);
        let Some((bucket, terms)) = found.filter(|(_, terms)| terms.scope == Scope::Global) else {
            return;
        };
        let part = silent_part(terms, subject.demand.settled(), &self.presence);
        if part == 0.0 {
            subject.assumed.at = None;
            return;
        }
        let tokens = match subject.assumed.at {
            None => f64::from(slot.level(bucket, now.mono)),
            Some(at) => bucket.tokens_in(now.mono.since(at).min(terms.windows.longest())),
        };
        subject.assumed.at = Some(now.mono);
        let tokens = subject.assumed.add(tokens * part);
        slot.spill(bucket, now.mono, tokens, now.mono);
    }
}

fn bucket_of(
    limits: &[Registered],
    limit: LimitIx,
    amount: impl FnOnce() -> u32,
) -> Option<(Bucket, &Registered)> {
    let terms = limits.get(usize::from(limit.0))?;
    if terms.algorithm != Algorithm::Bucket {
        return None;
    }
    let amount = match amount() {
        0 => terms.amount,
        amount => amount,
    };
    Some((
        Bucket::new(amount, terms.windows.longest(), terms.burst),
        terms,
    ))
}

/// The part of a limit that silent regions are taken to spend.
fn silent_part(terms: &Registered, demand: Option<&[u32]>, presence: &[Presence]) -> f64 {
    let silent = |region: usize| presence[region] == Presence::Silent;
    match terms.on_partition {
        OnPartition::Open => 0.0,
        OnPartition::Closed => f64::from(SilentParts::of(presence).closed),
        OnPartition::Share => {
            let even = vec![0; presence.len()];
            let mut parts = Vec::new();
            shares(demand.unwrap_or(&even), &mut parts);
            (0..presence.len())
                .filter(|&region| silent(region))
                .map(|region| parts[region])
                .sum()
        }
    }
}
