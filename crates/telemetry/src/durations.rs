//! How often durations fell into ranges: into a few fixed ones, and into the fine exponential ones
//! of Prometheus's native histograms.
//!
//! The fine ones are made when the first value comes: a route that nobody asks costs little. Of
//! requests that were traced, the last of each range is kept as an exemplar.

use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tidegate_model::Wall;

use crate::cells::{Cell, PerCore};

/// Upper bounds of the fixed ranges, in microseconds: from what a gateway alone takes to what
/// nobody waits for.
pub(crate) const BOUNDS_US: [u64; 14] = [
    250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    5_000_000, 30_000_000,
];
/// Fixed ranges, with the one that has no upper bound.
pub(crate) const RANGES: usize = BOUNDS_US.len() + 1;

/// Fine ranges for each doubling, as a power of two: four, so a value is known to a tenth.
pub(crate) const SCHEMA: i32 = 2;
/// Up to here values are nothing, in seconds: 2^-15, about 31 us.
pub(crate) const ZERO_SECONDS: f64 = 1.0 / 32_768.0;
/// The first fine range ends above [`ZERO_SECONDS`].
pub(crate) const FINE_FIRST: i32 = -15 * (1 << SCHEMA) + 1;
/// From 2^-15 s to 2^12 s, more than an hour. Longer values are counted in the last.
const FINE: usize = 27 * (1 << SCHEMA);

/// How often durations fell into ranges, of one core.
#[derive(Debug, Default)]
pub struct Durations {
    ranges: [Cell; RANGES],
    sum_us: Cell,
    fine: OnceLock<Box<Fine>>,
    exemplars: OnceLock<Box<Mutex<Exemplars>>>,
}

#[derive(Debug)]
struct Fine {
    zero: Cell,
    ranges: [Cell; FINE],
}

type Exemplars = [Option<Exemplar>; RANGES];

/// A request that stands for a range.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Exemplar {
    /// Its trace.
    pub trace: u128,
    /// How long it took.
    pub took: Duration,
    /// When.
    pub at: Wall,
}

impl Default for Fine {
    fn default() -> Self {
        Self {
            zero: Cell::default(),
            ranges: std::array::from_fn(|_| Cell::default()),
        }
    }
}

impl Durations {
    /// Counts a duration.
    pub fn record(&self, took: Duration) {
        let us = micros(took);
        self.ranges[range_of(us)].add(1);
        self.sum_us.add(us);
        let fine = self.fine.get_or_init(Box::default);
        match fine_of(us) {
            Some(at) => fine.ranges[at].add(1),
            None => fine.zero.add(1),
        }
    }

    /// Keeps a request that was traced, after it was counted.
    pub fn exemplify(&self, exemplar: Exemplar) {
        let kept = self.exemplars.get_or_init(Box::default);
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept[range_of(micros(exemplar.took))] = Some(exemplar);
    }
}

/// What was counted on all cores.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct DurationSums {
    pub(crate) ranges: [u64; RANGES],
    pub(crate) sum_us: u64,
    pub(crate) zero: u64,
    /// Fine ranges that are not empty, by their number.
    pub(crate) fine: Vec<(i32, u64)>,
    pub(crate) exemplars: Vec<(usize, Exemplar)>,
}

impl DurationSums {
    /// Adds up what `of` finds on each core; the fine ranges only if they are `wanted`.
    pub(crate) fn of<T>(cores: &PerCore<T>, wanted: Wanted, of: impl Fn(&T) -> &Durations) -> Self {
        let mut sums = Self::default();
        for durations in cores.all().map(of) {
            sums.add(durations, wanted);
        }
        sums
    }

    /// What one set of counters says.
    pub(crate) fn of_one(durations: &Durations, wanted: Wanted) -> Self {
        let mut sums = Self::default();
        sums.add(durations, wanted);
        sums
    }

