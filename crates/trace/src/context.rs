//! Where in a trace somebody is.

use crate::{SpanId, TraceId};

/// What whoever sent a request says of the trace that it belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Parent {
    /// The trace.
    pub trace: TraceId,
    /// The sender's span.
    pub span: SpanId,
    /// Whether the trace is kept, as far as the sender knows. B3 may leave it open.
    pub sampled: Option<bool>,
    /// Whether it was said in W3C's words, so that its `tracestate` goes on.
    pub w3c: bool,
}

/// What whoever gets a request is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Context {
    /// The trace.
    pub trace: TraceId,
    /// Our span.
    pub span: SpanId,
    /// Whether the trace is kept.
    pub sampled: bool,
}
