//! Prometheus's protobuf, `io.prometheus.client.MetricFamily`, each with its length before it.
//!
//! Native histograms and classic ones go out together: the scraper takes what it is set to take.
//! The numbers of fields are those of `metrics.proto` in prometheus/client_model.

use crate::catalog::{ALL, Def, Kind};
use crate::durations::{BOUNDS_US, DurationSums, Exemplar, SCHEMA, ZERO_SECONDS};
use crate::scrape::{Family, Labels, Value};
use crate::wire::Wire;

pub(super) fn render(families: &[Family]) -> Vec<u8> {
    let mut out = Wire::default();
    for (def, family) in ALL.iter().zip(families) {
        if !family.is_empty() {
            out.delimited(|out| write_family(out, def, family));
        }
    }
    out.into_bytes()
}

fn write_family(out: &mut Wire, def: &Def, family: &Family) {
    out.text(1, &def.exposed());
    out.text(2, def.help());
    let kind = match def.kind {
        Kind::Counter => 0,
        Kind::Gauge => 1,
        Kind::Histogram => 4,
    };
    out.uint_always(3, kind);
    for (labels, value) in family.samples(def) {
        out.message(4, |out| write_metric(out, def, family, labels, value));
    }
    out.text(5, def.unit());
}

fn write_metric(out: &mut Wire, def: &Def, family: &Family, labels: Labels<'_>, value: Value) {
    for (name, value) in def.labels.iter().zip(labels) {
        write_pair(out, name, value);
    }
    let number = match value {
        Value::Whole(n) => n as f64,
        Value::Float(x) => x,
        Value::Histogram(place) => {
            let sums = family.sums(place);
            return out.message(7, |out| write_histogram(out, sums));
        }
    };
    let field = if def.kind == Kind::Counter { 3 } else { 2 };
    out.message(field, |out| out.double(1, number));
}

fn write_pair(out: &mut Wire, name: &str, value: &str) {
    out.message(1, |out| {
        out.text(1, name);
        out.text(2, value);
    });
}

/// Cores count on while they are read, so the fixed ranges may know of more than the fine ones.
/// The fine ones say how many there are, since scrapers add them up.
fn write_histogram(out: &mut Wire, sums: &DurationSums) {
    let count = sums.zero + sums.fine.iter().map(|(_, count)| count).sum::<u64>();
    out.uint_always(1, count);
    out.double(2, sums.sum_us as f64 / 1e6);
    let mut below = 0;
    for (range, n) in sums.ranges.iter().enumerate() {
        below += n;
        let bound = BOUNDS_US.get(range);
        out.message(3, |out| {
            out.uint_always(1, below.min(count));
            out.double(2, bound.map_or(f64::INFINITY, |us| *us as f64 / 1e6));
            if let Some(exemplar) = sums.exemplar(range) {
                out.message(3, |out| write_exemplar(out, exemplar));
            }
        });
    }
    out.sint(5, SCHEMA.into());
    out.double(6, ZERO_SECONDS);
    out.uint_always(7, sums.zero);
    write_fine(out, &sums.fine);
    for (_, exemplar) in &sums.exemplars {
        out.message(16, |out| write_exemplar(out, exemplar));
    }
}

/// Runs of ranges side by side, and how much each range differs from the one before.
fn write_fine(out: &mut Wire, fine: &[(i32, u64)]) {
    let mut next = 0;
    for run in fine.chunk_by(|one, other| one.0 + 1 == other.0) {
        out.message(12, |out| {
            out.sint(1, (run[0].0 - next).into());
            out.uint(2, run.len() as u64);
        });
        next = run[run.len() - 1].0 + 1;
    }
    let mut before = 0;
    for (_, count) in fine {
        out.sint(13, *count as i64 - before);
        before = *count as i64;
    }
    if fine.is_empty() {
        // A span of nothing says that it is a native histogram all the same.
        out.message(12, |out| out.sint(1, 0));
    }
}

fn write_exemplar(out: &mut Wire, exemplar: &Exemplar) {
    write_pair(out, "trace_id", &format!("{:032x}", exemplar.trace));
    out.double(2, exemplar.took.as_secs_f64());
    let micros = exemplar.at.unix_micros();
    out.message(3, |out| {
        out.uint(1, micros / 1_000_000);
        out.uint(2, micros % 1_000_000 * 1_000);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_skip_what_is_empty() {
        let mut wire = Wire::default();
        write_fine(&mut wire, &[(-3, 2), (-2, 5), (4, 1)]);
        // Spans (-3, 2) and (5, 1), then 2, 3, -4; in zigzag.
        let want = b"\x62\x04\x08\x05\x10\x02\x62\x04\x08\x0a\x10\x01\x68\x04\x68\x06\x68\x07";
        assert_eq!(wire.into_bytes(), want);
    }
}
