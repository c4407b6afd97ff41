//! Every metric, once: name, unit, labels, help, and how many series it can have.
//!
//! Documentation (`METRICS.md`), dashboards and alerts are checked against this list. How many
//! series there can be follows from the labels: each has a bound of its own, and what is beyond it
//! is counted under [`OTHER`].

mod all;

pub use all::*;

/// The value of a label for all names that are beyond its bound. No name can be like this.
pub const OTHER: &str = "_other";

/// Series that one metric has at most, whatever its labels allow.
pub const SERIES_MAX: usize = 60_000;

/// What kind of number a metric is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Only grows; restarts at zero with the process. Exposed with `_total`.
    Counter,
    /// Goes up and down.
    Gauge,
    /// How often values fell into ranges.
    Histogram,
}

impl Kind {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// A metric.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Def {
    /// Its place in [`ALL`].
    pub(crate) place: usize,
    /// Its name: `tidegate_<noun>_<unit>`, without `_total`.
    pub name: &'static str,
    /// What kind of number it is.
    pub kind: Kind,
    /// Its labels.
    pub labels: &'static [&'static str],
    /// What it tells.
    pub help: &'static str,
}

impl Def {
    /// Its name in queries.
    #[must_use]
    pub fn exposed(&self) -> String {
        match self.kind {
            Kind::Counter => format!("{}_total", self.name),
            Kind::Gauge | Kind::Histogram => self.name.to_owned(),
        }
    }

    /// Its unit, which is the end of its name; empty if it counts things.
    #[must_use]
    pub fn unit(&self) -> &'static str {
        let ends = |unit: &&&str| self.name.ends_with(**unit);
        UNITS.iter().find(ends).map_or("", |unit| &unit[1..])
    }

    /// Series that it has at most: the product of what its labels have.
    #[must_use]
    pub fn series_max(&self) -> usize {
        let values = self.labels.iter().map(|label| values_max(label));
        values.fold(1, usize::saturating_mul).min(SERIES_MAX)
    }

    /// What it tells, in a sentence or two.
    #[must_use]
    pub fn help(&self) -> &'static str {
        self.help.trim()
    }
}

const UNITS: [&str; 2] = ["_seconds", "_bytes"];

/// Values that a label has at most.
#[must_use]
pub fn values_max(label: &str) -> usize {
    let known = LABELS.iter().find(|(name, ..)| *name == label);
    known.map_or(1, |(_, most, _)| *most)
}

/// All labels: how many values each has at most, and what they are.
pub const LABELS: &[(&str, usize, &str)] = &[
    ("alive", 2, "`yes` or `no`"),
    ("authenticator", 64, "a method of world.yaml"),
    ("by", 2, "`datagram` or `stream`"),
    ("consumer", 2_000, "a consumer, as keys and tokens name it"),
    (
        "core",
        257,
        "a core, by its number; `control` for the control plane",
    ),
    (
        "door",
        64,
        "a door of the region's file; `relay` for other regions",
    ),
    ("endpoint", 200, "an address of a service"),
    ("from", 64, "a region"),
    ("generation", 1, "a digest of the configuration"),
    ("kind", 2, "`known` or `unknown`"),
    ("label", 8, "a label of this list"),
    ("latitude", 1, "degrees; one for each region"),
    ("limit", 10_000, "a limit of world.yaml"),
    ("log", 16, "a destination of the access log"),
    ("longitude", 1, "degrees; one for each region"),
    ("outcome", 16, "a word"),
    ("reason", 128, "a word"),
    ("region", 64, "a region of world.yaml"),
    ("result", 48, "a word"),
    (
        "route",
        10_000,
        "a route of world.yaml; `-` for requests without one",
    ),
    ("state", 4, "a word"),
    ("status", 5, "a class of status: `2xx`"),
    (
        "subject",
        1,
        "a subject's hash; ten at a time, of all limits together",
    ),
    ("to", 64, "what it became, or a region"),
    ("upstream", 2_000, "a service of world.yaml"),
    ("version", 1, "a version of this program"),
];

/// The catalogue as Markdown: `METRICS.md`.
#[must_use]
pub fn document() -> String {
    use std::fmt::Write as _;
    let mut out = String::from(DOCUMENT_HEAD);
    for def in ALL {
        let labels: Vec<String> = def
            .labels
            .iter()
            .map(|label| format!("`{label}`"))
            .collect();
        // Writing to a String does not fail.
        let _ok = writeln!(
            out,
            "| `{}` | {} | {} | {} | {} | {} |",
            def.exposed(),
            def.kind.word(),
            def.unit(),
            labels.join(", "),
            def.series_max(),
            def.help(),
        );
    }
    out.push_str(
        "\n## Labels\n\n| Label | Values at most | What they are |\n| --- | --- | --- |\n",
    );
    for (label, most, what) in LABELS {
        let _ok = writeln!(out, "| `{label}` | {most} | {what} |");
    }
    out
}

const DOCUMENT_HEAD: &str = "\
# Metrics

Written by `cargo run -p tidegate-telemetry --example metrics`, from `src/catalog/all.rs`; a test compares the two.

`GET /metrics` on the admin door answers in OpenMetrics, in Prometheus's text, or in its protobuf with native histograms, as the
scraper's `Accept` asks. Exemplars of latencies carry a trace that is kept: with `traces` one of the
gateway's own, else the one that a request says it belongs to (`traceparent`), if it is sampled. A
histogram counts as one series here; in texts it is one line a bound, a sum and a count.

Names that are beyond the bound of their label are counted together under `_other`, and `tidegate_series_overflowed_total` tells of it.

| Metric | Kind | Unit | Labels | Series at most | What it tells |
| --- | --- | --- | --- | --- | --- |
";

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_well_formed() {
        let mut seen = BTreeSet::new();
        for (place, def) in ALL.iter().enumerate() {
            assert_eq!(def.place, place);
            assert!(seen.insert(def.name), "{} stands here twice", def.name);
            let known_start = def.name.starts_with("tidegate_") || def.name.starts_with("process_");
            let plain = def.name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'_'));
            assert!(known_start && plain, "{}", def.name);
            assert!(
                !def.name.ends_with("_total"),
                "{}: the exposition adds _total",
                def.name
            );
            assert!(def.help.trim().ends_with('.'), "{}", def.name);
        }
    }

    #[test]
    fn every_label_has_a_bound() {
        for label in ALL.iter().flat_map(|def| def.labels) {
            assert!(LABELS.iter().any(|(known, ..)| known == label), "{label}");
        }
        for (label, ..) in LABELS {
            assert!(ALL.iter().any(|def| def.labels.contains(label)), "{label}");
        }
        assert_eq!(REQUESTS.series_max(), 50_000);
        assert_eq!((READY.series_max(), READY.unit()), (1, ""));
        assert_eq!(REQUEST_SECONDS.unit(), "seconds");
    }

    #[test]
    fn the_document_is_what_the_catalogue_says() {
        assert!(
            include_str!("../METRICS.md") == document(),
            "METRICS.md is old: cargo run -p tidegate-telemetry --example metrics > crates/telemetry/METRICS.md"
        );
    }
}
