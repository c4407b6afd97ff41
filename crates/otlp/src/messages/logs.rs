//! Logs (`opentelemetry.proto.logs.v1`, `collector.logs.v1`).

use super::{Accepted, AnyValue, Export, InstrumentationScope, KeyValue, PartialSuccess, Resource};

/// `ExportLogsServiceRequest`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ExportLogsServiceRequest {
    /// By who speaks.
    #[prost(message, repeated, tag = "1")]
    pub resource_logs: Vec<ResourceLogs>,
}

/// `ExportLogsServiceResponse`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ExportLogsServiceResponse {
    /// What was not taken.
    #[prost(message, optional, tag = "1")]
    pub partial_success: Option<PartialSuccess>,
}

impl Export for ExportLogsServiceRequest {
    const HTTP_PATH: &'static str = "/v1/logs";
    const GRPC_PATH: &'static str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";
    type Answer = ExportLogsServiceResponse;

    fn accepted(answer: Self::Answer) -> Accepted {
        answer.partial_success.into()
    }
}

/// `ResourceLogs`: records of one speaker.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ResourceLogs {
    /// Who speaks.
    #[prost(message, optional, tag = "1")]
    pub resource: Option<Resource>,
    /// By which part of it.
    #[prost(message, repeated, tag = "2")]
    pub scope_logs: Vec<ScopeLogs>,
}

/// `ScopeLogs`: records of one part of it.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ScopeLogs {
    /// Which part.
    #[prost(message, optional, tag = "1")]
    pub scope: Option<InstrumentationScope>,
    /// The records.
    #[prost(message, repeated, tag = "2")]
    pub log_records: Vec<LogRecord>,
}

/// `LogRecord`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct LogRecord {
    /// When it happened, in nanoseconds since 1970.
    #[prost(fixed64, tag = "1")]
    pub time_unix_nano: u64,
    /// How grave it is: 9 is information, 13 a warning, 17 an error.
    #[prost(int32, tag = "2")]
    pub severity_number: i32,
    /// The same in words.
    #[prost(string, tag = "3")]
    pub severity_text: String,
    /// What is told.
    #[prost(message, optional, tag = "5")]
    pub body: Option<AnyValue>,
    /// What is known of it.
    #[prost(message, repeated, tag = "6")]
    pub attributes: Vec<KeyValue>,
    /// W3C's flags in the lowest byte.
    #[prost(fixed32, tag = "8")]
    pub flags: u32,
    /// The trace that it belongs to: 16 bytes, or none.
    #[prost(bytes = "vec", tag = "9")]
    pub trace_id: Vec<u8>,
    /// The span that it belongs to: 8 bytes, or none.
    #[prost(bytes = "vec", tag = "10")]
    pub span_id: Vec<u8>,
    /// When it was noticed.
    #[prost(fixed64, tag = "11")]
    pub observed_time_unix_nano: u64,
    /// What kind of event it is.
    #[prost(string, tag = "12")]
    pub event_name: String,
}
