//! Reading back what a scrape holds, for those who show it themselves.

use super::{Family, Scrape, Value};
use crate::catalog::Def;
use crate::durations::BOUNDS_US;

impl Scrape {
    /// The series of a counter or gauge: its labels' values, and its value.
    #[must_use]
    pub fn values(&self, def: &Def) -> Vec<(Vec<&str>, f64)> {
        let number = |value| match value {
            Value::Whole(n) => Some(n as f64),
            Value::Float(x) => Some(x),
            Value::Histogram(_) => None,
        };
        self.of(def)
            .samples(def)
            .filter_map(|(labels, value)| Some((labels.collect(), number(value)?)))
            .collect()
    }

    /// The ranges of a histogram's series with these labels: each one's upper bound in seconds, and
    /// how often values fell into it.
    #[must_use]
    pub fn buckets(&self, def: &Def, labels: &[&str]) -> Vec<(f64, u64)> {
        let family = self.of(def);
        let mut samples = family.samples(def);
        let wanted = samples.find(|(own, _)| own.clone().eq(labels.iter().copied()));
        let Some((_, Value::Histogram(place))) = wanted else {
            return Vec::new();
        };
        let bounds = BOUNDS_US.iter().map(|us| *us as f64 / 1e6);
        let bounds = bounds.chain([f64::INFINITY]);
        bounds.zip(family.sums(place).ranges).collect()
    }

    fn of(&self, def: &Def) -> &Family {
        &self.families[def.place]
    }
}
