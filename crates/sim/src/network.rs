//! What is between nodes: time, loss and cuts.

use std::collections::BTreeSet;
use std::time::Duration;

use rand::RngExt;
use tidegate_config::Location;
use tidegate_model::{Rng, Seed};

/// Within a region.
const LOCAL: Duration = Duration::from_micros(300);
/// How much a packet may be late, as a part of its way, and at least so much.
const JITTER: f64 = 0.02;
const JITTER_MIN: Duration = Duration::from_micros(200);

pub(crate) struct Network {
    ways: Ways,
    loss: f64,
    cut: BTreeSet<usize>,
    rng: Rng,
}

/// How long a packet takes from each region to each, without being late.
#[derive(Clone, Debug)]
pub(crate) struct Ways(Vec<Vec<Duration>>);

impl Ways {
    /// By the distances between places.
    pub(crate) fn between(places: &[Location]) -> Self {
        let from = |a: &Location| places.iter().map(|b| a.one_way(*b)).collect();
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
}

impl Network {
    pub(crate) fn new(ways: Ways, loss: f64, seed: Seed) -> Self {
        Self {
            ways,
            loss,
            cut: BTreeSet::new(),
            rng: seed.child("network").rng(),
        }
    }

    pub(crate) fn cut(&mut self, region: usize) {
        self.cut.insert(region);
    }

    pub(crate) fn heal(&mut self, region: usize) {
        self.cut.remove(&region);
    }

    /// How long a packet takes from one region to another, without being late.
    pub(crate) fn one_way(&self, from: usize, to: usize) -> Duration {
        if from == to {
            LOCAL
        } else {
            self.ways.0[from][to]
        }
    }

    /// How long this packet takes; `None` if it never arrives. What is reliable is sent again until
    /// it does.
    pub(crate) fn carry(&mut self, from: usize, to: usize, reliable: bool) -> Option<Duration> {
        if from != to && (self.cut.contains(&from) || self.cut.contains(&to)) {
            return None;
        }
        let way = self.one_way(from, to);
        let late = way
            .mul_f64(JITTER)
            .max(JITTER_MIN)
            .mul_f64(self.rng.random_range(0.0..1.0));
        let mut time = way + late;
        while from != to && self.rng.random_range(0.0..1.0) < self.loss {
            if !reliable {
                return None;
            }
            time += way * 3;
        }
        Some(time)
    }
}
