//! How close a limit that nobody asks anybody about comes to one that is asked about everything.
//!
//! Each [`Workload`] is traffic on one subject in a world of three regions of ten nodes, with the
//! distances of three continents. The same requests are played to several counters: Tidegate's own,
//! in the simulated world, and the textbook's (`naive`). Each is compared with one counter that
//! knows everything at once (`perfect`): what it admits is right, and whom it refuses is refused
//! rightly. `cargo xtask accuracy` prints the table.

mod arrivals;
mod naive;
mod perfect;
mod schedule;
mod score;
mod workloads;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use tidegate_config::Source;
use tidegate_limit::{Window, WindowIx};
use tidegate_model::{Mono, Seed, Wall};

use self::arrivals::arrivals;
use self::naive::naive;
use self::perfect::perfect;
pub use self::schedule::Schedule;
pub use self::score::{Error, Summary};
pub use self::workloads::{Bounds, Expected, Workload, workloads};
use crate::network::Ways;
use crate::plan::Plan;
use crate::tally::Demand;
pub use crate::tally::Waits;
use crate::world::{Arrival, EPOCH_DAYS, World};

/// From each region to the next, and from the first to the third, in milliseconds.
const WAYS_MS: [u64; 3] = [40, 75, 110];
pub(crate) const REGIONS: usize = 3;
/// Nodes of a region.
pub(crate) const NODES: usize = 10;
/// Before the first request nodes find each other and are announced.
const LEAD: Duration = Duration::from_secs(12);

/// Who counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Counter {
    /// Tidegate, in a mode: a name, and what a configuration adds to the limit to get it.
    Tidegate(&'static str, &'static str),
    /// A G-counter a window: a request is admitted if all that is known leaves room. It hears from
    /// others over the same network, after the same waiting.
    Naive,
}

/// The columns of the table.
pub const COUNTERS: &[Counter] = &[Counter::Tidegate("fast", ""), Counter::Naive];
/// Never one too many, at the price of waiting: a table of its own.
pub const STRICT: Counter = Counter::Tidegate("strict", ", mode: strict");

impl Counter {
    /// The word for the table's head.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tidegate(name, _) => name,
            Self::Naive => "naive",
        }
    }
}

/// Plays a workload to a counter, for so many judged windows. Returns the error of each of them,
/// and how long requests waited.
///
/// # Panics
/// If the counter's mode is none that a limit may have.
#[must_use]
pub fn measure(
    workload: &Workload,
    counter: Counter,
    windows: u32,
    seed: Seed,
) -> (Vec<Error>, Waits) {
    let mode = match counter {
        Counter::Tidegate(_, mode) => mode,
        Counter::Naive => "",
    };
    let plan = plan(workload, windows, mode);
    let arrivals = arrivals(&workload.traffic, workload.length(windows), seed);
    let rule = Rule::of(workload);
    let right = perfect(rule, &arrivals);
    let (counted, waits) = match counter {
        Counter::Tidegate(..) => World::new(&plan, seed)
            .with(ways(), LEAD, arrivals.iter().copied())
            .tally(),
        Counter::Naive => (naive(rule, &plan, &arrivals, seed), Waits::default()),
    };
    let first = WindowIx((EPOCH_DAYS * 86_400 / u64::from(workload.window_s)) as u32);
    let judged = right.iter().filter(|(window, _)| {
        let at = window.0 - first.0;
        at >= workload.warm_up && at < workload.warm_up + windows
    });
    let errors = judged.map(|(window, right)| {
        let counted = counted.get(window).copied().unwrap_or_default();
        // What waited may be admitted in the next window: there it is not one too many as long as
        // the limit is kept.
        let allowed = match counter {
            STRICT => right.admitted.max(u64::from(rule.amount)),
            _ => right.admitted,
        };
        Error::of(counted, *right, allowed, rule.amount)
    });
    (errors.collect(), waits)
}

/// By window, what came and what was admitted.
type Windows = BTreeMap<WindowIx, Demand>;

pub(crate) fn ways() -> Ways {
    Ways::triangle(WAYS_MS.map(Duration::from_millis))
}

/// The world that a workload is played in.
fn plan(workload: &Workload, windows: u32, mode: &str) -> Plan {
    let Workload {
        name,
        amount,
        window_s,
        algorithm,
        ..
    } = workload;
    let run_ms = (LEAD + workload.length(windows)).as_millis();
    let faults = workload.cut.as_ref().map_or_else(String::new, |cut| {
        let at = |secs: f64| (LEAD + Duration::from_secs_f64(secs)).as_millis();
        format!(
            "faults:\n  - {{ at: {}ms, what: {{ cut: c }} }}\n  - {{ at: {}ms, what: {{ heal: c }} }}\n",
            at(cut.start),
            at(cut.end)
        )
    });
    // Where regions are does not matter: distances are given.
    let text = format!(
        "about: \"{name}\"\n\
         regions: {{ a: [0, 0], b: [0, 1], c: [0, 2] }}\n\
         nodes: {NODES}\n\
         limit: {{ amount: {amount}, window: {window_s}s, algorithm: {algorithm}{mode} }}\n\
         run_for: {run_ms}ms\n\
         clients: []\n\
         {faults}expect: {{}}\n"
    );
    let source = Source::new(PathBuf::from(name), &text);
    Plan::read(&source).unwrap_or_else(|problems| panic!("{text}{problems:?}"))
}

/// The moment `secs` after the first request may come.
fn moment(secs: f64) -> Mono {
    Mono::ZERO + LEAD + Duration::from_secs_f64(secs)
}

/// What the counters beside Tidegate's must know of a limit.
#[derive(Clone, Copy, Debug)]
struct Rule {
    amount: u32,
    window: Duration,
    sliding: bool,
}

impl Rule {
    fn of(workload: &Workload) -> Self {
        Self {
            amount: workload.amount,
            window: Duration::from_secs(u64::from(workload.window_s)),
            sliding: workload.algorithm == "sliding",
        }
    }

    /// The window that a moment falls into, as Tidegate sees it.
    fn window_at(self, at: Mono) -> Window {
        let started = Wall::from_unix_secs(EPOCH_DAYS * 86_400 - LEAD.as_secs());
        Window::at(started + at.since(Mono::ZERO), self.window)
    }

    /// What the window before still weighs, if so many were admitted in it.
    fn carried(self, window: &Window, before: u32) -> u32 {
        if self.sliding {
            window.carried(before)
        } else {
            0
        }
    }
}
