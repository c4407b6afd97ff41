//! What the operator wrote about limits.

mod choice;
mod cost;
mod store;

use std::num::NonZeroU32;
use std::time::Duration;

use serde::{Deserialize, Deserializer};
use tidegate_model::Period;

pub use self::choice::{
    Algorithm, BurstShare, DelaySpec, Enforce, Mode, OnPartition, Scope, WindowSpec,
};
pub use self::cost::Cost;
pub use self::store::{OnStoreDown, RedisSpec, StoreKind};
use crate::{Calendar, Per, Windows, Zone};

/// The largest amount a limit may have: counts of several regions still fit 32 bits with room to
/// spare.
pub(crate) const AMOUNT_MAX: u32 = 500_000_000;

/// So many requests a window, per subject.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitSpec {
    /// Requests a window; at a time, for `concurrency`. More precisely their costs.
    #[serde(deserialize_with = "amount")]
    pub amount: NonZeroU32,
    /// The window's length: `1s` to `1d`, everywhere the same; `hour`, `day` or `month` for
    /// `quota`; none for `concurrency`.
    #[serde(default)]
    pub window: Option<WindowSpec>,
    /// How windows follow each other.
    #[serde(default)]
    pub algorithm: Algorithm,
    /// `bucket`: what may come at once after a pause; the amount if left out.
    #[serde(default)]
    pub burst: Option<NonZeroU32>,
    /// `quota`: where midnight is.
    #[serde(default)]
    pub time_zone: Option<Zone>,
    /// `concurrency`: a node that is not heard of for so long no longer counts as holding any.
    #[serde(default)]
    pub lease: Option<Period>,
    /// Whether the amount may be exceeded by what is under way between nodes, or never.
    #[serde(default)]
    pub mode: Mode,
    /// `fast`: the part of what is left that a node may take before others can have heard of it.
    #[serde(default)]
    pub burst_share: BurstShare,
    /// `strict`: a request waits so long for rights of another node; 250ms if left out.
    #[serde(default)]
    pub rights_wait: Option<Period>,
    /// What a request counts for.
    #[serde(default)]
    pub cost: Cost,
    /// What is done with a request that finds no room.
    #[serde(default)]
    pub enforce: Enforce,
    /// Whose requests are counted together.
    #[serde(default)]
    pub per: Per,
    /// Who counts together.
    #[serde(default)]
    pub scope: Scope,
    /// What may be spent while another region cannot be heard that may be serving.
    #[serde(default)]
    pub on_partition: OnPartition,
    /// Counts and reports, but refuses nothing: to see what a limit would do.
    #[serde(default)]
    pub shadow: bool,
    /// Where it is counted.
    #[serde(default)]
    pub store: StoreKind,
    /// `store: redis`: what holds while Redis does not answer.
    #[serde(default)]
    pub on_store_down: OnStoreDown,
}

impl LimitSpec {
    /// A limit with defaults for all but the amount and the window.
    #[must_use]
    pub fn new(amount: NonZeroU32, window: Period) -> Self {
        Self {
            amount,
            window: Some(WindowSpec::Length(window)),
            algorithm: Algorithm::default(),
            burst: None,
            time_zone: None,
            lease: None,
            mode: Mode::default(),
            burst_share: BurstShare::default(),
            rights_wait: None,
            cost: Cost::default(),
            enforce: Enforce::default(),
            per: Per::default(),
            scope: Scope::default(),
            on_partition: OnPartition::default(),
            shadow: false,
            store: StoreKind::default(),
            on_store_down: OnStoreDown::default(),
        }
    }

    /// How its windows lie in time.
    #[must_use]
    pub fn windows(&self) -> Windows {
        match self.window {
            Some(WindowSpec::Calendar(unit)) => {
                let zone = self.time_zone.clone().unwrap_or_default();
                Windows::Calendar(Calendar::new(unit, zone))
            }
            Some(WindowSpec::Length(length)) => Windows::Even(length.get()),
            // Leases have no windows; those of a second serve to tell rates.
            None => Windows::Even(Duration::from_secs(1)),
        }
    }

