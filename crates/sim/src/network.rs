//! What is between nodes: time, loss, repetition, lateness and cuts.

use std::time::Duration;

use rand::RngExt;
use tidegate_config::Location;
use tidegate_model::{Rng, Seed};

use crate::plan::Weather;

/// Within a region.
const LOCAL: Duration = Duration::from_micros(300);
/// How much a packet may be late, as a part of its way (one in so many), and at least so much.
const JITTER_ONE_IN: u64 = 50;
const JITTER_MIN_NS: u64 = 200_000;

pub(crate) struct Network {
    ways: Ways,
    weather: Weather,
    /// By region from and region to: what is cut whole, and what is cut one way, each counted.
    cut: Vec<Vec<u32>>,
    rng: Rng,
}

/// How long a packet takes from each region to each, without being late.
#[derive(Clone, Debug)]
pub(crate) struct Ways(Vec<Vec<Duration>>);

impl Ways {
    /// By the distances between places, in whole microseconds.
    pub(crate) fn between(places: &[Location]) -> Self {
        let way = |a: &Location, b: &Location| {
            let micros = u64::try_from(a.one_way(*b).as_micros()).unwrap_or(u64::MAX);
            Duration::from_micros(micros)
        };
        let from = |a: &Location| places.iter().map(|b| way(a, b)).collect();
        Self(places.iter().map(from).collect())
    }

    /// Three regions in a triangle: from the first to the second, from there to the third, and from
    /// the first to the third.
    pub(crate) fn triangle([ab, bc, ac]: [Duration; 3]) -> Self {
        let none = Duration::ZERO;
        Self(vec![
            vec![none, ab, ac],
            vec![ab, none, bc],
            vec![ac, bc, none],
        ])
    }

    /// The longest of all.
    pub(crate) fn longest(&self) -> Duration {
        self.0.iter().flatten().max().copied().unwrap_or_default()
    }
}

impl Network {
    pub(crate) fn new(ways: Ways, lost: f64, seed: Seed) -> Self {
        let regions = ways.0.len();
        Self {
            ways,
            weather: Weather {
                lost,
                ..Weather::default()
            },
            cut: vec![vec![0; regions]; regions],
            rng: seed.child("network").rng(),
        }
    }

    pub(crate) fn ways(&self) -> &Ways {
        &self.ways
    }

    pub(crate) fn set_weather(&mut self, weather: Weather) {
        self.weather = weather;
    }

    /// Cuts a region off, both ways, or mends that.
    pub(crate) fn cut(&mut self, region: usize, cut: bool) {
        for other in 0..self.cut.len() {
            if other != region {
                self.cut_way(region, other, cut);
                self.cut_way(other, region, cut);
            }
        }
    }

    /// Cuts one way, or takes one cut of it back.
    pub(crate) fn cut_way(&mut self, from: usize, to: usize, cut: bool) {
        let cuts = &mut self.cut[from][to];
        *cuts = match cut {
            true => *cuts + 1,
            false => cuts.saturating_sub(1),
        };
    }

    /// How long a packet takes from one region to another, without being late.
    pub(crate) fn one_way(&self, from: usize, to: usize) -> Duration {
        if from == to {
            LOCAL
        } else {
            self.ways.0[from][to]
        }
    }

    /// How long this packet takes, and its second copy should it come twice; `None` if it never
    /// arrives. What is reliable is sent again until it does.
    pub(crate) fn carry(
        &mut self,
        from: usize,
        to: usize,
        reliable: bool,
    ) -> Option<(Duration, Option<Duration>)> {
        let way = self.one_way(from, to);
        if from == to {
            return Some((way + self.late(way), None));
        }
        if self.cut[from][to] > 0 || (reliable && self.cut[to][from] > 0) {
            return None;
        }
        let mut time = way + self.late(way);
        let Weather { lost, twice, late } = self.weather;
        while lost > 0.0 && self.rng.random_range(0.0..1.0) < lost {
            if !reliable {
                return None;
            }
            time += way * 3;
        }
        if let Some(late) = late
            && !reliable
            && self.rng.random_range(0..3) == 0
        {
            let ns = u64::try_from(late.get().as_nanos())
                .unwrap_or(u64::MAX)
                .max(1);
            time += Duration::from_nanos(self.rng.random_range(0..ns));
        }
        let again = twice > 0.0 && !reliable && self.rng.random_range(0.0..1.0) < twice;
        let again = again.then(|| time + self.late(way));
        Some((time, again))
    }

    fn late(&mut self, way: Duration) -> Duration {
        let most = (way.as_nanos() as u64 / JITTER_ONE_IN).max(JITTER_MIN_NS);
        Duration::from_nanos(self.rng.random_range(0..most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network() -> Network {
        let ways = [40, 75, 110].map(Duration::from_millis);
        Network::new(Ways::triangle(ways), 0.0, Seed::new(1))
    }

    #[test]
    fn one_way_is_cut_and_the_other_works() {
        let mut network = network();
        network.cut_way(0, 1, true);
        assert!(network.carry(0, 1, false).is_none());
        assert!(network.carry(1, 0, false).is_some());
        // A stream needs acknowledgements.
        assert!(network.carry(1, 0, true).is_none());
        network.cut(1, true);
        network.cut(1, false);
        assert!(network.carry(0, 1, false).is_none());
        network.cut_way(0, 1, false);
        assert!(network.carry(0, 1, true).is_some());
    }

    #[test]
    fn weather_repeats_and_delays() {
        let mut network = network();
        network.set_weather(Weather {
            lost: 0.0,
            twice: 0.5,
            late: Some(tidegate_model::Period::from_secs(1)),
        });
        let carried: Vec<_> = (0..1_000)
            .filter_map(|_| network.carry(0, 1, false))
            .collect();
        assert_eq!(carried.len(), 1_000);
        let twice = carried.iter().filter(|(_, again)| again.is_some()).count();
        let late = carried
            .iter()
            .filter(|(time, _)| time.as_millis() > 50)
            .count();
        assert!((400..600).contains(&twice), "{twice}");
        assert!((250..400).contains(&late), "{late}");
    }
}
