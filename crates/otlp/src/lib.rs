//! Hands telemetry to collectors, by OTLP.
//!
//! An [`Exporter`] knows one collector and sends it requests, by HTTP or by gRPC: one attempt
//! ([`Exporter::send`]), or as many as are worth it ([`Exporter::deliver`]). What is sent is
//! anything that is [`Export`]: traces and logs. Queues, and what becomes of what could not be
//! delivered, are the callers' business.

mod exporter;
mod failure;
mod gzip;
mod messages;
mod retry;

pub use exporter::{Exporter, Protocol, Target};
pub use failure::{Failure, FailureKind};
pub use gzip::gzipped;
pub use messages::{
    Accepted, AnyValue, Export, ExportLogsServiceRequest, ExportLogsServiceResponse,
    ExportTraceServiceRequest, ExportTraceServiceResponse, InstrumentationScope, KeyValue,
    LogRecord, PartialSuccess, Resource, ResourceLogs, ResourceSpans, ScopeLogs, ScopeSpans, Span,
    SpanKind, Status, StatusCode, Value,
};
pub use retry::{Attempts, Retry, retry_after};
