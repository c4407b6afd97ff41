//! Spans in OTLP's words.

use tidegate_model::NodeId;
use tidegate_otlp::{KeyValue, Resource, Span, SpanKind, Status, StatusCode, Value as Sent};
use tidegate_trace::{Kind, SpanId, Trace, Value};

/// Flags of a span: whether its parent is in another process is known, and whether it is.
const REMOTE_KNOWN: u32 = 0x100;
const REMOTE: u32 = 0x200;

/// Who speaks.
pub(super) fn resource(node: &NodeId) -> Resource {
    let attributes = [
        ("service.name", "tidegate".to_owned()),
        ("service.version", env!("CARGO_PKG_VERSION").to_owned()),
        ("service.instance.id", node.to_string()),
        ("tidegate.region", node.region.to_string()),
        ("tidegate.node", node.name().to_owned()),
    ];
    let attributes = attributes.into_iter();
    Resource {
        attributes: attributes
            .map(|(key, text)| KeyValue::new(key, text))
            .collect(),
    }
}

/// The spans of a request.
pub(super) fn spans(trace: &Trace) -> impl Iterator<Item = Span> {
    let bytes = |id: SpanId| id.get().to_be_bytes().to_vec();
    trace.spans.iter().enumerate().map(move |(place, span)| {
        let attributes = span.attributes.iter();
        let attributes = attributes.map(|(name, value)| KeyValue::new(name, sent(value)));
        let error = span.error.as_ref();
        let failed = error.map(|error| KeyValue::new("error.type", sent(error)));
        let remote = place == 0 && span.parent.is_some();
        Span {
            trace_id: trace.trace.get().to_be_bytes().to_vec(),
            span_id: bytes(span.id),
            trace_state: trace.state.clone().unwrap_or_default(),
            parent_span_id: span.parent.map(bytes).unwrap_or_default(),
            name: span.name.to_string(),
            kind: match span.kind {
                Kind::Server => SpanKind::Server,
                Kind::Client => SpanKind::Client,
                Kind::Internal => SpanKind::Internal,
            }
            .into(),
            start_time_unix_nano: trace.unix_nanos(span.start),
            end_time_unix_nano: trace.unix_nanos(span.end),
            attributes: attributes.chain(failed).collect(),
            status: error.map(|error| Status {
                message: error.to_string(),
                code: StatusCode::Error.into(),
            }),
            flags: u32::from(trace.sampled) | REMOTE_KNOWN | if remote { REMOTE } else { 0 },
        }
    })
}

fn sent(value: &Value) -> Sent {
    match value {
        Value::Int(number) => Sent::Int(*number),
        Value::Bool(yes) => Sent::Bool(*yes),
        Value::Word(_) | Value::Text(_) | Value::Shared(_) => Sent::String(value.to_string()),
    }
}
