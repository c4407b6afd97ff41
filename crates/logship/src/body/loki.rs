//! Loki's push: one stream of labels, and lines with their times in nanoseconds.
//!
//! Labels are few and the same for all lines: each set of them is a stream, and Loki is only quick
//! with few streams. What differs from line to line is in the lines.

use super::{escapes, quoted};
use crate::batch::Batch;

/// Loki's own limit for a line, unless its operator raised it.
const LINE_MAX: usize = 256 * 1_024;

/// What Loki is told of all lines.
#[derive(Clone, Debug)]
pub struct Loki {
    labels: String,
    pub(super) tenant: Option<String>,
}

impl Loki {
    /// A stream with these labels, and whose it is.
    #[must_use]
    pub fn new(labels: impl IntoIterator<Item = (String, String)>, tenant: Option<String>) -> Self {
        let labels = labels
            .into_iter()
            .map(|(name, value)| format!("{}:{}", quoted(&name), quoted(&value)));
        Self {
            labels: labels.collect::<Vec<_>>().join(","),
            tenant,
        }
    }

    pub(super) fn cost(&self, line: &[u8]) -> Option<usize> {
        // A time of 19 digits, six quotes and brackets, two commas; the line's end is not sent.
        (line.len() <= LINE_MAX).then(|| line.len() + escapes(line) + 28)
    }

    pub(super) fn body(&self, batch: &Batch) -> Vec<u8> {
        let mut out = Vec::with_capacity(batch.bytes().len() * 2);
        out.extend_from_slice(b"{\"streams\":[{\"stream\":{");
        out.extend_from_slice(self.labels.as_bytes());
        out.extend_from_slice(b"},\"values\":[");
        for (at, (line, came)) in batch.each().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            let came_ns = u128::from(came.unix_micros()) * 1_000;
            out.extend_from_slice(format!("[\"{came_ns}\",").as_bytes());
            out.extend_from_slice(quoted(line).as_bytes());
            out.push(b']');
        }
        out.extend_from_slice(b"]}]}");
        out
    }
}
