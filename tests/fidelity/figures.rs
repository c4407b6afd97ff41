//! What is compared.

use std::collections::BTreeMap;
use std::time::Duration;

use tidegate_sim::Outcome;
use tidegate_sim::recording::Recording;

/// A run in the numbers that both worlds tell alike.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures {
    pub(crate) admitted: u64,
    pub(crate) limited: u64,
    pub(crate) failed: u64,
    /// By key and window: asked for, admitted.
    pub(crate) windows: BTreeMap<(String, u64), (u64, u64)>,
    pub(crate) limit: u64,
    pub(crate) outage: Duration,
}

impl Figures {
    pub(crate) fn of_run((outcome, recording): &(Outcome, Recording)) -> Self {
        let mut windows = BTreeMap::new();
        for window in &recording.windows {
            let at = window.from_ms / window.length_ms;
            windows.insert((window.key.clone(), at), (window.offered, window.admitted));
        }
        Self {
            admitted: outcome.fates.0,
            limited: outcome.fates.1,
            failed: outcome.requests.1,
            windows,
            limit: recording.windows.first().map_or(0, |window| window.allowed),
            outage: outcome.outage,
        }
    }

    /// Name, value and unit, in a fixed order.
    pub(crate) fn rows(&self) -> Vec<(&'static str, f64, &'static str)> {
        let part = |n: u64| 100.0 * n as f64 / self.limit.max(1) as f64;
        let (mut over, mut under) = (0.0_f64, 0.0_f64);
        for (offered, admitted) in self.windows.values() {
            let should = (*offered).min(self.limit);
            over = over.max(part(admitted.saturating_sub(self.limit)));
            under = under.max(part(should.saturating_sub(*admitted)));
        }
        vec![
            ("requests admitted", self.admitted as f64, ""),
            ("requests limited", self.limited as f64, ""),
            ("requests failed", self.failed as f64, ""),
            ("over the limit, worst window", over, "%"),
            ("under the limit, worst window", under, "%"),
            (
                "longest time without an answer",
                self.outage.as_millis() as f64,
                "ms",
            ),
        ]
    }
}

/// The middle of sorted values.
pub(crate) fn median(sorted: &[f64]) -> f64 {
    sorted[sorted.len() / 2]
}
