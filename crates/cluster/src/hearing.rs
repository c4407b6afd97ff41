//! Which other regions are heard, and what to assume of those that are not.
//!
//! A region is silent when nothing younger than [`SILENT_AFTER`] has come from it. A silent region
//! that routing still announces may be serving clients unseen; one that is withdrawn cannot. One
//! that is heard again is taken as before until both sides have had time to compare their counts.

use std::collections::{BTreeMap, BTreeSet};

use tidegate_limit::Presence;
use tidegate_model::{Mono, RegionId};

use crate::Heard;
use crate::spec::{HEARD_WITHIN, RECONCILE, SILENT_AFTER};

#[derive(Debug)]
pub(crate) struct Hearing {
    home: RegionId,
    others: BTreeMap<RegionId, Other>,
    /// Since when routing announces which regions, if it says anything.
    announced: Option<BTreeMap<RegionId, Mono>>,
}

/// Another region.
#[derive(Clone, Copy, Debug)]
struct Other {
    /// When it was last heard, by us or by a mate.
    at: Mono,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Heard,
    Silent,
    /// Heard again, and since when. The assumption of the time of silence goes on.
    Returning {
        since: Mono,
        assumed: Presence,
    },
}

/// What a look at the clock has changed.
#[derive(Default, Debug)]
pub(crate) struct Changes {
    /// Regions that have fallen silent.
    pub(crate) lost: Vec<RegionId>,
    /// Regions whose silence has just ended: counts should be compared at once.
    pub(crate) returning: Vec<RegionId>,
    /// Regions that count as heard again.
    pub(crate) back: Vec<RegionId>,
}

impl Hearing {
    /// Knows all `regions` but `home`, which is our own.
    pub(crate) fn new(home: RegionId, regions: &[RegionId], now: Mono) -> Self {
        let mut hearing = Self {
            home,
            others: BTreeMap::new(),
            announced: None,
        };
        hearing.set_regions(regions, now);
        hearing
    }

    /// Forgets regions that are not listed any more, and begins to listen for new ones.
    pub(crate) fn set_regions(&mut self, regions: &[RegionId], now: Mono) {
        // A region that was never heard gets the benefit of the doubt for as long as one that has
        // just fallen silent.
        let new = Other {
            at: now,
            state: State::Heard,
        };
        let others = regions.iter().filter(|region| **region != self.home);
        self.others = others
            .map(|region| {
                let known = self.others.get(region).copied();
                (region.clone(), known.unwrap_or(new))
            })
            .collect();
    }

    /// Something of this region has arrived that was true at `as_of`.
    pub(crate) fn hear(&mut self, region: &RegionId, as_of: Mono) {
        if let Some(other) = self.others.get_mut(region) {
            other.at = other.at.max(as_of);
        }
    }

    /// What to tell the nodes of this region.
    pub(crate) fn list(&self, now: Mono) -> Vec<Heard> {
        let age = |at: Mono| u32::try_from(now.since(at).as_millis()).unwrap_or(u32::MAX);
        self.others
            .iter()
            .map(|(region, other)| Heard {
                region: region.clone(),
                age_ms: age(other.at),
            })
            .collect()
    }

    /// When a region was last heard.
    pub(crate) fn heard_at(&self, region: &RegionId) -> Option<Mono> {
        self.others.get(region).map(|other| other.at)
    }

    /// Takes in which regions routing says are announced; `None` if it cannot say.
    pub(crate) fn set_announced(&mut self, announced: Option<BTreeSet<RegionId>>, now: Mono) {
        let old = self.announced.take();
        let since = |region: &RegionId| old.as_ref().and_then(|old| old.get(region)).copied();
        self.announced = announced.map(|regions| {
            regions
                .into_iter()
                .map(|region| {
                    let since = since(&region).unwrap_or(now);
                    (region, since)
                })
                .collect()
        });
    }

    /// Whether routing announces a region, if it says anything.
    pub(crate) fn announced(&self, region: &RegionId) -> Option<bool> {
        let announced = self.announced.as_ref()?;
        Some(announced.contains_key(region))
    }

    /// What limits shall assume of a region.
    pub(crate) fn presence(&self, region: &RegionId, now: Mono) -> Presence {
        match self.others.get(region).map(|other| other.state) {
            None | Some(State::Heard) => Presence::Reachable,
            Some(State::Silent) => self.unheard(region, now),
            Some(State::Returning { assumed, .. }) => assumed,
        }
    }

    /// What limits shall assume of each other region.
    pub(crate) fn all(&self, now: Mono) -> impl Iterator<Item = (&RegionId, Presence)> {
        let regions = self.others.keys();
        regions.map(move |region| (region, self.presence(region, now)))
    }

    /// What to assume of a region that is not heard.
    fn unheard(&self, region: &RegionId, now: Mono) -> Presence {
        let Some(announced) = &self.announced else {
            return Presence::Silent;
        };
        match announced.get(region) {
            // A region that comes back is announced a moment before the first of its words
            // arrives.
            Some(since) if now.since(*since) >= SILENT_AFTER => Presence::Silent,
            _ => Presence::Withdrawn,
        }
    }