    /// What is wrong between its keys, each with a way out. The configuration's check reports them;
    /// a limit that has any must not run.
    #[must_use]
    pub fn contradictions(&self) -> Vec<(String, &'static str)> {
        use Algorithm::{Bucket, Concurrency, Quota};
        let mut found = Vec::new();
        let mut say = |wrong: bool, what: String, hint| {
            if wrong {
                found.push((what, hint));
            }
        };
        let algorithm = self.algorithm;
        let only = |key: &str, owner: Algorithm| {
            format!(
                "`{key}` belongs to `{}`, not to `{}`",
                owner.label(),
                algorithm.label()
            )
        };
        let calendar = matches!(self.window, Some(WindowSpec::Calendar(_)));
        say(
            algorithm == Concurrency && self.window.is_some(),
            "`concurrency` has no window".to_owned(),
            "leave `window` out: the amount is what may be under way at a time",
        );
        say(
            algorithm != Concurrency && self.window.is_none(),
            "the window is missing".to_owned(),
            "add `window: 1m`, or `window: day` for a quota",
        );
        say(
            algorithm == Quota && !calendar && self.window.is_some(),
            "a quota lasts an hour, a day or a month".to_owned(),
            "write `window: hour`, `day` or `month`; for other lengths use `algorithm: fixed`",
        );
        say(
            algorithm != Quota && calendar,
            format!(
                "windows of a calendar belong to `quota`, not to `{}`",
                algorithm.label()
            ),
            "add `algorithm: quota`, or write the window as a length: 1h, 1d",
        );
        say(
            algorithm != Bucket && self.burst.is_some(),
            only("burst", Bucket),
            "leave `burst` out, or add `algorithm: bucket`",
        );
        say(
            algorithm != Quota && self.time_zone.is_some(),
            only("time_zone", Quota),
            "leave `time_zone` out, or add `algorithm: quota`",
        );
        say(
            algorithm != Concurrency && self.lease.is_some(),
            only("lease", Concurrency),
            "leave `lease` out, or add `algorithm: concurrency`",
        );
        say(
            algorithm == Concurrency && matches!(self.cost, Cost::Response { .. }),
            "what a request under way costs cannot be told afterwards".to_owned(),
            "use a constant cost or a request header with `concurrency`",
        );
        self.contradictions_of_mode(&mut say);
        self.contradictions_of_store(&mut say);
        found
    }

