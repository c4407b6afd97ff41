//! Datadog's intake of logs, version 2: an array of entries, each with its line as the message.

use super::{escapes, quoted};
use crate::batch::Batch;

/// An entry larger than this is cut there, in bytes.
const LINE_MAX: usize = 1_000_000;

/// What Datadog is told of all lines.
#[derive(Clone, Debug)]
pub struct Datadog {
    /// All of an entry but its message.
    head: String,
}

impl Datadog {
    /// For lines of a service on a host. Tags are like `env:prod,team:edge`.
    #[must_use]
    pub fn new(source: &str, service: &str, host: &str, tags: &str) -> Self {
        let head = format!(
            "{{\"ddsource\":{},\"service\":{},\"hostname\":{},\"ddtags\":{},\"message\":",
            quoted(source),
            quoted(service),
            quoted(host),
            quoted(tags)
        );
        Self { head }
    }

    pub(super) fn cost(&self, line: &[u8]) -> Option<usize> {
        // Two quotes, a brace and a comma; the line's own end is not sent.
        let cost = self.head.len() + line.len() + escapes(line) + 4;
        (cost <= LINE_MAX).then_some(cost)
    }

    pub(super) fn body(&self, batch: &Batch) -> Vec<u8> {
        let mut out = Vec::with_capacity(batch.bytes().len() * 2);
        out.push(b'[');
        for (at, (line, _)) in batch.each().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            out.extend_from_slice(self.head.as_bytes());
            out.extend_from_slice(quoted(line).as_bytes());
            out.push(b'}');
        }
        out.push(b']');
        out
    }
}
