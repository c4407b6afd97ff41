//! Turns the text under `regions/` into a checked generation.
//!
//! Three steps: a text becomes a `tree` in which every value knows its place; trees become specs
//! through serde (`read`), which goes on after an error, so that one run reports every problem;
//! specs are put together and their references resolved (`resolve`). Files are read elsewhere:
//! texts come in.

mod anycast;
mod auth;
mod door;
mod load;
mod log_batches;
mod log_kafka;
mod logs;
mod otlp;
mod places;
mod read;
mod region;
mod report;
mod require;
mod resolve;
mod source;
mod suggest;
mod traces;
mod tree;
mod world;
mod zone;

pub use anycast::{
    AcceleratorSpec, AnycastSpec, BirdSpec, Community, DirectorSpec, ExaBgpSpec, GoBgpSpec,
    LevelSpec,
};
pub use auth::{AnonymousSpec, AuthenticatorSpec, BY_KEY, EVERYONE, Methods};
pub use door::{DoorSpec, DoorTimeouts, RELAY_DOOR, TlsSpec};
pub use load::{Loaded, LoadedRegion, load, load_node};
pub use log_batches::{BatchSpec, CloudwatchSpec, DatadogSpec, HttpLogSpec, LokiSpec, ShapeSpec};
pub use log_kafka::{
    KafkaCompressionSpec, KafkaIdentitySpec, KafkaLoginSpec, KafkaMechanism, KafkaSpec,
    KafkaTlsSpec,
};
pub use logs::{LogField, LogFileSpec, LogFormatSpec, LogSpec, LogTo, SyslogSpec};
pub use otlp::{OtlpProtocol, OtlpSpec};
pub use places::Location;
pub use read::{Spanned, read};
pub use region::{DrainSpec, NodeSpec, RegionSpec};
pub use report::Report;
pub use require::{GroupSpec, RequireText};
pub use source::Source;
pub use traces::{SampleSpec, TraceFormat, TracesSpec, TracesTo};
pub use world::{MetricsSpec, PlaceSpec, RouteText, WorldSpec};
pub use zone::ZoneSpec;
