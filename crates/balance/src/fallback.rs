//! Which other region serves a request whose own region has no endpoint left.
//!
//! The nearest that is said to be fit; if none is, the nearest that is heard of at all, for one bad
//! service makes a whole region unfit. A region that could not serve is left alone for a while, and
//! then tried with one request.

use std::num::NonZeroU8;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use serde::Deserialize;
use tidegate_model::{Mono, Period, RegionId};

/// How requests are passed on to other regions.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FallbackSpec {
    /// Regions asked for one request, one after the other.
    pub regions_max: NonZeroU8,
    /// A region that could not serve is asked again after this.
    pub retry_after: Period,
}

impl Default for FallbackSpec {
    fn default() -> Self {
        Self {
            regions_max: NonZeroU8::MIN,
            retry_after: Period::from_secs(5),
        }
    }
}

/// How a region is known to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sight {
    /// Nobody is heard from there.
    Gone,
    /// Its nodes say that some service there is bad.
    Unfit,
    /// Some node says that all is well.
    Fit,
}

/// Other regions, and which of them could not serve lately. All cores share it.
#[derive(Debug)]
pub struct Fallback {
    /// How requests are passed on.
    pub spec: FallbackSpec,
    /// The nearest first.
    regions: Vec<Region>,
}

#[derive(Debug)]
struct Region {
    id: RegionId,
    /// Since boot, in nanoseconds; 0 if it is not held back.
    held_until: AtomicU64,
}

impl Fallback {
    /// `regions` in the order of their distance.
    #[must_use]
    pub fn new(spec: FallbackSpec, regions: impl IntoIterator<Item = RegionId>) -> Self {
        let region = |id| Region {
            id,
            held_until: AtomicU64::new(0),
        };
        Self {
            spec,
            regions: regions.into_iter().map(region).collect(),
        }
    }

    /// The region to ask next, but for those that this request has `tried`.
    pub fn pick(
        &self,
        now: Mono,
        tried: &[usize],
        sight: impl Fn(&RegionId) -> Sight,
    ) -> Option<usize> {
        let seen: Vec<Sight> = self.regions.iter().map(|one| sight(&one.id)).collect();
        [Sight::Fit, Sight::Unfit].into_iter().find_map(|wanted| {
            (0..seen.len())
                .find(|at| seen[*at] == wanted && !tried.contains(at) && self.may_try(*at, now))
        })
    }

    /// Whether a region is not held back; if its time is just over, for one request alone.
    fn may_try(&self, at: usize, now: Mono) -> bool {
        let held = &self.regions[at].held_until;
        let until = held.load(Relaxed);
        if until == 0 {
            return true;
        }
        now.as_nanos() >= until
            && held
                .compare_exchange(until, self.hold_from(now), Relaxed, Relaxed)
                .is_ok()
    }

    fn hold_from(&self, now: Mono) -> u64 {
        let wait: Duration = self.spec.retry_after.get();
        let nanos = u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX);
        now.as_nanos().saturating_add(nanos).max(1)
    }

    /// A region could not serve.
    pub fn failed(&self, at: usize, now: Mono) {
        self.regions[at]
            .held_until
            .store(self.hold_from(now), Relaxed);
    }

    /// A region has served.
    pub fn served(&self, at: usize) {
        self.regions[at].held_until.store(0, Relaxed);
    }

    /// The region at this place.
    #[must_use]
    pub fn region(&self, at: usize) -> &RegionId {
        &self.regions[at].id
    }

    /// All regions, and whether each is held back.
    pub fn held(&self, now: Mono) -> impl Iterator<Item = (&RegionId, bool)> {
        self.regions
            .iter()
            .map(move |one| (&one.id, one.held_until.load(Relaxed) > now.as_nanos()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fallback() -> Fallback {
        let ids = ["near", "far", "farther"].map(|name| name.parse().unwrap());
        Fallback::new(FallbackSpec::default(), ids)
    }

    fn at(secs: u64) -> Mono {
        Mono::from_millis(secs * 1_000)
    }

    #[test]
    fn the_nearest_fit_region_comes_first_and_unfit_ones_only_after_all_fit_ones() {
        let all = fallback();
        let near_is_unfit = |id: &RegionId| match id.as_str() {
            "near" => Sight::Unfit,
            _ => Sight::Fit,
        };
        assert_eq!(all.pick(at(1), &[], |_| Sight::Fit), Some(0));
        assert_eq!(all.pick(at(1), &[], near_is_unfit), Some(1));
        assert_eq!(all.pick(at(1), &[1], near_is_unfit), Some(2));
        assert_eq!(all.pick(at(1), &[1, 2], near_is_unfit), Some(0));
        assert_eq!(all.pick(at(1), &[0, 1, 2], near_is_unfit), None);
        assert_eq!(all.pick(at(1), &[], |_| Sight::Gone), None);
    }

    #[test]
    fn a_region_that_could_not_serve_is_left_alone_and_then_tried_by_one_request() {
        let all = fallback();
        let only_near = |id: &RegionId| match id.as_str() {
            "near" => Sight::Fit,
            _ => Sight::Gone,
        };
        all.failed(0, at(10));
        assert_eq!(all.pick(at(14), &[], only_near), None);
        assert_eq!(all.pick(at(14), &[], |_| Sight::Fit), Some(1), "others are");
        assert_eq!(
            all.pick(at(15), &[], only_near),
            Some(0),
            "its time is over"
        );
        assert_eq!(all.pick(at(15), &[], only_near), None, "for one request");
        assert_eq!(all.held(at(15)).filter(|(_, held)| *held).count(), 1);
        all.served(0);
        assert_eq!(all.pick(at(15), &[], only_near), Some(0));
        assert_eq!(all.pick(at(15), &[], only_near), Some(0), "for all again");
    }
}