    fn contradictions_of_store(&self, say: &mut impl FnMut(bool, String, &'static str)) {
        let redis = self.store == StoreKind::Redis;
        say(
            redis && self.algorithm == Algorithm::Concurrency,
            "`store: redis` is not offered for `concurrency`".to_owned(),
            "leave `store` out: nodes renew leases among themselves",
        );
        say(
            redis && self.mode == Mode::Strict,
            "`mode: strict` holds whatever happens, and Redis may fail or forget".to_owned(),
            "leave `mode` out: Redis counts exactly while it answers; or leave `store` out",
        );
        say(
            redis && self.scope == Scope::Node,
            "a node needs no Redis to count for itself".to_owned(),
            "leave `store` out, or use scope: global or region",
        );
        say(
            !redis && self.on_store_down != OnStoreDown::default(),
            "`on_store_down` belongs to `store: redis`".to_owned(),
            "leave `on_store_down` out, or add `store: redis`",
        );
    }

    fn contradictions_of_mode(&self, say: &mut impl FnMut(bool, String, &'static str)) {
        let strict = self.mode == Mode::Strict;
        say(
            strict && !matches!(self.algorithm, Algorithm::Sliding | Algorithm::Fixed),
            format!(
                "`mode: strict` is not offered for `{}`",
                self.algorithm.label()
            ),
            "use it with sliding or fixed",
        );
        say(
            strict && self.scope != Scope::Global,
            format!(
                "`mode: strict` is for limits of the whole world, not of a {}",
                self.scope.label()
            ),
            "leave `mode` or `scope` out",
        );
        say(
            strict && matches!(self.cost, Cost::Response { .. }),
            "a strict limit must know what a request costs before it lets it through".to_owned(),
            "use a constant cost or a request header, or `mode: fast`",
        );
        say(
            strict && self.burst_share != BurstShare::default(),
            "`burst_share` belongs to `mode: fast`: strict nodes hold rights".to_owned(),
            "leave `burst_share` out",
        );
        say(
            !strict && self.rights_wait.is_some(),
            "`rights_wait` belongs to `mode: strict`".to_owned(),
            "leave `rights_wait` out, or add `mode: strict`",
        );
    }
}

/// Bounds of a node's counters.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TableSpec {
    /// Subjects counted one by one. Beyond it, further subjects are counted in a sketch and may be
    /// refused early; 72 bytes each, taken at start.
    #[serde(deserialize_with = "subjects")]
    pub subjects_max: usize,
}

impl Default for TableSpec {
    fn default() -> Self {
        Self {
            subjects_max: 262_144,
        }
    }
}

fn amount<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NonZeroU32, D::Error> {
    let amount = NonZeroU32::deserialize(deserializer)?;
    if amount.get() > AMOUNT_MAX {
        return Err(serde::de::Error::custom(format!(
            "{amount} is too large: at most {AMOUNT_MAX} a window"
        )));
    }
    Ok(amount)
}

fn subjects<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    let subjects = usize::deserialize(deserializer)?;
    if !(1_024..=64 << 20).contains(&subjects) {
        return Err(serde::de::Error::custom(
            "subjects_max lies between 1024 and 67108864",
        ));
    }
    Ok(subjects)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_contradicts_itself_is_told_with_a_way_out() {
        let good = LimitSpec::new(NonZeroU32::MIN, Period::from_secs(60));
        assert_eq!(good.contradictions(), []);
        let burst = Some(NonZeroU32::MIN);
        let month = Some(WindowSpec::Calendar(crate::Unit::Month));
        let header = Cost::Response {
            name: "x".to_owned(),
            max: 5,
        };
        let with = |change: fn(&mut LimitSpec)| {
            let mut spec = good.clone();
            change(&mut spec);
            spec
        };
        let strict = with(|spec| spec.mode = Mode::Strict);
        let bucket = with(|spec| spec.algorithm = Algorithm::Bucket);
        let leases = with(|spec| {
            spec.algorithm = Algorithm::Concurrency;
            spec.window = None;
        });
        assert_eq!(leases.contradictions(), []);
        assert_eq!(strict.contradictions(), []);
        for (spec, what) in [
            (
                LimitSpec {
                    burst,
                    ..good.clone()
                },
                "`burst` belongs to `bucket`, not to `sliding`",
            ),
            (
                LimitSpec {
                    window: None,
                    ..good.clone()
                },
                "the window is missing",
            ),
            (
                LimitSpec {
                    window: month,
                    ..good.clone()
                },
                "windows of a calendar belong to `quota`, not to `sliding`",
            ),
            (
                with(|spec| spec.algorithm = Algorithm::Quota),
                "a quota lasts an hour, a day or a month",
            ),
            (
                with(|spec| spec.algorithm = Algorithm::Concurrency),
                "`concurrency` has no window",
            ),
            (
                LimitSpec {
                    cost: header.clone(),
                    ..leases.clone()
                },
                "what a request under way costs cannot be told afterwards",
            ),
            (
                LimitSpec {
                    mode: Mode::Strict,
                    ..bucket.clone()
                },
                "`mode: strict` is not offered for `bucket`",
            ),
            (
                LimitSpec {
                    scope: Scope::Region,
                    ..strict.clone()
                },
                "`mode: strict` is for limits of the whole world, not of a region",
            ),
            (
                LimitSpec {
                    cost: header.clone(),
                    ..strict.clone()
                },
                "a strict limit must know what a request costs before it lets it through",
            ),
            (
                LimitSpec {
                    rights_wait: Some(Period::from_secs(1)),
                    ..good.clone()
                },
                "`rights_wait` belongs to `mode: strict`",
            ),
        ] {
            let found: Vec<String> = spec
                .contradictions()
                .into_iter()
                .map(|(what, _)| what)
                .collect();
            assert_eq!(found, [what]);
        }
    }
}
