//! What a body looks like, for each who takes one.

mod datadog;
mod loki;

use http::{HeaderMap, HeaderValue};

pub use datadog::Datadog;
pub use loki::Loki;

use crate::batch::Batch;

/// What a body looks like.
#[derive(Clone, Debug)]
pub enum Shape {
    /// The lines, one after the other; of JSON, unless `false`.
    Lines(bool),
    /// An array of them.
    Array,
    /// Datadog's intake of logs, version 2.
    Datadog(Datadog),
    /// Loki's push.
    Loki(Loki),
}

impl Shape {
    pub(crate) const fn usual_path(&self) -> &'static str {
        match self {
            Self::Lines(_) | Self::Array => "/",
            Self::Datadog(_) => "/api/v2/logs",
            Self::Loki(_) => "/loki/api/v1/push",
        }
    }

    pub(crate) const fn media_type(&self) -> &'static str {
        match self {
            Self::Lines(true) => "application/x-ndjson",
            Self::Lines(false) => "text/plain; charset=utf-8",
            Self::Array | Self::Datadog(_) | Self::Loki(_) => "application/json",
        }
    }

    pub(crate) fn add_fields(&self, fields: &mut HeaderMap) {
        if let Self::Loki(Loki {
            tenant: Some(tenant),
            ..
        }) = self
            && let Ok(tenant) = HeaderValue::from_str(tenant)
        {
            fields.insert("x-scope-orgid", tenant);
        }
    }

    /// The bytes that a line takes of a body; nothing if it is too long for whoever takes it.
    pub(crate) fn cost(&self, line: &[u8]) -> Option<usize> {
        match self {
            Self::Lines(_) | Self::Array => Some(line.len()),
            Self::Datadog(datadog) => datadog.cost(line),
            Self::Loki(loki) => loki.cost(line),
        }
    }

    pub(crate) fn body(&self, batch: &Batch) -> Vec<u8> {
        match self {
            Self::Lines(_) => batch.bytes().to_vec(),
            Self::Array => array(batch),
            Self::Datadog(datadog) => datadog.body(batch),
            Self::Loki(loki) => loki.body(batch),
        }
    }
}

fn array(batch: &Batch) -> Vec<u8> {
    let mut out = Vec::with_capacity(batch.bytes().len() + 2);
    out.push(b'[');
    for (at, (line, _)) in batch.each().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        out.extend_from_slice(line.as_bytes());
    }
    out.push(b']');
    out
}

/// A line as a string of JSON has this many bytes more: lines have no control characters but their
/// end, so quotes and backslashes are all that is escaped.
pub(crate) fn escapes(line: &[u8]) -> usize {
    let escaped = |byte: &&u8| matches!(byte, b'"' | b'\\');
    line.iter().filter(escaped).count()
}

/// A text as a string of JSON, quotes included.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::batch::tests::batch;

    const TEXTS: [&str; 2] = [r#"{"path":"/a\"b"}"#, r#"{"path":"/ü"}"#];

    fn parsed(shape: &Shape) -> Value {
        serde_json::from_slice(&shape.body(&batch(&TEXTS))).unwrap()
    }

    #[test]
    fn lines_and_arrays_are_what_was_written() {
        let lines = Shape::Lines(true).body(&batch(&TEXTS));
        assert_eq!(lines, format!("{}\n{}\n", TEXTS[0], TEXTS[1]).into_bytes());
        let array = parsed(&Shape::Array);
        assert_eq!(array[0]["path"], "/a\"b");
        assert_eq!(array.as_array().unwrap().len(), 2);
    }

    #[test]
    fn datadog_gets_what_its_intake_wants() {
        let body = parsed(&Shape::Datadog(Datadog::new(
            "nginx",
            "edge",
            "us-east-1/a",
            "env:prod,region:us-east-1",
        )));
        let entry = &body[0];
        assert_eq!(entry["message"], TEXTS[0]);
        assert_eq!(entry["ddsource"], "nginx");
        assert_eq!(entry["service"], "edge");
        assert_eq!(entry["hostname"], "us-east-1/a");
        assert_eq!(entry["ddtags"], "env:prod,region:us-east-1");
    }

    #[test]
    fn loki_gets_one_stream_and_times_in_nanoseconds() {
        let labels = [("env".to_owned(), "a\"b".to_owned())];
        let body = parsed(&Shape::Loki(Loki::new(labels, None)));
        let stream = &body["streams"][0];
        assert_eq!(stream["stream"]["env"], "a\"b");
        assert_eq!(stream["values"][0][0], "1795357987000123000");
        assert_eq!(stream["values"][1][1], TEXTS[1]);
    }

    #[test]
    fn a_line_costs_what_it_takes_of_a_body() {
        for shape in [
            Shape::Array,
            Shape::Datadog(Datadog::new("s", "s", "h", "t:t")),
            Shape::Loki(Loki::new([], None)),
        ] {
            let cost = |text: &str| shape.cost(format!("{text}\n").as_bytes()).unwrap();
            let told: usize = TEXTS.iter().map(|text| cost(text)).sum();
            let took = shape.body(&batch(&TEXTS)).len() - shape.body(&batch(&[])).len();
            assert!(
                (took..took + 16).contains(&told),
                "{shape:?}: {told} for {took}"
            );
        }
    }
}