    fn add(&mut self, durations: &Durations, wanted: Wanted) {
        for (sum, cell) in self.ranges.iter_mut().zip(&durations.ranges) {
            *sum += cell.get();
        }
        self.sum_us += durations.sum_us.get();
        if let (true, Some(fine)) = (wanted.fine, durations.fine.get()) {
            self.zero += fine.zero.get();
            self.add_fine(&fine.ranges);
        }
        if let (true, Some(exemplars)) = (wanted.exemplars, durations.exemplars.get()) {
            let kept = exemplars.lock().unwrap_or_else(PoisonError::into_inner);
            for (range, exemplar) in kept.iter().enumerate() {
                if let Some(exemplar) = exemplar {
                    self.keep(range, *exemplar);
                }
            }
        }
    }

    fn add_fine(&mut self, ranges: &[Cell; FINE]) {
        for (at, cell) in ranges.iter().enumerate() {
            let (number, count) = (FINE_FIRST + at as i32, cell.get());
            if count == 0 {
                continue;
            }
            match self.fine.binary_search_by_key(&number, |(known, _)| *known) {
                Ok(known) => self.fine[known].1 += count,
                Err(place) => self.fine.insert(place, (number, count)),
            }
        }
    }

    fn keep(&mut self, range: usize, exemplar: Exemplar) {
        match self.exemplars.iter_mut().find(|(known, _)| *known == range) {
            Some((_, known)) if known.at >= exemplar.at => {}
            Some((_, known)) => *known = exemplar,
            None => self.exemplars.push((range, exemplar)),
        }
    }

    #[cfg(test)]
    fn count(&self) -> u64 {
        self.ranges.iter().sum()
    }

    pub(crate) fn exemplar(&self, range: usize) -> Option<&Exemplar> {
        let found = self.exemplars.iter().find(|(known, _)| *known == range);
        found.map(|(_, exemplar)| exemplar)
    }
}

/// What of histograms a format can say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Wanted {
    pub(crate) fine: bool,
    pub(crate) exemplars: bool,
}

fn micros(took: Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
}

fn range_of(us: u64) -> usize {
    BOUNDS_US.partition_point(|bound| *bound < us)
}

/// The place of the fine range that `us` falls into; `None` if it is as good as nothing. A range
/// has its upper bound in it and not its lower.
fn fine_of(us: u64) -> Option<usize> {
    let seconds = us as f64 / 1e6;
    if seconds <= ZERO_SECONDS {
        return None;
    }
    let number = (seconds.log2() * f64::from(1 << SCHEMA)).ceil() as i32;
    let at = usize::try_from(number - FINE_FIRST).unwrap_or(0);
    Some(at.min(FINE - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fine_ranges_hold_their_upper_bound() {
        for (us, number) in [
            (1_000_000, Some(0)),
            (1_000_001, Some(1)),
            (1_189_207, Some(1)),
            (1_189_208, Some(2)),
            (2_000_000, Some(4)),
            (500_000, Some(-4)),
            (31, Some(FINE_FIRST)),
            (30, None),
            (0, None),
            (u64::MAX, Some(FINE_FIRST + FINE as i32 - 1)),
        ] {
            let found = fine_of(us).map(|at| FINE_FIRST + at as i32);
            assert_eq!(found, number, "{us} us");
        }
    }

    #[test]
    fn sums_are_of_all_cores_and_the_youngest_exemplar_stays() {
        let cores = PerCore::<Durations>::new(2);
        let took = Duration::from_millis(3);
        let exemplar = |trace, secs| Exemplar {
            trace,
            took,
            at: Wall::from_unix_secs(secs),
        };
        for core in 0..2 {
            cores.of(core).record(took);
            cores.of(core).record(Duration::from_micros(core as u64));
        }
        cores.of(0).exemplify(exemplar(7, 20));
        cores.of(1).exemplify(exemplar(8, 10));
        let wanted = Wanted {
            fine: true,
            exemplars: true,
        };
        let sums = DurationSums::of(&cores, wanted, |core| core);
        assert_eq!((sums.count(), sums.sum_us, sums.zero), (4, 6_001, 2));
        assert_eq!(sums.fine, [(-33, 2)], "2^-8.5 s < 3 ms <= 2^-8.25 s");
        assert_eq!(sums.exemplar(4), Some(&exemplar(7, 20)));
    }
}
