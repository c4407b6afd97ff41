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
    places: Vec<Location>,
    loss: f64,
    cut: BTreeSet<usize>,
    rng: Rng,
}

impl Network {
    pub(crate) fn new(places: Vec<Location>, loss: f64, seed: Seed) -> Self {
        Self {
            places,
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
            self.places[from].one_way(self.places[to])
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
