//! Where regions are, and how far from each other.

use std::time::Duration;

use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// A place on earth: `[latitude, longitude]` in degrees.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Location {
    latitude: f64,
    longitude: f64,
}

/// Cables are not straight, and routers take their time: measured round trips between cloud regions
/// are about this much longer than light in glass along the great circle.
const DETOUR: f64 = 1.4;
const EARTH_RADIUS_KM: f64 = 6_371.0;
/// Light in glass.
const KM_PER_MS: f64 = 200.0;

impl Location {
    /// A place; degrees outside the globe are cut to it.
    #[must_use]
    pub const fn new(latitude: f64, longitude: f64) -> Self {
        Self {
            latitude: latitude.clamp(-90.0, 90.0),
            longitude: longitude.clamp(-180.0, 180.0),
        }
    }

    /// Latitude and longitude in degrees.
    #[must_use]
    pub const fn degrees(self) -> (f64, f64) {
        (self.latitude, self.longitude)
    }

    /// Along the great circle.
    #[must_use]
    pub fn distance_km(self, other: Self) -> f64 {
        let (a, b) = (self.latitude.to_radians(), other.latitude.to_radians());
        let half = |d: f64| {
            let sine = libm::sin(d / 2.0);
            sine * sine
        };
        let east = (other.longitude - self.longitude).to_radians();
        let h = half(b - a) + libm::cos(a) * libm::cos(b) * half(east);
        2.0 * EARTH_RADIUS_KM * libm::asin(h.sqrt().min(1.0))
    }

    /// How long a packet takes there, at a guess.
    #[must_use]
    pub fn one_way(self, other: Self) -> Duration {
        Duration::from_secs_f64(self.distance_km(other) / KM_PER_MS * DETOUR / 1_000.0)
    }
}

impl<'de> Deserialize<'de> for Location {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let degrees = Vec::<f64>::deserialize(deserializer)?;
        match degrees[..] {
            [latitude, longitude] if latitude.abs() <= 90.0 && longitude.abs() <= 180.0 => {
                Ok(Self::new(latitude, longitude))
            }
            _ => Err(D::Error::custom(
                "a location is [latitude, longitude] in degrees, like [38.9, -77.4]",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_and_times_are_about_right() {
        let (virginia, dublin) = (Location::new(38.9, -77.4), Location::new(53.3, -6.3));
        let singapore = Location::new(1.3, 103.8);
        assert!((5_300.0..5_500.0).contains(&virginia.distance_km(dublin)));
        for (a, b, rtt_ms) in [
            (virginia, dublin, 70..85),
            (dublin, singapore, 145..170),
            (virginia, singapore, 205..235),
        ] {
            let rtt = 2 * a.one_way(b).as_millis();
            assert!(rtt_ms.contains(&rtt), "{rtt} ms");
        }
        assert_eq!(virginia.one_way(virginia), Duration::ZERO);
    }
}
