//! A request's trace as a node tells it to whoever watches.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tidegate_config::RELAY_DOOR;
use tidegate_model::NodeId;
use tidegate_trace::{Kind, Trace, Value};

/// What one node knows of a trace.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct TraceDocument {
    /// The trace.
    pub(crate) trace: String,
    /// Who tells.
    pub(crate) node: NodeId,
    /// Spans that had no room.
    #[serde(default)]
    pub(crate) cut: u32,
    /// The request itself first.
    pub(crate) spans: Vec<SpanDocument>,
}

/// A span.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SpanDocument {
    pub(crate) span: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) parent: Option<String>,
    pub(crate) name: String,
    /// `server`, `client` or `internal`.
    pub(crate) kind: String,
    pub(crate) start_unix_ns: u64,
    pub(crate) took_ns: u64,
    pub(crate) attributes: BTreeMap<String, serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
}

impl TraceDocument {
    pub(crate) fn of(trace: &Trace, node: &NodeId) -> Self {
        let span = |span: &tidegate_trace::Span| SpanDocument {
            span: span.id.to_string(),
            parent: span.parent.map(|parent| parent.to_string()),
            name: span.name.to_string(),
            kind: match span.kind {
                Kind::Server => "server",
                Kind::Client => "client",
                Kind::Internal => "internal",
            }
            .to_owned(),
            start_unix_ns: trace.unix_nanos(span.start),
            took_ns: u64::try_from(span.took().as_nanos()).unwrap_or(u64::MAX),
            attributes: span
                .attributes
                .iter()
                .map(|(name, value)| ((*name).to_owned(), json(value)))
                .collect(),
            error: span.error.as_ref().map(ToString::to_string),
        };
        Self {
            trace: trace.trace.to_string(),
            node: node.clone(),
            cut: trace.cut,
            spans: trace.spans.iter().map(span).collect(),
        }
    }
}

impl TraceDocument {
    /// Whether another region relayed the request to this node.
    pub(crate) fn is_relayed(&self) -> bool {
        let door = self.spans.first();
        let door = door.and_then(|root| root.attributes.get("tidegate.door"));
        door.is_some_and(|door| door == RELAY_DOOR)
    }
}

fn json(value: &Value) -> serde_json::Value {
    match value {
        Value::Int(number) => (*number).into(),
        Value::Bool(yes) => (*yes).into(),
        Value::Word(_) | Value::Text(_) | Value::Shared(_) => value.to_string().into(),
    }
}
