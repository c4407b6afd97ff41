//! Counters of words from a fixed list.

use crate::cells::Cell;

/// One counter for each of a fixed list of words, on each core.
#[derive(Debug)]
pub struct Labelled {
    labels: &'static [&'static str],
    cores: Vec<Vec<Cell>>,
}

impl Labelled {
    pub(super) fn new(labels: &'static [&'static str], cores: usize) -> Self {
        let row = || labels.iter().map(|_| Cell::default()).collect();
        Self {
            labels,
            cores: (0..cores.max(1)).map(|_| row()).collect(),
        }
    }

    /// The words.
    pub(super) const fn labels(&self) -> &'static [&'static str] {
        self.labels
    }

    /// Counts a word. One that is not on the list counts as the last, which should be a word for
    /// others.
    pub fn count(&self, core: usize, label: &str) {
        let known = self.labels.iter().position(|known| *known == label);
        let row = &self.cores[core.min(self.cores.len() - 1)];
        row[known.unwrap_or(self.labels.len() - 1)].add(1);
    }

    /// How often a word was counted.
    #[must_use]
    pub fn total(&self, label: &str) -> u64 {
        let Some(at) = self.labels.iter().position(|known| *known == label) else {
            return 0;
        };
        self.cores.iter().map(|row| row[at].get()).sum()
    }
}
