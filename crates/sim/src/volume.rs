//! How many bytes limits cost between nodes: many requests on many subjects.
//!
//! Three regions of ten nodes, with the distances of three continents. Requests come at random
//! moments to random nodes; how many on which subject goes by Zipf's law, with exponent 1. All
//! messages are those of production, encoded; loss, if any, is between regions.

use std::path::PathBuf;
use std::time::Duration;

use rand::RngExt;
use tidegate_config::Source;
use tidegate_model::{Mono, Seed};

use crate::accuracy::{NODES, REGIONS, ways};
use crate::plan::Plan;
pub use crate::traffic::{KINDS, Sent, Traffic};
use crate::world::{Arrival, World};

/// Before the first request nodes find each other and are announced.
const LEAD: Duration = Duration::from_secs(12);

/// What to play.
#[derive(Clone, Debug)]
pub struct Volume {
    /// The limit, as a configuration writes it.
    pub limit: String,
    /// Requests a second in the whole world.
    pub rate: f64,
    /// Subjects.
    pub subjects: u32,
    /// How long requests come before bytes are counted.
    pub warm_up: Duration,
    /// How long bytes are counted.
    pub counted: Duration,
    /// Messages that get lost between regions, as a part of all.
    pub loss: f64,
}

/// Plays it. Returns what was sent while bytes were counted.
///
/// # Panics
/// If the limit is none.
#[must_use]
pub fn volume(volume: &Volume, seed: Seed) -> Traffic {
    let length = volume.warm_up + volume.counted;
    let text = format!(
        "about: \"volume\"\n\
         regions: {{ a: [0, 0], b: [0, 1], c: [0, 2] }}\n\
         nodes: {NODES}\n\
         limit: {{ {} }}\n\
         run_for: {}ms\n\
         loss: {}\n\
         clients: []\n\
         expect: {{}}\n",
        volume.limit,
        (LEAD + length).as_millis(),
        volume.loss
    );
    let source = Source::new(PathBuf::from("volume"), &text);
    let plan = Plan::read(&source).unwrap_or_else(|problems| panic!("{text}{problems:?}"));
    World::new(&plan, seed)
        .with(ways(), LEAD, arrivals(volume, seed))
        .with_room_for(volume.subjects as usize)
        .traffic(Mono::ZERO + LEAD + volume.warm_up)
}

/// All requests, in order.
fn arrivals(volume: &Volume, seed: Seed) -> impl Iterator<Item = Arrival> + use<> {
    let mut rng = seed.child("arrivals").rng();
    let (rate, subjects) = (volume.rate, f64::from(volume.subjects));
    let end = (volume.warm_up + volume.counted).as_secs_f64();
    let mut secs = 0.0;
    std::iter::from_fn(move || {
        secs -= libm::log(rng.random_range(f64::EPSILON..1.0)) / rate;
        // Zipf's law with exponent 1, as the continuous law that it comes close to: ranks are
        // evenly spread by their logarithm.
        let rank = libm::exp(rng.random_range(0.0..1.0) * libm::log(subjects + 1.0));
        let arrival = Arrival {
            at: Mono::ZERO + LEAD + Duration::from_secs_f64(secs),
            node: rng.random_range(0..REGIONS * NODES),
            subject: rank as u32,
        };
        (secs < end).then_some(arrival)
    })
}
