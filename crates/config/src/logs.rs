//! Further destinations of the access log: `logs` in a region's file.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Deserialize;
use tidegate_model::{ByteSize, Period};

use crate::{BatchSpec, CloudwatchSpec, HttpLogSpec, KafkaSpec, OtlpSpec, Spanned};

/// A destination of the access log.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogSpec {
    /// Where lines go.
    pub to: Spanned<LogTo>,
    /// How they look.
    #[serde(default)]
    pub format: LogFormatSpec,
    /// Fields that are left out.
    #[serde(default)]
    pub omit: Vec<LogField>,
    /// Of these routes, by name, only this part of what went well is logged.
    #[serde(default)]
    pub sample: BTreeMap<String, Spanned<f64>>,
    /// Bytes that may wait; beyond them lines are dropped.
    #[serde(default = "queue_max")]
    pub queue_max: ByteSize,
    /// How lines are sent together, where they are.
    #[serde(default)]
    pub batch: Option<Spanned<BatchSpec>>,
}

/// Where lines go.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogTo {
    /// Standard output.
    Stdout,
    /// A file.
    File(LogFileSpec),
    /// A server of syslog.
    Syslog(SyslogSpec),
    /// A server of HTTP that takes many lines at a time.
    Http(HttpLogSpec),
    /// CloudWatch Logs of AWS.
    Cloudwatch(CloudwatchSpec),
    /// A topic of Kafka.
    Kafka(KafkaSpec),
    /// A collector of OpenTelemetry.
    Otlp(OtlpSpec),
}

/// A file that lines go to.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogFileSpec {
    /// Which.
    pub path: PathBuf,
    /// It is put aside when it is this large; never if left out.
    #[serde(default)]
    pub size_max: Option<ByteSize>,
    /// And at the first request of each period of this length, counted from midnight UTC.
    #[serde(default)]
    pub each: Option<Spanned<Period>>,
    /// So many that were put aside are kept.
    #[serde(default = "keep")]
    pub keep: u32,
}

/// How syslog is reached.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SyslogSpec {
    /// By a datagram each line.
    Udp(SocketAddr),
    /// By a connection.
    Tcp(SocketAddr),
    /// By a socket of this machine.
    Unix(PathBuf),
}

/// How lines look.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormatSpec {
    /// One flat JSON object a line.
    #[default]
    Json,
    /// JSON in the Elastic Common Schema.
    Ecs,
    /// Apache's combined format.
    Combined,
}

macro_rules! fields {
    ($($name:ident $word:literal)+) => {
        /// A field that may be left out.
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[expect(missing_docs, reason = "regions/README.md describes them")]
        pub enum LogField { $($name),+ }

        impl LogField {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// Its name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $word),+ }
            }
        }
    };
}

fields! {
    Id "id" Method "method" Host "host" Path "path" Query "query" Protocol "protocol"
    Client "client" Agent "agent" Referer "referer" Door "door" Route "route" Refusal "refusal"
    Shadow "shadow" Partition "partition" Unstored "unstored" Ended "ended" Consumer "consumer"
    Key "key" Auth "auth" Endpoint "endpoint" Relay "relay" Attempts "attempts" Bytes "bytes"
    TraceId "trace_id"
}

const fn queue_max() -> ByteSize {
    ByteSize::from_kib(4 * 1_024)
}

const fn keep() -> u32 {
    5
}
