//! What a region that cannot be heard is taken to spend.
//!
//! A silent region may be dead, or alive behind a cut and serving. As long as it is announced to
//! the internet it is taken to spend its whole share of every limit, and for its part it spends no
//! more than that, so that both sides together stay within the limit. A region that is silent and
//! no longer announced gets no clients: only what it was last heard to have spent counts.

use tidegate_model::RegionId;

/// What is known of another region.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Presence {
    /// Its counts arrive.
    Reachable,
    /// Nothing was heard for a while, and it is, for all we know, still announced.
    Silent,
    /// Nothing was heard for a while, and the internet no longer sends it clients.
    Withdrawn,
}

/// A region and what is known of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RegionPresence {
    /// The region.
    pub region: RegionId,
    /// What is known of it.
    pub presence: Presence,
}

/// The part of a share that goes evenly to every region, so that one without a past is not left
/// with nothing.
const FLOOR: f64 = 0.1;

/// The parts of a limit that regions are taken to spend that cannot be heard.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(crate) struct SilentParts {
    /// If they keep to even shares.
    pub(crate) even: f32,
    /// If those that can be heard keep to their smallest shares.
    pub(crate) closed: f32,
}

impl SilentParts {
    pub(crate) fn of(presence: &[Presence]) -> Self {
        let count = |wanted| presence.iter().filter(|p| **p == wanted).count() as f32;
        let (silent, heard) = (count(Presence::Silent), count(Presence::Reachable));
        if silent == 0.0 {
            return Self::default();
        }
        let regions = presence.len() as f32;
        Self {
            even: silent / regions,
            closed: 1.0 - heard * FLOOR as f32 / regions,
        }
    }
}

/// Each region's share of a limit, from what each was asked for in the last window that everyone
/// saw whole.
pub(crate) fn shares(demand: &[u32], out: &mut Vec<f64>) {
    out.clear();
    let even = 1.0 / demand.len().max(1) as f64;
    let total: f64 = demand.iter().map(|&d| f64::from(d)).sum();
    let share = |d: u32| {
        if total > 0.0 {
            (1.0 - FLOOR) * f64::from(d) / total + FLOOR * even
        } else {
            even
        }
    };
    out.extend(demand.iter().map(|&d| share(d)));
}

/// A share in whole requests: up, so that shares leave no request over, but not for a rounding
/// error.
pub(crate) fn whole(share: f64) -> u32 {
    (share - 0.001).ceil() as u32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn silent_regions_take_what_the_others_leave() {
        use Presence::{Reachable, Silent, Withdrawn};
        assert_eq!(
            SilentParts::of(&[Reachable, Withdrawn]),
            SilentParts::default()
        );
        let parts = SilentParts::of(&[Reachable, Silent, Reachable, Silent]);
        assert_eq!((parts.even, parts.closed), (0.5, 0.95));
    }

    proptest! {
        #[test]
        fn shares_never_sum_to_more_than_the_whole(demand in prop::collection::vec(0_u32..1_000_000, 1..6)) {
            let mut out = Vec::new();
            shares(&demand, &mut out);
            prop_assert!((out.iter().sum::<f64>() - 1.0).abs() < 1e-9);
            prop_assert!(out.iter().all(|share| *share >= FLOOR / demand.len() as f64 - 1e-9));
        }
    }
}
