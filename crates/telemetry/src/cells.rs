//! Counters of which each core has its own, on a memory line of its own.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A number that only grows, written by one core and read by whoever sums up.
#[derive(Debug, Default)]
pub struct Cell(AtomicU64);

impl Cell {
    /// Adds `n`.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Relaxed);
    }

    /// Takes `n` back, for numbers that also fall.
    pub fn sub(&self, n: u64) {
        self.0.fetch_sub(n, Relaxed);
    }

    /// Puts `n` in its place, for numbers that one alone writes.
    pub fn set(&self, n: u64) {
        self.0.store(n, Relaxed);
    }

    /// The number.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// One value a core, none of which shares a memory line with another.
#[derive(Debug)]
pub struct PerCore<T> {
    cores: Vec<Padded<T>>,
}

/// Two lines of 64 bytes: processors fetch them in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Padded<T>(T);

impl<T: Default> PerCore<T> {
    /// One default value for each of `cores`.
    #[must_use]
    pub fn new(cores: usize) -> Self {
        Self {
            cores: (0..cores.max(1)).map(|_| Padded::default()).collect(),
        }
    }
}

impl<T> PerCore<T> {
    /// The value of a core. Cores beyond those known share the last.
    #[must_use]
    pub fn of(&self, core: usize) -> &T {
        &self.cores[core.min(self.cores.len() - 1)].0
    }

    /// The values of all cores.
    pub(crate) fn all(&self) -> impl Iterator<Item = &T> {
        self.cores.iter().map(|core| &core.0)
    }

    /// The sum over all cores of what `read` takes from each.
    pub fn sum(&self, read: impl Fn(&T) -> u64) -> u64 {
        self.cores.iter().map(|core| read(&core.0)).sum()
    }
}
