//! Samples of one moment, on their way into a format.
//!
//! A scrape of ten thousand routes has a hundred thousand samples: labels lie side by side in one
//! text for each metric, and no sample owns memory of its own.

mod read;

use crate::catalog::{ALL, Def, Kind, SERIES_DROPPED};
use crate::cells::PerCore;
use crate::durations::{DurationSums, Durations};
use crate::expose::{Format, render};

/// Samples of one moment.
#[derive(Debug)]
pub struct Scrape {
    format: Format,
    /// By the metric's place in the catalogue.
    families: Vec<Family>,
    dropped: u64,
}

/// The samples of one metric.
#[derive(Debug, Default)]
pub(crate) struct Family {
    /// The values of all labels of all samples, one after the other.
    texts: String,
    /// Where each of them ends.
    ends: Vec<u32>,
    samples: Vec<Value>,
    histograms: Vec<DurationSums>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Value {
    Whole(u64),
    Float(f64),
    /// The place of its sums.
    Histogram(u32),
}

impl Default for Scrape {
    fn default() -> Self {
        Self::new(Format::OpenMetrics)
    }
}

impl Scrape {
    /// A scrape without samples.
    #[must_use]
    pub fn new(format: Format) -> Self {
        Self {
            format,
            families: ALL.iter().map(|_| Family::default()).collect(),
            dropped: 0,
        }
    }

    fn family(&mut self, def: &Def, labels: &[&str]) -> Option<&mut Family> {
        debug_assert_eq!(def.labels.len(), labels.len(), "{}", def.name);
        let family = &mut self.families[def.place];
        if family.samples.len() >= def.series_max() {
            self.dropped += 1;
            return None;
        }
        for label in labels {
            family.texts.push_str(label);
            family.ends.push(family.texts.len() as u32);
        }
        Some(family)
    }

    fn push(&mut self, def: &Def, labels: &[&str], value: Value) {
        if let Some(family) = self.family(def, labels) {
            family.samples.push(value);
        }
    }

    /// Adds a counter's value.
    pub fn counter(&mut self, def: &Def, labels: &[&str], value: u64) {
        debug_assert_eq!(def.kind, Kind::Counter, "{}", def.name);
        self.push(def, labels, Value::Whole(value));
    }

    /// Adds the value of a counter that counts in fractions.
    pub fn counter_float(&mut self, def: &Def, labels: &[&str], value: f64) {
        debug_assert_eq!(def.kind, Kind::Counter, "{}", def.name);
        self.push(def, labels, Value::Float(value));
    }

    /// Adds a gauge's value.
    pub fn gauge(&mut self, def: &Def, labels: &[&str], value: f64) {
        debug_assert_eq!(def.kind, Kind::Gauge, "{}", def.name);
        self.push(def, labels, Value::Float(value));
    }

    /// Adds durations that are counted in one place.
    pub fn durations(&mut self, def: &Def, labels: &[&str], durations: &Durations) {
        let sums = DurationSums::of_one(durations, self.format.wants());
        self.histogram(def, labels, sums);
    }

    /// Adds durations that each core counts for itself.
    pub(crate) fn durations_of<T>(
        &mut self,
        def: &Def,
        labels: &[&str],
        cores: &PerCore<T>,
        of: impl Fn(&T) -> &Durations,
    ) {
        let sums = DurationSums::of(cores, self.format.wants(), of);
        self.histogram(def, labels, sums);
    }

    fn histogram(&mut self, def: &Def, labels: &[&str], sums: DurationSums) {
        debug_assert_eq!(def.kind, Kind::Histogram, "{}", def.name);
        if let Some(family) = self.family(def, labels) {
            let place = family.histograms.len() as u32;
            family.histograms.push(sums);
            family.samples.push(Value::Histogram(place));
        }
    }

    /// All samples in the scrape's format.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        let dropped = self.dropped;
        self.gauge(&SERIES_DROPPED, &[], dropped as f64);
        render(self.format, &self.families)
    }
}

impl Family {
    pub(crate) const fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// Samples, each with the values of its labels.
    pub(crate) fn samples<'f>(&'f self, def: &Def) -> impl Iterator<Item = (Labels<'f>, Value)> {
        let width = def.labels.len();
        self.samples.iter().enumerate().map(move |(at, value)| {
            let labels = Labels {
                family: self,
                next: at * width,
                until: (at + 1) * width,
            };
            (labels, *value)
        })
    }

    pub(crate) fn sums(&self, place: u32) -> &DurationSums {
        &self.histograms[place as usize]
    }
}

/// The values of one sample's labels.
#[derive(Clone, Debug)]
pub(crate) struct Labels<'f> {
    family: &'f Family,
    next: usize,
    until: usize,
}

impl<'f> Iterator for Labels<'f> {
    type Item = &'f str;

    fn next(&mut self) -> Option<&'f str> {
        if self.next == self.until {
            return None;
        }
        let end = |at: usize| self.family.ends[at] as usize;
        let begin = self.next.checked_sub(1).map_or(0, end);
        let text = &self.family.texts[begin..end(self.next)];
        self.next += 1;
        Some(text)
    }
}
