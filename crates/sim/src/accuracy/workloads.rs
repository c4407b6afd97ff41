//! The rows of the table, and how far off each may be.

use std::f64::consts::TAU;
use std::ops::Range;
use std::time::Duration;

use rand::RngExt;

use super::arrivals::{Traffic, anywhere, in_region};
use super::{NODES, REGIONS};

/// Traffic on one subject of one limit, and what is expected.
#[derive(Clone, Debug)]
pub struct Workload {
    /// What it is.
    pub name: &'static str,
    /// What is asked for, in words.
    pub demand: &'static str,
    /// The limit's amount.
    pub amount: u32,
    /// The limit's window, in seconds.
    pub window_s: u32,
    /// The limit's algorithm, as the configuration says it.
    pub algorithm: &'static str,
    /// How far off Tidegate may be.
    pub expected: Expected,
    /// Whether it is known to refuse some wrongly here at times. Nowhere else may it.
    pub refuses_wrongly: bool,
    pub(super) traffic: Traffic,
    /// Windows that are not judged, at the beginning.
    pub(super) warm_up: u32,
    /// Windows that are judged, in the short form and in the long one.
    pub judged: [u32; 2],
    /// When the third region is cut off and back, in seconds.
    pub(super) cut: Option<Range<f64>>,
}

/// How far off Tidegate may be on a workload.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Expected {
    /// Not further than this.
    Bounds(Bounds),
    /// It is only compared: with what the design's sketch of this rule admitted beyond the limit on
    /// average, as a part of it.
    Sketch(f64),
}

/// How far off a counter may be. Parts of the limit; what is `None` is not checked.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Bounds {
    /// Admitted beyond it, on average over windows.
    pub over_mean: Option<f64>,
    /// Admitted beyond it in the worst window.
    pub over_max: Option<f64>,
    /// Admitted short of it, on average over windows.
    pub under_mean: Option<f64>,
}

/// What most rows differ from in a word or two.
const STEADY: Workload = Workload {
    name: "steady",
    demand: "3x",
    amount: 1_000,
    window_s: 1,
    algorithm: "fixed",
    expected: Expected::Bounds(Bounds {
        over_mean: None,
        over_max: None,
        under_mean: None,
    }),
    refuses_wrongly: false,
    traffic: Traffic::Random {
        rate: |_| 3_000.0,
        peak: 3_000.0,
        place: anywhere,
    },
    warm_up: 2,
    judged: [6, 12],
    cut: None,
};

const fn over(mean: f64) -> Expected {
    Expected::Bounds(Bounds {
        over_mean: Some(mean),
        over_max: None,
        under_mean: None,
    })
}

const fn both(over: f64, under: f64) -> Expected {
    Expected::Bounds(Bounds {
        over_mean: Some(over),
        over_max: None,
        under_mean: Some(under),
    })
}

impl Workload {
    /// How long it takes to judge so many windows.
    pub(super) fn length(&self, windows: u32) -> Duration {
        let windows = Duration::from_secs(u64::from(self.window_s)) * (self.warm_up + windows);
        match self.traffic {
            Traffic::Random { .. } => windows,
            // The rest of a window in which nothing comes need not be played.
            Traffic::Volley { within, .. } => windows.min(within + Duration::from_secs(2)),
        }
    }

    /// The most that is asked for, requests a second.
    #[must_use]
    pub fn peak(&self) -> f64 {
        match self.traffic {
            Traffic::Random { peak, .. } => peak,
            Traffic::Volley { times, within, .. } => {
                f64::from(times) / within.as_secs_f64().max(1.0)
            }
        }
    }

    /// Whether the world is whole all the time.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.cut.is_none()
    }
}

/// All rows.
#[must_use]
pub fn workloads() -> Vec<Workload> {
    let mut rows = constant();
    rows.extend(changing());
    rows.extend(small());
    rows.extend(fresh());
    rows.extend(within());
    rows.push(cut_off());
    rows
}

fn constant() -> Vec<Workload> {
    let random = |rate: fn(f64) -> f64, peak| Traffic::Random {
        rate,
        peak,
        place: anywhere,
    };
    let tight = Expected::Bounds(Bounds {
        over_mean: Some(0.01),
        over_max: Some(0.02),
        under_mean: Some(0.01),
    });
    vec![
        Workload {
            expected: tight,
            ..STEADY
        },
        Workload {
            algorithm: "sliding",
            ..STEADY
        },
        Workload {
            demand: "20x",
            traffic: random(|_| 20_000.0, 20_000.0),
            expected: over(0.04),
            judged: [3, 4],
            ..STEADY
        },
        Workload {
            demand: "20x",
            algorithm: "sliding",
            traffic: random(|_| 20_000.0, 20_000.0),
            judged: [3, 4],
            ..STEADY
        },
        Workload {
            demand: "1.05x",
            traffic: random(|_| 1_050.0, 1_050.0),
            ..STEADY
        },
        Workload {
            demand: "10x",
            window_s: 60,
            traffic: random(|_| 1_000.0 / 6.0, 1_000.0 / 6.0),
            expected: over(0.002),
            warm_up: 1,
            judged: [4, 6],
            ..STEADY
        },
        Workload {
            name: "90 % on one node",
            traffic: Traffic::Random {
                rate: |_| 3_000.0,
                peak: 3_000.0,
                place: |_, rng| match rng.random_range(0..10) {
                    0 => rng.random_range(NODES..REGIONS * NODES),
                    _ => 0,
                },
            },
            ..STEADY
        },
    ]
}

