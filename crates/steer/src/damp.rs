//! What slows a return down: a penalty for those that come and go, and other regions that have just
//! changed.

use std::collections::BTreeMap;
use std::time::Duration;

use tidegate_model::{Mono, RegionId};

use crate::View;

/// What each withdrawal adds.
const PENALTY: f64 = 1_000.0;
/// Whoever has more than this stays away,
const SUPPRESS: f64 = 2_000.0;
/// until it has less than this.
const REUSE: f64 = 1_000.0;

/// A penalty that grows with each withdrawal and halves with time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Penalty {
    value: f64,
    at: Mono,
    suppressed: bool,
}

impl Penalty {
    pub(crate) const fn none(now: Mono) -> Self {
        Self {
            value: 0.0,
            at: now,
            suppressed: false,
        }
    }

    pub(crate) fn add(&mut self, half_life: Duration, now: Mono) {
        self.suppressed = self.suppresses(half_life, now);
        self.value += PENALTY;
        // A little time has passed since the first of two.
        self.suppressed |= self.value > SUPPRESS;
    }

    /// Whether the node stays away for having come and gone too often.
    pub(crate) fn suppresses(&mut self, half_life: Duration, now: Mono) -> bool {
        self.decay(half_life, now);
        self.suppressed &= self.value > REUSE;
        self.suppressed
    }

    /// How long that lasts from now on.
    pub(crate) fn lasts(&self, half_life: Duration, now: Mono) -> Duration {
        if !self.suppressed {
            return Duration::ZERO;
        }
        let whole = half_life.mul_f64(libm::log2(self.value / REUSE).max(0.0));
        whole.saturating_sub(now.since(self.at))
    }

    fn decay(&mut self, half_life: Duration, now: Mono) {
        let passed = now.since(self.at).as_secs_f64();
        self.value *= libm::exp2(-passed / half_life.as_secs_f64().max(0.001));
        self.at = now;
    }
}

/// When another region came or went, as far as this node was told.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    /// Whether it is announced, and whether it has ever gone.
    seen: BTreeMap<RegionId, (bool, bool)>,
    last: Option<(RegionId, Mono)>,
}

impl Turns {
    pub(crate) fn look(&mut self, view: &View, home: &RegionId, now: Mono) {
        let mut regions: BTreeMap<&RegionId, bool> = BTreeMap::new();
        for other in view.fresh(now) {
            *regions.entry(&other.node.region).or_default() |= other.announced;
        }
        for (region, announced) in regions.into_iter().filter(|(region, _)| *region != home) {
            let (was, gone) = self
                .seen
                .entry(region.clone())
                .or_insert((announced, false));
            // A world that starts is no coming back.
            if (*was && !announced) || (!*was && announced && *gone) {
                self.last = Some((region.clone(), now));
            }
            *gone |= *was && !announced;
            *was = announced;
        }
    }

    /// The region that turned within the last `pause`, and how much of that is left.
    pub(crate) fn lately(&self, pause: Duration, now: Mono) -> Option<(&RegionId, Duration)> {
        let (region, at) = self.last.as_ref()?;
        let left = pause.saturating_sub(now.since(*at));
        (!left.is_zero()).then_some((region, left))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Other, Words};

    const HALF: Duration = Duration::from_secs(900);

    fn at(s: u64) -> Mono {
        Mono::from_millis(s * 1_000)
    }

    #[test]
    fn who_comes_and_goes_thrice_stays_away_until_the_penalty_has_halved() {
        let mut penalty = Penalty::none(at(0));
        for s in [10, 40] {
            penalty.add(HALF, at(s));
            assert!(!penalty.suppresses(HALF, at(s)), "{s}");
        }
        penalty.add(HALF, at(70));
        assert!(penalty.suppresses(HALF, at(70)));
        let lasts = penalty.lasts(HALF, at(70)).as_secs();
        assert!((1_200..1_500).contains(&lasts), "{lasts}");
        assert!(penalty.suppresses(HALF, at(70 + lasts - 5)));
        assert!(!penalty.suppresses(HALF, at(70 + lasts + 5)));
    }

    #[test]
    fn a_region_that_goes_or_returns_turns_and_one_that_starts_does_not() {
        let home: RegionId = "us".parse().unwrap();
        let view = |announced, s| View {
            load: 0,
            others: vec![Other {
                node: "eu/a".parse().unwrap(),
                announced,
                fit: true,
                load: 0,
                words: Words::default(),
                as_of: at(s),
                heard: true,
            }],
        };
        let mut turns = Turns::default();
        let pause = Duration::from_secs(60);
        for (s, announced, turned) in [
            (1, false, false),
            (2, true, false),
            (100, false, true),
            (200, false, false),
            (300, true, true),
        ] {
            turns.look(&view(announced, s), &home, at(s));
            assert_eq!(turns.lately(pause, at(s)).is_some(), turned, "{s}");
        }
        // An old word tells nothing.
        turns.look(&view(false, 300), &home, at(400));
        assert!(turns.lately(pause, at(400)).is_none());
    }
}