    /// When the clock is to be looked at next, at the latest; `None` if there is nobody to hear.
    pub(crate) fn next_tick(&self) -> Option<Mono> {
        let others = self.others.values().map(|other| match other.state {
            State::Heard => other.at + SILENT_AFTER,
            State::Silent | State::Returning { .. } => other.at,
        });
        others.min()
    }

    /// Looks at the clock.
    pub(crate) fn tick(&mut self, now: Mono) -> Changes {
        let mut changes = Changes::default();
        let regions: Vec<_> = self.others.keys().cloned().collect();
        for region in regions {
            let assumed = self.unheard(&region, now);
            let Some(other) = self.others.get_mut(&region) else {
                continue;
            };
            let age = now.since(other.at);
            match other.state {
                State::Heard if age >= SILENT_AFTER => {
                    other.state = State::Silent;
                    changes.lost.push(region);
                }
                State::Silent if age < HEARD_WITHIN => {
                    // Whoever was apart has much to tell the other. Until that is told, the
                    // assumption stands: what the other spent meanwhile is not known yet.
                    other.state = State::Returning {
                        since: now,
                        assumed,
                    };
                    changes.returning.push(region);
                }
                State::Returning { .. } if age >= HEARD_WITHIN => other.state = State::Silent,
                State::Returning { since, .. } if now.since(since) >= RECONCILE => {
                    other.state = State::Heard;
                    changes.back.push(region);
                }
                State::Heard | State::Silent | State::Returning { .. } => {}
            }
        }
        changes
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const START: Mono = Mono::ZERO;

    fn region(name: &str) -> RegionId {
        name.parse().expect("a region's name")
    }

    fn hearing() -> Hearing {
        Hearing::new(region("home"), &[region("home"), region("far")], START)
    }

    fn announced(names: &[&str]) -> Option<BTreeSet<RegionId>> {
        Some(names.iter().map(|name| region(name)).collect())
    }

    fn ms(ms: u64) -> Mono {
        START + Duration::from_millis(ms)
    }

    #[test]
    fn a_region_that_says_nothing_is_silent_and_may_serve_unseen() {
        let mut hearing = hearing();
        assert!(hearing.tick(ms(1_100)).lost.is_empty());
        assert_eq!(
            hearing.presence(&region("far"), ms(1_100)),
            Presence::Reachable
        );
        assert_eq!(hearing.tick(ms(1_200)).lost, [region("far")]);
        assert_eq!(
            hearing.presence(&region("far"), ms(1_200)),
            Presence::Silent
        );
    }

    #[test]
    fn a_silent_region_that_is_withdrawn_serves_nobody() {
        let mut hearing = hearing();
        hearing.set_announced(announced(&["far"]), START);
        hearing.tick(ms(2_000));
        assert_eq!(
            hearing.presence(&region("far"), ms(2_000)),
            Presence::Silent
        );
        hearing.set_announced(announced(&[]), ms(2_100));
        assert_eq!(
            hearing.presence(&region("far"), ms(2_100)),
            Presence::Withdrawn
        );
    }

    #[test]
    fn what_was_assumed_in_the_silence_stands_until_counts_are_compared() {
        let mut hearing = hearing();
        hearing.tick(ms(2_000));
        hearing.hear(&region("far"), ms(2_000));
        assert_eq!(hearing.tick(ms(2_050)).returning, [region("far")]);
        hearing.hear(&region("far"), ms(4_400));
        assert!(hearing.tick(ms(4_500)).back.is_empty());
        assert_eq!(
            hearing.presence(&region("far"), ms(4_500)),
            Presence::Silent
        );
        assert_eq!(hearing.tick(ms(4_550)).back, [region("far")]);
        assert_eq!(
            hearing.presence(&region("far"), ms(4_550)),
            Presence::Reachable
        );
    }

    #[test]
    fn a_restarted_region_never_counts_as_serving_unseen() {
        let mut hearing = hearing();
        hearing.set_announced(announced(&["far"]), START);
        hearing.tick(ms(2_000));
        hearing.set_announced(announced(&[]), ms(2_000));
        // It is announced again just before its first words arrive, or just after.
        hearing.set_announced(announced(&["far"]), ms(9_000));
        hearing.tick(ms(9_050));
        assert_eq!(
            hearing.presence(&region("far"), ms(9_050)),
            Presence::Withdrawn
        );
        hearing.hear(&region("far"), ms(9_100));
        hearing.tick(ms(9_150));
        for later in [9_200, 10_400] {
            hearing.hear(&region("far"), ms(later));
            hearing.tick(ms(later));
            assert_eq!(
                hearing.presence(&region("far"), ms(later)),
                Presence::Withdrawn
            );
        }
    }

    #[test]
    fn one_word_and_then_silence_is_silence() {
        let mut hearing = hearing();
        hearing.tick(ms(2_000));
        hearing.hear(&region("far"), ms(2_000));
        hearing.tick(ms(2_050));
        hearing.tick(ms(2_750));
        assert!(hearing.tick(ms(9_000)).back.is_empty());
        assert_eq!(
            hearing.presence(&region("far"), ms(9_000)),
            Presence::Silent
        );
    }
}
