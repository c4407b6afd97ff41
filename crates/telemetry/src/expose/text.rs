//! Both text formats: OpenMetrics 1.0, and Prometheus's 0.0.4.

use std::fmt::Write as _;

use crate::catalog::{ALL, Def, Kind};
use crate::durations::{DurationSums, Exemplar};
use crate::scrape::{Family, Labels, Value};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Dialect {
    OpenMetrics,
    Prometheus,
}

/// The bounds of ranges, as OpenMetrics wants numbers. The same as
/// [`BOUNDS_US`](crate::durations::BOUNDS_US), in seconds.
const LE: [&str; crate::durations::RANGES] = [
    "0.00025", "0.0005", "0.001", "0.0025", "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5",
    "1.0", "5.0", "30.0", "+Inf",
];

pub(super) fn render(families: &[Family], dialect: Dialect) -> Vec<u8> {
    let mut out = String::with_capacity(64 * 1_024);
    let mut labels = String::new();
    for (def, family) in ALL.iter().zip(families) {
        if family.is_empty() {
            continue;
        }
        head(&mut out, def, dialect);
        for (values, value) in family.samples(def) {
            labels.clear();
            write_labels(&mut labels, def, values);
            match value {
                Value::Whole(n) => {
                    begin(&mut out, def, &labels);
                    push_u64(&mut out, n);
                    out.push('\n');
                }
                Value::Float(x) => {
                    begin(&mut out, def, &labels);
                    push_float(&mut out, x);
                    out.push('\n');
                }
                Value::Histogram(place) => {
                    histogram(&mut out, def, &labels, family.sums(place), dialect);
                }
            }
        }
    }
    if dialect == Dialect::OpenMetrics {
        out.push_str("# EOF\n");
    }
    out.into_bytes()
}

// What is written to a String does not fail: results of `write!` are dropped below.

fn head(out: &mut String, def: &Def, dialect: Dialect) {
    let exposed = def.exposed();
    let name = match dialect {
        Dialect::OpenMetrics => def.name,
        Dialect::Prometheus => &exposed,
    };
    let _ok = write!(out, "# HELP {name} ");
    for part in def.help().chars() {
        match part {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '"' if dialect == Dialect::OpenMetrics => out.push_str("\\\""),
            plain => out.push(plain),
        }
    }
    let _ok = write!(out, "\n# TYPE {name} {}\n", def.kind.word());
    if dialect == Dialect::OpenMetrics && !def.unit().is_empty() {
        let _ok = writeln!(out, "# UNIT {name} {}", def.unit());
    }
}

fn write_labels(out: &mut String, def: &Def, values: Labels<'_>) {
    for (name, value) in def.labels.iter().zip(values) {
        if !out.is_empty() {
            out.push(',');
        }
        out.push_str(name);
        out.push_str("=\"");
        escape(out, value);
        out.push('"');
    }
}

fn escape(out: &mut String, value: &str) {
    let special = |c| matches!(c, '\\' | '"' | '\n');
    let mut rest = value;
    while let Some(at) = rest.find(special) {
        out.push_str(&rest[..at]);
        out.push_str(match rest.as_bytes()[at] {
            b'\\' => "\\\\",
            b'"' => "\\\"",
            _ => "\\n",
        });
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
}

/// Everything before the value of a sample.
fn begin(out: &mut String, def: &Def, labels: &str) {
    out.push_str(def.name);
    if def.kind == Kind::Counter {
        out.push_str("_total");
    }
    if !labels.is_empty() {
        out.push('{');
        out.push_str(labels);
        out.push('}');
    }
    out.push(' ');
}

fn histogram(out: &mut String, def: &Def, labels: &str, sums: &DurationSums, dialect: Dialect) {
    let mut below = 0;
    for (range, (count, bound)) in sums.ranges.iter().zip(LE).enumerate() {
        below += count;
        out.push_str(def.name);
        out.push_str("_bucket{le=\"");
        out.push_str(bound);
        out.push('"');
        if !labels.is_empty() {
            out.push(',');
            out.push_str(labels);
        }
        out.push_str("} ");
        push_u64(out, below);
        if let (Dialect::OpenMetrics, Some(exemplar)) = (dialect, sums.exemplar(range)) {
            push_exemplar(out, exemplar);
        }
        out.push('\n');
    }
    for (end, of) in [("_sum", Some(sums.sum_us)), ("_count", None)] {
        out.push_str(def.name);
        out.push_str(end);
        if !labels.is_empty() {
            out.push('{');
            out.push_str(labels);
            out.push('}');
        }
        out.push(' ');
        match of {
            Some(us) => push_float(out, us as f64 / 1e6),
            None => push_u64(out, below),
        }
        out.push('\n');
    }
}

fn push_exemplar(out: &mut String, exemplar: &Exemplar) {
    let Exemplar { trace, took, at } = exemplar;
    let (took, at) = (took.as_secs_f64(), at.unix_micros() as f64 / 1e6);
    let _ok = write!(out, " # {{trace_id=\"{trace:032x}\"}} {took} {at}");
}

/// Digits, without the machinery of `format!`: most of a scrape is numbers.
fn push_u64(out: &mut String, mut n: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (n % 10) as u8;
        n /= 10;
        if n == 0 {
            break;
        }
    }
    out.push_str(std::str::from_utf8(&digits[at..]).expect("digits are ASCII"));
}

fn push_float(out: &mut String, x: f64) {
    let _ok = if x == f64::INFINITY {
        write!(out, "+Inf")
    } else {
        write!(out, "{x:?}")
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::durations::BOUNDS_US;

    #[test]
    fn bounds_in_words_are_the_bounds() {
        for (us, text) in BOUNDS_US.iter().zip(LE) {
            assert_eq!(text.parse::<f64>().unwrap(), *us as f64 / 1e6);
        }
    }

    #[test]
    fn numbers_and_labels_are_written_as_they_are() {
        let mut out = String::new();
        for n in [0, 7, 10, u64::MAX] {
            push_u64(&mut out, n);
            out.push(' ');
        }
        push_float(&mut out, 1.0);
        escape(&mut out, "a\"b\\c\nü");
        assert_eq!(out, "0 7 10 18446744073709551615 1.0a\\\"b\\\\c\\nü");
    }
}
