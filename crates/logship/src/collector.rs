//! A collector of OpenTelemetry: lines of JSON become records with the names of its semantic
//! conventions. What these have no name for is below `tidegate.`.

use serde_json::{Map, Value as Json};
use tidegate_model::Wall;
use tidegate_otlp::{
    AnyValue, ExportLogsServiceRequest, Exporter, FailureKind, InstrumentationScope, KeyValue,
    LogRecord, Resource, ResourceLogs, ScopeLogs, Value,
};
use tidegate_telemetry::DropReason;

use crate::batch::Batch;
use crate::failure::Failure;
use crate::shipper::Taken;

/// A collector.
#[derive(Debug)]
pub struct Collector {
    exporter: Exporter,
    resource: Resource,
}

/// Fields of a line, and what OpenTelemetry calls them.
const NAMES: [(&str, &str); 10] = [
    ("method", "http.request.method"),
    ("status", "http.response.status_code"),
    ("host", "server.address"),
    ("path", "url.path"),
    ("query", "url.query"),
    ("client", "client.address"),
    ("agent", "user_agent.original"),
    ("bytes_in", "http.request.body.size"),
    ("bytes_out", "http.response.body.size"),
    ("protocol", "network.protocol.version"),
];

impl Collector {
    /// Of a node in a region.
    #[must_use]
    pub fn new(exporter: Exporter, region: &str, node: &str) -> Self {
        let resource = Resource {
            attributes: vec![
                KeyValue::new("service.name", "tidegate"),
                KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
                KeyValue::new("service.instance.id", format!("{region}/{node}")),
                KeyValue::new("cloud.region", region),
                KeyValue::new("tidegate.region", region),
                KeyValue::new("tidegate.node", node),
            ],
        };
        Self { exporter, resource }
    }

    pub(crate) async fn send(&self, batch: &Batch) -> Result<Taken, Failure> {
        let request = request(&self.resource, batch);
        match self.exporter.send(&request).await {
            Ok(accepted) => Ok(Taken {
                lost: accepted.rejected,
                why: Some(Failure::refused(accepted.message)),
            }),
            Err(failure) => Err(Failure {
                reason: match failure.kind {
                    FailureKind::Unreachable => DropReason::Unreachable,
                    FailureKind::Timeout => DropReason::Timeout,
                    FailureKind::Refused => DropReason::Refused,
                },
                why: failure.message,
                passing: failure.passing,
                after: failure.after,
            }),
        }
    }
}

fn request(resource: &Resource, batch: &Batch) -> ExportLogsServiceRequest {
    let scope = InstrumentationScope {
        name: "tidegate.access_log".to_owned(),
        version: String::new(),
    };
    let records = batch.each().map(|(line, at)| record(line, at));
    ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs {
            resource: Some(resource.clone()),
            scope_logs: vec![ScopeLogs {
                scope: Some(scope),
                log_records: records.collect(),
            }],
        }],
    }
}

fn record(line: &str, at: Wall) -> LogRecord {
    // Lines are written as objects.
    let fields: Map<String, Json> = serde_json::from_str(line).unwrap_or_default();
    let text = |name: &str| fields.get(name).and_then(Json::as_str).unwrap_or_default();
    let status = fields.get("status").and_then(Json::as_u64).unwrap_or(0);
    let broken = !text("ended").is_empty();
    let (severity_number, severity_text) = match status {
        500.. => (17, "ERROR"),
        400.. => (13, "WARN"),
        _ if broken => (13, "WARN"),
        _ => (9, "INFO"),
    };
    let mut attributes: Vec<KeyValue> = fields.iter().filter_map(attribute).collect();
    let error = [text("ended"), text("refusal")];
    if let Some(error) = error.into_iter().find(|error| !error.is_empty()) {
        attributes.push(KeyValue::new("error.type", error));
    } else if status >= 500 {
        attributes.push(KeyValue::new("error.type", status.to_string()));
    }
    let time_unix_nano = at.unix_micros().saturating_mul(1_000);
    let body = format!("{} {} {status}", text("method"), text("path"));
    LogRecord {
        time_unix_nano,
        observed_time_unix_nano: time_unix_nano,
        severity_number,
        severity_text: severity_text.to_owned(),
        body: Some(AnyValue::from(Value::from(body))),
        attributes,
        flags: 0,
        trace_id: bytes_of(text("trace_id"), 16),
        span_id: bytes_of(text("span_id"), 8),
        event_name: String::new(),
    }
}

