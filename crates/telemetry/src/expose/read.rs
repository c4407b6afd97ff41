//! Reading back what a scrape holds, for those who show it themselves.

use super::{Scrape, Value};
use crate::catalog::{ALL, Def};

impl Scrape {
    /// The series of a counter or gauge: its labels' values, and its value.
    #[must_use]
    pub fn values(&self, def: &Def) -> Vec<(Vec<&str>, f64)> {
        let number = |value: &Value| match value {
            Value::Counter(n) => Some(*n as f64),
            Value::CounterFloat(x) | Value::Gauge(x) => Some(*x),
            Value::Histogram { .. } => None,
        };
        let samples = self.of(def).iter();
        samples
            .filter_map(|sample| {
                let labels = sample.labels.iter().map(|(_, value)| value.as_str());
                Some((labels.collect(), number(&sample.value)?))
            })
            .collect()
    }

    /// The ranges of a histogram's series with these labels: each one's upper bound, and how often
    /// values fell into it.
    #[must_use]
    pub fn buckets(&self, def: &Def, labels: &[&str]) -> Vec<(f64, u64)> {
        let mut samples = self.of(def).iter();
        let wanted = samples.find(|sample| {
            let own = sample.labels.iter().map(|(_, value)| value.as_str());
            own.eq(labels.iter().copied())
        });
        match wanted.map(|sample| &sample.value) {
            Some(Value::Histogram { buckets, .. }) => buckets.clone(),
            _ => Vec::new(),
        }
    }

    fn of(&self, def: &Def) -> &[super::Sample] {
        let place = ALL.iter().position(|known| known.name == def.name);
        let samples = place.and_then(|place| self.samples.get(&place));
        samples.map_or(&[], Vec::as_slice)
    }
}
