//! What each region was asked for, for the time when one of them cannot be heard.
//!
//! Both sides of a cut share a limit by these figures, so both must have the same: those of a
//! window that all regions saw whole. What is told last of a window arrives when the next has
//! begun, and a cut is noticed a good second after it happened. So figures are taken down some time
//! after a window's end, and used once it is known that nobody was cut off by then.

use std::time::Duration;

use tidegate_model::{Mono, Now};

use super::subject::ActorRow;
use crate::table::Registered;
use crate::{Presence, Scope, WindowIx};

/// So long after a window's end its last counts have come round the world.
pub(super) const TOLD: Duration = Duration::from_millis(300);
/// So long after it was cut off a region is known to be silent.
const NOTICED: Duration = Duration::from_millis(1_400);

/// What each region was asked for.
#[derive(Debug, Default)]
pub(super) struct Demand {
    /// In a window that all saw whole.
    settled: Vec<u32>,
    /// In one of which that is not known yet, and when it was taken down.
    pending: Option<(Mono, Vec<u32>)>,
    /// The window that was looked at last.
    window: WindowIx,
}

impl Demand {
    /// What each region was asked for; `None` as long as nothing is known.
    pub(super) fn settled(&self) -> Option<&[u32]> {
        (!self.settled.is_empty()).then_some(&self.settled[..])
    }

    /// Takes down what is known of the window before, once in a window.
    pub(super) fn note(
        &mut self,
        rows: &[ActorRow],
        terms: &Registered,
        presence: &[Presence],
        now: Now,
    ) {
        if terms.scope != Scope::Global {
            return;
        }
        if presence.iter().any(|p| *p != Presence::Reachable) {
            self.pending = None;
            return;
        }
        if let Some((_, demand)) = self
            .pending
            .take_if(|(at, _)| now.mono.since(*at) >= NOTICED)
        {
            self.settled = demand;
        }
        let window = terms.windows.at(now.wall);
        let last = window.ix.previous();
        if self.pending.is_some() || self.window == last || window.elapsed < TOLD {
            return;
        }
        self.window = last;
        let mut demand = vec![0_u32; presence.len()];
        for row in rows {
            if let Some(region) = row.region.map(usize::from) {
                demand[region] = demand[region].saturating_add(row.row.count_at(last).offered);
            }
        }
        if demand.iter().any(|d| *d > 0) {
            self.pending = Some((now.mono, demand));
        }
    }
}