fn attribute((name, value): (&String, &Json)) -> Option<KeyValue> {
    if ["time", "trace_id", "span_id"].contains(&name.as_str()) {
        return None;
    }
    let known = NAMES.iter().find(|(field, _)| field == name);
    let before = if name == "protocol" { "HTTP/" } else { "" };
    let name = known.map_or_else(
        || format!("tidegate.{name}"),
        |(_, name)| (*name).to_owned(),
    );
    let value = match value {
        Json::String(text) => Value::from(text.strip_prefix(before).unwrap_or(text)),
        Json::Number(number) => Value::from(number.as_i64()?),
        Json::Bool(yes) => Value::from(*yes),
        Json::Null | Json::Array(_) | Json::Object(_) => return None,
    };
    Some(KeyValue::new(&name, value))
}

/// So many bytes from hexadecimal digits, or none.
fn bytes_of(hex: &str, length: usize) -> Vec<u8> {
    let byte = |at: usize| {
        let pair = hex.get(2 * at..2 * at + 2)?;
        u8::from_str_radix(pair, 16).ok()
    };
    let bytes: Option<Vec<u8>> = (0..length).map(byte).collect();
    bytes
        .filter(|_| hex.len() == 2 * length)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(record: &LogRecord, name: &str) -> Option<Value> {
        let found = record.attributes.iter().find(|it| it.key == name)?;
        found.value.clone()?.value
    }

    #[test]
    fn a_record_has_the_names_of_the_conventions() {
        let at = Wall::from_unix_micros(1_795_357_987_000_123);
        let line = r#"{"time":"2026","status":503,"method":"GET","path":"/a","protocol":"HTTP/1.1",
            "refusal":"no_endpoint","route":"orders","took_us":7,
            "trace_id":"0af7651916cd43dd8448eb211c80319c","span_id":"b7ad6b7169203331"}"#;
        let record = record(line, at);
        assert_eq!(record.time_unix_nano, 1_795_357_987_000_123_000);
        assert_eq!((record.severity_number, record.trace_id.len()), (17, 16));
        assert_eq!(
            record.span_id,
            [0xb7, 0xad, 0x6b, 0x71, 0x69, 0x20, 0x33, 0x31]
        );
        for (name, want) in [
            ("http.request.method", Value::from("GET")),
            ("http.response.status_code", Value::from(503)),
            ("network.protocol.version", Value::from("1.1")),
            ("error.type", Value::from("no_endpoint")),
            ("tidegate.route", Value::from("orders")),
            ("tidegate.took_us", Value::from(7)),
        ] {
            assert_eq!(of(&record, name), Some(want), "{name}");
        }
        assert_eq!(of(&record, "tidegate.time"), None);
    }

    #[test]
    fn severity_goes_by_status_and_by_how_it_ended() {
        let severity = |line: &str| record(line, Wall::from_unix_secs(1)).severity_number;
        assert_eq!(severity(r#"{"status":200}"#), 9);
        assert_eq!(severity(r#"{"status":200,"ended":"upstream"}"#), 13);
        assert_eq!(severity(r#"{"status":404}"#), 13);
        assert_eq!(severity(r#"{"status":500}"#), 17);
    }

    #[test]
    fn a_name_of_a_trace_that_is_none_is_left_out() {
        for bad in ["", "00", "zz7651916cd43dd8448eb211c80319c", "ü"] {
            assert!(bytes_of(bad, 16).is_empty(), "{bad}");
        }
    }
}
