//! Windows as people count them: hours, days and months of a time zone.
//!
//! A day of a time zone with summer time has 23 to 25 hours, a month 28 to 31 days, so bounds have
//! to be looked up. The window that was looked up last is kept: almost every request falls into it.
//! The zone's rules are compiled into the program, so that all nodes agree on them.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};
use serde::{Deserialize, Deserializer};
use tidegate_model::Wall;

use crate::{Window, WindowIx};

const MICROS_PER_HOUR: i64 = 3_600_000_000;

/// How long a quota lasts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// From one full hour to the next.
    Hour,
    /// From midnight to midnight.
    Day,
    /// From the first of a month to the first of the next.
    Month,
}

impl Unit {
    /// The word for configuration and messages.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Month => "month",
        }
    }

    /// The longest that one can last.
    #[must_use]
    pub const fn longest(self) -> Duration {
        Duration::from_secs(match self {
            Self::Hour => 3_600,
            Self::Day => 25 * 3_600,
            Self::Month => 31 * 86_400 + 3_600,
        })
    }
}

/// A time zone of the IANA database, by name; UTC unless said otherwise.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Zone(TimeZone);

impl Default for Zone {
    fn default() -> Self {
        Self(TimeZone::UTC)
    }
}

/// There is no time zone of this name.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{0}` is no time zone: use a name of the IANA database, such as Europe/Berlin or UTC")]
pub struct UnknownZone(String);

impl FromStr for Zone {
    type Err = UnknownZone;

    fn from_str(name: &str) -> Result<Self, UnknownZone> {
        let zone = jiff::tz::TimeZoneDatabase::bundled().get(name);
        zone.map(Self).map_err(|_| UnknownZone(name.to_owned()))
    }
}

impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        name.parse().map_err(serde::de::Error::custom)
    }
}

/// Windows of a unit in a time zone. Clones share what was looked up.
#[derive(Clone)]
pub struct Calendar {
    unit: Unit,
    zone: Zone,
    latest: Arc<ArcSwap<Bounds>>,
}

/// One window, in microseconds since the Unix epoch.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Bounds {
    ix: u32,
    start: i64,
    end: i64,
}

impl fmt::Debug for Calendar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Calendar")
            .field("unit", &self.unit)
            .field("zone", &self.zone)
            .finish_non_exhaustive()
    }
}

impl PartialEq for Calendar {
    fn eq(&self, other: &Self) -> bool {
        self.unit == other.unit && self.zone == other.zone
    }
}

impl Eq for Calendar {}

impl Calendar {
    /// The windows of `unit` in `zone`.
    #[must_use]
    pub fn new(unit: Unit, zone: Zone) -> Self {
        Self {
            unit,
            zone,
            latest: Arc::default(),
        }
    }

    /// Which unit.
    #[must_use]
    pub const fn unit(&self) -> Unit {
        self.unit
    }

    /// The window that `wall` lies in.
    #[must_use]
    pub fn at(&self, wall: Wall) -> Window {
        let micros = i64::try_from(wall.unix_micros()).unwrap_or(i64::MAX);
        let latest = **self.latest.load();
        if (latest.start..latest.end).contains(&micros) {
            return latest.window(micros);
        }
        let bounds = self.bounds(micros);
        self.latest.store(Arc::new(bounds));
        bounds.window(micros)
    }

    fn bounds(&self, micros: i64) -> Bounds {
        // Years beyond 9999 are no calendar's business: such a clock is broken, and its windows are
        // hours.
        let by_hours = || hour_of(micros, 0);
        let Ok(at) = Timestamp::from_microsecond(micros) else {
            return by_hours();
        };
        let local = at.to_zoned(self.zone.0.clone());
        let found = match self.unit {
            // An hour that summer time repeats is two hours, and zones differ from UTC by quarters.
            Unit::Hour => Some(hour_of(micros, i64::from(local.offset().seconds()) % 3_600)),
            Unit::Day => {
                let date = local.date();
                self.between(days_since_epoch(date), date, date.tomorrow().ok())
            }
            Unit::Month => {
                let first = local.date().first_of_month();
                let month = i64::from(first.year()) * 12 + i64::from(first.month()) - 1;
                self.between(month, first, first.checked_add(1.month()).ok())
            }
        };
        found.unwrap_or_else(by_hours)
    }

