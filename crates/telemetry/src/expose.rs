//! Samples of one moment, as OpenMetrics text.

mod read;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Mutex;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use crate::catalog::{ALL, Def, Kind, SERIES_DROPPED};

/// What `/metrics` answers with.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Series that one metric may have.
const SERIES_MAX: usize = 20_000;

/// Samples of one moment.
#[derive(Debug, Default)]
pub struct Scrape {
    /// By the metric's place in the catalogue.
    samples: BTreeMap<usize, Vec<Sample>>,
    dropped: u64,
}

#[derive(Debug)]
struct Sample {
    labels: Vec<(&'static str, String)>,
    value: Value,
}

#[derive(Debug)]
enum Value {
    Counter(u64),
    CounterFloat(f64),
    Gauge(f64),
    Histogram { sum: f64, buckets: Vec<(f64, u64)> },
}

impl Scrape {
    fn push(&mut self, def: &Def, labels: &[&str], value: Value) {
        debug_assert_eq!(def.labels.len(), labels.len(), "{}", def.name);
        let place = ALL
            .iter()
            .position(|known| known.name == def.name)
            .expect("metrics are declared in the catalogue");
        let samples = self.samples.entry(place).or_default();
        if samples.len() >= SERIES_MAX {
            self.dropped += 1;
            return;
        }
        let labels = def
            .labels
            .iter()
            .zip(labels)
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect();
        samples.push(Sample { labels, value });
    }

    /// Adds a counter's value.
    pub fn counter(&mut self, def: &Def, labels: &[&str], value: u64) {
        debug_assert_eq!(def.kind, Kind::Counter, "{}", def.name);
        self.push(def, labels, Value::Counter(value));
    }

    /// Adds the value of a counter that counts in fractions.
    pub fn counter_float(&mut self, def: &Def, labels: &[&str], value: f64) {
        debug_assert_eq!(def.kind, Kind::Counter, "{}", def.name);
        self.push(def, labels, Value::CounterFloat(value));
    }

    /// Adds a gauge's value.
    pub fn gauge(&mut self, def: &Def, labels: &[&str], value: f64) {
        debug_assert_eq!(def.kind, Kind::Gauge, "{}", def.name);
        self.push(def, labels, Value::Gauge(value));
    }

    /// Adds a histogram: the sum of all values, and how many fell below each bound and above the
    /// one before.
    pub fn histogram(&mut self, def: &Def, labels: &[&str], sum: f64, buckets: Vec<(f64, u64)>) {
        debug_assert_eq!(def.kind, Kind::Histogram, "{}", def.name);
        self.push(def, labels, Value::Histogram { sum, buckets });
    }

    /// All samples as text.
    #[must_use]
    pub fn text(mut self) -> String {
        let dropped = self.dropped;
        self.gauge(&SERIES_DROPPED, &[], dropped as f64);
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Samples(Mutex::new(self.samples))));
        let mut out = String::with_capacity(16 * 1_024);
        text::encode(&mut out, &registry).expect("a String takes all that is written to it");
        out
    }
}

#[derive(Debug)]
struct Samples(Mutex<BTreeMap<usize, Vec<Sample>>>);

impl Collector for Samples {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let samples = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        for (place, samples) in &*samples {
            let def = &ALL[*place];
            let kind = match def.kind {
                Kind::Counter => MetricType::Counter,
                Kind::Gauge => MetricType::Gauge,
                Kind::Histogram => MetricType::Histogram,
            };
            let help = def.help.trim().trim_end_matches('.');
            let mut metric = encoder.encode_descriptor(def.name, help, None, kind)?;
            for sample in samples {
                if sample.labels.is_empty() {
                    encode_value(&mut metric, &sample.value)?;
                } else {
                    let labels = sample.labels.as_slice();
                    encode_value(&mut metric.encode_family(&labels)?, &sample.value)?;
                }
            }
        }
        Ok(())
    }
}

fn encode_value(metric: &mut MetricEncoder<'_>, value: &Value) -> fmt::Result {
    match value {
        Value::Counter(n) => metric.encode_counter::<NoLabelSet, u64, f64>(n, None),
        Value::CounterFloat(x) => metric.encode_counter::<NoLabelSet, f64, f64>(x, None),
        Value::Gauge(x) => metric.encode_gauge(x),
        Value::Histogram { sum, buckets } => {
            let count = buckets.iter().map(|(_, n)| n).sum();
            metric.encode_histogram::<NoLabelSet>(*sum, count, buckets, None)
        }
    }
}
