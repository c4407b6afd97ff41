//! A workload's requests, to be played to real nodes: when each comes, where, and what is right.

use std::time::Duration;

use tidegate_limit::WindowIx;
use tidegate_model::{Mono, Seed};

use super::{EPOCH_DAYS, Error, LEAD, NODES, Rule, Windows, Workload, arrivals, perfect};
use crate::tally::Demand;
use crate::world::Arrival;

/// What comes so close to a window's boundary may fall into either on real clocks: it is left out.
const BOUNDARY: Duration = Duration::from_millis(6);

/// Requests of one subject, by the time since the first window began.
#[derive(Debug)]
pub struct Schedule {
    rule: Rule,
    warm_up: u32,
    windows: u32,
    arrivals: Vec<Arrival>,
    counted: Windows,
}

impl Schedule {
    /// The requests of so many judged windows.
    #[must_use]
    pub fn of(workload: &Workload, windows: u32, seed: Seed) -> Self {
        let rule = Rule::of(workload);
        let mut arrivals = arrivals(&workload.traffic, workload.length(windows), seed);
        arrivals.retain(|arrival| {
            let window = rule.window_at(arrival.at);
            window.elapsed.min(window.left) >= BOUNDARY
        });
        Self {
            rule,
            warm_up: workload.warm_up,
            windows,
            arrivals,
            counted: Windows::new(),
        }
    }

    /// When each request comes, and to which region and node there, of so many a region.
    pub fn requests(&self, nodes: usize) -> impl Iterator<Item = (Duration, usize, usize)> {
        self.arrivals.iter().map(move |arrival| {
            let after = arrival.at.since(Mono::ZERO + LEAD);
            let (region, node) = (arrival.node / NODES, arrival.node % NODES);
            (after, region, node % nodes)
        })
    }

    /// Notes an answer to a request that came so long after the first window began.
    pub fn answered(&mut self, after: Duration, admitted: bool) {
        let window = self.rule.window_at(Mono::ZERO + LEAD + after);
        let demand = self.counted.entry(window.ix).or_default();
        demand.offered += 1;
        demand.admitted += u64::from(admitted);
    }

    /// The error of each judged window.
    #[must_use]
    pub fn errors(&self) -> Vec<Error> {
        let length = self.rule.window.as_secs();
        let first = EPOCH_DAYS * 86_400 / length;
        let judged = perfect(self.rule, &self.arrivals)
            .into_iter()
            .filter(|(window, _)| {
                let at = u64::from(window.0) - first;
                (u64::from(self.warm_up)..u64::from(self.warm_up + self.windows)).contains(&at)
            });
        let error = |(window, right): (WindowIx, Demand)| {
            let counted = self.counted.get(&window).copied().unwrap_or_default();
            Error::of(counted, right, right.admitted, self.rule.amount)
        };
        judged.map(error).collect()
    }
}
