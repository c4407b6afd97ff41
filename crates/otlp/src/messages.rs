//! The messages of OTLP that we send, by their numbers in OpenTelemetry's definitions (v1). What is
//! not listed is passed over, as protobuf does with what it does not know.

mod common;
mod logs;
mod traces;

pub use common::{AnyValue, InstrumentationScope, KeyValue, PartialSuccess, Resource, Value};
pub use logs::{
    ExportLogsServiceRequest, ExportLogsServiceResponse, LogRecord, ResourceLogs, ScopeLogs,
};
pub use traces::{
    ExportTraceServiceRequest, ExportTraceServiceResponse, ResourceSpans, ScopeSpans, Span,
    SpanKind, Status, StatusCode,
};

/// What can be sent to a collector.
pub trait Export: prost::Message + Clone + 'static {
    /// Where it goes by HTTP, below the collector's URL.
    const HTTP_PATH: &'static str;
    /// What is called by gRPC.
    const GRPC_PATH: &'static str;
    /// What is answered.
    type Answer: prost::Message + Default + 'static;

    /// What the answer says of it.
    fn accepted(answer: Self::Answer) -> Accepted;
}

/// What a collector says of what it took.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Accepted {
    /// So many of the request's spans or records it rejected. Sending them again is no use.
    pub rejected: u64,
    /// Why, or some other remark.
    pub message: String,
}

impl From<Option<PartialSuccess>> for Accepted {
    fn from(partial: Option<PartialSuccess>) -> Self {
        let partial = partial.unwrap_or_default();
        Self {
            rejected: u64::try_from(partial.rejected).unwrap_or_default(),
            message: partial.error_message,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_rejected_is_told_and_never_less_than_nothing() {
        let said = |rejected| {
            let partial_success = Some(PartialSuccess {
                rejected,
                error_message: "why".to_owned(),
            });
            ExportTraceServiceRequest::accepted(ExportTraceServiceResponse { partial_success })
        };
        assert_eq!((said(3).rejected, said(-1).rejected), (3, 0));
        assert_eq!(said(0).message, "why");
        let nothing = ExportLogsServiceRequest::accepted(ExportLogsServiceResponse::default());
        assert_eq!(nothing, Accepted::default());
    }
}