    fn between(&self, ix: i64, first: Date, next: Option<Date>) -> Option<Bounds> {
        let starts = |date: Date| {
            let zoned = date.to_zoned(self.zone.0.clone()).ok()?;
            Some(micros_of(&zoned))
        };
        Some(Bounds {
            ix: u32::try_from(ix).ok()?,
            start: starts(first)?,
            end: starts(next?)?,
        })
    }
}

impl Bounds {
    fn window(self, micros: i64) -> Window {
        let since =
            |from: i64, to: i64| Duration::from_micros(u64::try_from(to - from).unwrap_or(0));
        Window {
            ix: WindowIx(self.ix),
            elapsed: since(self.start, micros),
            left: since(micros, self.end),
        }
    }
}

fn micros_of(zoned: &Zoned) -> i64 {
    zoned.timestamp().as_microsecond()
}

/// The hour of a clock that is `offset_s` seconds ahead of UTC.
fn hour_of(micros: i64, offset_s: i64) -> Bounds {
    let offset = offset_s * 1_000_000;
    let hour = (micros.saturating_add(offset)).div_euclid(MICROS_PER_HOUR);
    let start = hour * MICROS_PER_HOUR - offset;
    Bounds {
        ix: u32::try_from(hour).unwrap_or(u32::MAX),
        start,
        end: start.saturating_add(MICROS_PER_HOUR),
    }
}

fn days_since_epoch(date: Date) -> i64 {
    let midnight = date.to_zoned(TimeZone::UTC).map(|zoned| micros_of(&zoned));
    midnight.map_or(0, |micros| micros.div_euclid(24 * MICROS_PER_HOUR))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wall(text: &str) -> Wall {
        let at: Timestamp = text.parse().unwrap();
        Wall::from_unix_micros(at.as_microsecond() as u64)
    }

    fn hours(duration: Duration) -> f64 {
        duration.as_secs_f64() / 3_600.0
    }

    #[test]
    fn a_day_is_as_long_as_its_time_zone_says() {
        let berlin = Calendar::new(Unit::Day, "Europe/Berlin".parse().unwrap());
        for (why, at, elapsed, length) in [
            ("a common day", "2026-11-24T11:00:00Z", 12.0, 24.0),
            ("summer time begins", "2026-03-29T10:00:00Z", 11.0, 23.0),
            ("summer time ends", "2026-10-25T11:00:00Z", 13.0, 25.0),
        ] {
            let window = berlin.at(wall(at));
            assert_eq!(hours(window.elapsed), elapsed, "{why}");
            assert_eq!(hours(window.elapsed + window.left), length, "{why}");
        }
    }

    #[test]
    fn windows_follow_each_other_without_a_gap() {
        for (unit, zone) in [
            (Unit::Hour, "Asia/Kathmandu"),
            (Unit::Day, "America/New_York"),
            (Unit::Month, "Pacific/Auckland"),
        ] {
            let calendar = Calendar::new(unit, zone.parse().unwrap());
            let mut at = wall("2026-01-01T00:00:00Z");
            let mut last = calendar.at(at);
            for _ in 0..400 {
                at = at + last.left;
                let next = calendar.at(at);
                assert_eq!(next.ix, last.ix.next(), "{unit:?} {at:?}");
                assert_eq!(next.elapsed, Duration::ZERO, "{unit:?} {at:?}");
                last = next;
            }
        }
    }

    #[test]
    fn a_month_ends_at_local_midnight() {
        let month = Calendar::new(Unit::Month, "Asia/Tokyo".parse().unwrap());
        let before = month.at(wall("2026-11-30T14:59:59Z"));
        let after = month.at(wall("2026-11-30T15:00:00Z"));
        assert_eq!(before.left, Duration::from_secs(1));
        assert_eq!(
            (after.ix, after.elapsed),
            (before.ix.next(), Duration::ZERO)
        );
        assert!("Mars/Olympus".parse::<Zone>().is_err());
    }

    #[test]
    fn a_broken_clock_still_has_windows() {
        let month = Calendar::new(Unit::Month, Zone::default());
        for micros in [0, u64::MAX / 2, u64::MAX] {
            assert!(
                month.at(Wall::from_unix_micros(micros)).left <= Duration::from_secs(32 * 86_400)
            );
        }
    }
}
