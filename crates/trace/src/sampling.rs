//! Which traces are kept.
//!
//! Services must be told before they are asked, so the share and the parent's word decide at the
//! head. What went wrong or took long is known at the end only; then our own spans are kept,
//! whatever services did with theirs.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::{Parent, TraceId};

/// Which traces are kept.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Sampling {
    /// Whether a client's word decides, for better or worse.
    pub parent: bool,
    /// The part of all traces, from 0 to 1.
    pub ratio: f64,
    /// The same for routes, by name.
    pub routes: BTreeMap<String, f64>,
    /// Whatever went wrong.
    pub errors: bool,
    /// Whatever took so long.
    pub slow: Option<Duration>,
}

/// Why a trace is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kept {
    /// Whoever sent the request keeps it.
    Parent,
    /// It belongs to the share.
    Ratio,
    /// It went wrong.
    Error,
    /// It took long.
    Slow,
    /// Somebody asked for it.
    Demand,
}

/// How a request ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// Whether it, or an attempt at a service, went wrong.
    pub failed: bool,
    /// How long it took.
    pub took: Duration,
}

impl Kept {
    /// All of them, in their order.
    pub const ALL: [Self; 5] = [
        Self::Parent,
        Self::Ratio,
        Self::Error,
        Self::Slow,
        Self::Demand,
    ];

    /// As a label of a metric.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Parent => "parent",
            Self::Ratio => "ratio",
            Self::Error => "error",
            Self::Slow => "slow",
            Self::Demand => "demand",
        }
    }
}

impl Sampling {
    /// Whether a trace may be kept, so that it must be written down from the beginning.
    #[must_use]
    pub fn may_keep(&self, trace: TraceId, parent: Option<&Parent>, trusted: bool) -> bool {
        if self.errors || self.slow.is_some() {
            return true;
        }
        match said(self, parent, trusted) {
            Some(sampled) => sampled,
            None => {
                let ratios = self.routes.values().copied();
                within(trace, ratios.fold(self.ratio, f64::max))
            }
        }
    }

    /// Whether a trace is kept as far as can be said before a service is asked. `trusted` if the
    /// parent is a gateway of ours.
    #[must_use]
    pub fn head(
        &self,
        trace: TraceId,
        parent: Option<&Parent>,
        trusted: bool,
        route: Option<&str>,
    ) -> Option<Kept> {
        if let Some(sampled) = said(self, parent, trusted) {
            return sampled.then_some(Kept::Parent);
        }
        let own = route.and_then(|route| self.routes.get(route));
        within(trace, own.copied().unwrap_or(self.ratio)).then_some(Kept::Ratio)
    }

    /// Whether a trace is kept for how it ended.
    #[must_use]
    pub fn tail(&self, outcome: Outcome) -> Option<Kept> {
        if self.errors && outcome.failed {
            return Some(Kept::Error);
        }
        let slow = self.slow.is_some_and(|slow| outcome.took >= slow);
        slow.then_some(Kept::Slow)
    }
}

/// What the sender decided, if that counts.
fn said(sampling: &Sampling, parent: Option<&Parent>, trusted: bool) -> Option<bool> {
    let parent = parent.filter(|_| sampling.parent || trusted)?;
    parent.sampled
}

/// The same traces everywhere, as OpenTelemetry's `TraceIdRatioBased` takes them: by the last 63
/// bits. A smaller share is a part of a larger one.
fn within(trace: TraceId, ratio: f64) -> bool {
    let bits = (trace.get() as u64) >> 1;
    let bound = (ratio.clamp(0.0, 1.0) * (1_u64 << 63) as f64) as u64;
    bits < bound
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::SpanId;

    fn parent(sampled: Option<bool>) -> Parent {
        Parent {
            trace: TraceId::new(7).unwrap(),
            span: SpanId::new(7).unwrap(),
            sampled,
            w3c: true,
        }
    }

    #[test]
    fn a_parent_decides_where_it_may() {
        let trace = TraceId::new(u128::MAX).unwrap();
        for (why, follows, trusted, said, ratio, want) in [
            ("a stranger says yes", false, false, Some(true), 0.0, None),
            (
                "a stranger says no",
                false,
                false,
                Some(false),
                1.0,
                Some(Kept::Ratio),
            ),
            (
                "one who counts says yes",
                true,
                false,
                Some(true),
                0.0,
                Some(Kept::Parent),
            ),
            (
                "one who counts says no",
                true,
                false,
                Some(false),
                1.0,
                None,
            ),
            (
                "one who counts says nothing",
                true,
                false,
                None,
                1.0,
                Some(Kept::Ratio),
            ),
            (
                "a gateway of ours says yes",
                false,
                true,
                Some(true),
                0.0,
                Some(Kept::Parent),
            ),
            (
                "a gateway of ours says no",
                false,
                true,
                Some(false),
                1.0,
                None,
            ),
        ] {
            let sampling = Sampling {
                parent: follows,
                ratio,
                ..Sampling::default()
            };
            let parent = parent(said);
            let head = sampling.head(trace, Some(&parent), trusted, None);
            assert_eq!(head, want, "{why}");
            let may = sampling.may_keep(trace, Some(&parent), trusted);
            assert_eq!(may, want.is_some(), "{why}");
        }
    }

    #[test]
    fn what_went_wrong_or_took_long_is_kept_at_the_end() {
        let ms = Duration::from_millis;
        let tail = |errors, slow, failed, took| {
            let sampling = Sampling {
                errors,
                slow,
                ..Sampling::default()
            };
            sampling.tail(Outcome { failed, took })
        };
        assert_eq!(tail(true, None, true, ms(1)), Some(Kept::Error));
        assert_eq!(tail(false, None, true, ms(1)), None);
        assert_eq!(tail(true, Some(ms(500)), false, ms(500)), Some(Kept::Slow));
        assert_eq!(tail(true, Some(ms(500)), false, ms(499)), None);
    }

    #[test]
    fn a_route_may_have_a_share_of_its_own() {
        let mut sampling = Sampling {
            ratio: 0.0,
            ..Sampling::default()
        };
        sampling.routes.insert("orders".to_owned(), 1.0);
        let trace = TraceId::new(u128::MAX).unwrap();
        assert!(
            sampling.may_keep(trace, None, false),
            "the route is not known yet"
        );
        let head = |route| sampling.head(trace, None, false, route);
        assert_eq!(head(Some("orders")), Some(Kept::Ratio));
        assert_eq!(head(Some("other")), None);
        assert_eq!(head(None), None);
    }

    proptest! {
        #[test]
        fn a_smaller_share_is_a_part_of_a_larger_one(id in 1u128.., a in 0.0..=1.0f64, b in 0.0..=1.0f64) {
            let trace = TraceId::new(id).unwrap();
            let (small, large) = (a.min(b), a.max(b));
            prop_assert!(!within(trace, small) || within(trace, large));
            prop_assert!(within(trace, 1.0) && !within(trace, 0.0));
        }

        #[test]
        fn a_share_is_about_as_large_as_it_says(seed: u64) {
            let mut bits = seed;
            let mut kept = 0;
            for _ in 0..2_000 {
                bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                kept += u32::from(within(TraceId::random(0, bits), 0.25));
            }
            prop_assert!((350..650).contains(&kept), "{}", kept);
        }
    }
}
