//! When and where requests of a workload come.

use std::time::Duration;

use rand::RngExt;
use tidegate_model::{Mono, Rng, Seed};

use super::{NODES, REGIONS, moment};
use crate::world::Arrival;

/// Requests on one subject. Times are seconds since the first may come.
#[derive(Clone, Copy, Debug)]
pub(super) enum Traffic {
    /// At random moments.
    Random {
        /// Requests a second, by the time.
        rate: fn(f64) -> f64,
        /// The most that is.
        peak: f64,
        /// The node that one goes to.
        place: fn(f64, &mut Rng) -> usize,
    },
    /// Some at a time, evenly.
    Volley {
        /// How many times.
        times: u32,
        /// From the first to the last.
        within: Duration,
        /// The nodes that are asked each time.
        places: fn(&mut Rng) -> Vec<usize>,
    },
}

/// A volley begins so long after the first window does.
const VOLLEY: f64 = 0.3;

/// All requests, in order.
pub(super) fn arrivals(traffic: &Traffic, length: Duration, seed: Seed) -> Vec<Arrival> {
    let mut rng = seed.child("arrivals").rng();
    match *traffic {
        Traffic::Random { rate, peak, place } => {
            let mut arrivals = Vec::new();
            let mut secs = 0.0;
            loop {
                // Poisson, thinned: waiting times at the peak are exponential, and of what comes
                // then the rate's part is kept.
                secs -= libm::log(rng.random_range(f64::EPSILON..1.0)) / peak;
                if secs >= length.as_secs_f64() {
                    return arrivals;
                }
                if rng.random_range(0.0..peak) < rate(secs) {
                    let node = place(secs, &mut rng);
                    let at = moment(secs);
                    arrivals.push(Arrival::on_one_subject(at, node));
                }
            }
        }
        Traffic::Volley {
            times,
            within,
            places,
        } => {
            let at =
                |turn: u32| moment(VOLLEY) + within.mul_f64(f64::from(turn) / f64::from(times));
            let volley = |turn| {
                let at: Mono = at(turn);
                places(&mut rng)
                    .into_iter()
                    .map(move |node| Arrival::on_one_subject(at, node))
            };
            (0..times).flat_map(volley).collect()
        }
    }
}

/// Any node.
pub(super) fn anywhere(_: f64, rng: &mut Rng) -> usize {
    rng.random_range(0..REGIONS * NODES)
}

/// Any node of a region.
pub(super) fn in_region(region: usize, rng: &mut Rng) -> usize {
    region * NODES + rng.random_range(0..NODES)
}