fn changing() -> Vec<Workload> {
    let moving = Traffic::Random {
        rate: |_| 3_000.0,
        peak: 3_000.0,
        place: |secs, rng| in_region(secs as usize % REGIONS, rng),
    };
    vec![
        Workload {
            name: "hot region moves each window",
            traffic: moving,
            expected: both(0.01, 0.01),
            ..STEADY
        },
        Workload {
            name: "hot region moves each second",
            algorithm: "sliding",
            traffic: moving,
            ..STEADY
        },
        Workload {
            name: "ramp",
            demand: "0.5x to 6x",
            traffic: Traffic::Random {
                rate: |secs| 500.0 + secs / 10.0 * 5_500.0,
                peak: 6_000.0,
                place: anywhere,
            },
            expected: over(0.01),
            judged: [8, 8],
            ..STEADY
        },
        Workload {
            name: "on 100 ms, off 300 ms",
            demand: "1.6x",
            traffic: Traffic::Random {
                rate: |secs| if secs % 0.4 < 0.1 { 6_000.0 } else { 100.0 },
                peak: 6_000.0,
                place: anywhere,
            },
            expected: Expected::Sketch(0.23),
            judged: [6, 20],
            ..STEADY
        },
    ]
}

fn small() -> Vec<Workload> {
    let random = |rate: fn(f64) -> f64, peak| Traffic::Random {
        rate,
        peak,
        place: anywhere,
    };
    vec![
        Workload {
            amount: 100,
            traffic: random(|_| 300.0, 300.0),
            expected: Expected::Sketch(0.015),
            judged: [10, 40],
            ..STEADY
        },
        Workload {
            amount: 20,
            traffic: random(|_| 60.0, 60.0),
            expected: Expected::Sketch(0.15),
            judged: [10, 40],
            ..STEADY
        },
        Workload {
            amount: 5,
            demand: "5x",
            traffic: random(|_| 25.0, 25.0),
            expected: Expected::Sketch(0.15),
            judged: [10, 40],
            ..STEADY
        },
    ]
}

fn fresh() -> Vec<Workload> {
    const FRESH: Workload = Workload {
        amount: 100,
        window_s: 60,
        warm_up: 0,
        judged: [1, 1],
        ..STEADY
    };
    vec![
        Workload {
            name: "fresh: 60 at once on one node",
            demand: "0.6x",
            traffic: Traffic::Volley {
                times: 60,
                within: Duration::from_millis(2),
                places: |_| vec![7],
            },
            ..FRESH
        },
        Workload {
            name: "fresh: 90 over 5 s in one region",
            demand: "0.9x",
            traffic: Traffic::Volley {
                times: 90,
                within: Duration::from_secs(5),
                places: |rng| vec![in_region(0, rng)],
            },
            ..FRESH
        },
        Workload {
            name: "adversary: 200 in 100 ms a region",
            demand: "6x",
            traffic: Traffic::Volley {
                times: 200,
                within: Duration::from_millis(100),
                places: |rng| (0..REGIONS).map(|region| in_region(region, rng)).collect(),
            },
            expected: Expected::Sketch(2.62),
            ..FRESH
        },
    ]
}

/// Demand that stays within the limit in most windows: nobody is to be refused in those.
fn within() -> Vec<Workload> {
    // From 0.78 to 0.98 times the limit, never the same.
    let jitter = |secs: f64| 880.0 + 100.0 * (secs * 1.7 * TAU).sin() * (secs * 7.3 * TAU).cos();
    let jittering = Workload {
        name: "within the limit, jittering",
        demand: "0.88x",
        traffic: Traffic::Random {
            rate: jitter,
            peak: 980.0,
            place: anywhere,
        },
        ..STEADY
    };
    let bursts = Workload {
        name: "bursts within the limit",
        demand: "0.85x",
        // That a burst has ended is not known at once elsewhere, and what follows is taken for more
        // of it.
        refuses_wrongly: true,
        traffic: Traffic::Random {
            rate: |secs| if secs % 0.4 < 0.1 { 3_100.0 } else { 100.0 },
            peak: 3_100.0,
            place: anywhere,
        },
        ..STEADY
    };
    // A sliding limit is near all the time, so prediction's usual error shows.
    let sliding = |row: &Workload| Workload {
        algorithm: "sliding",
        refuses_wrongly: true,
        ..row.clone()
    };
    vec![sliding(&jittering), jittering, sliding(&bursts), bursts]
}

fn cut_off() -> Workload {
    Workload {
        name: "one region cut off, 6 s",
        expected: over(0.01),
        // From the window in which it is cut off until all counts are compared again.
        warm_up: 2,
        judged: [12, 12],
        cut: Some(2.4..8.4),
        ..STEADY
    }
}
