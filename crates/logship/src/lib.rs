//! Brings lines of the access log to those who take many at a time: servers of HTTP in the shapes
//! of Datadog, Loki or plain JSON, CloudWatch Logs, Kafka, and collectors of OpenTelemetry.
//!
//! A [`Shipper`] is a destination of the access log. It gathers lines into batches, sends some of
//! these at once, tries again what may be taken later, and tells what became of each line. What
//! waits is bounded by the log's queue and by the batches under way; nothing here makes a request
//! wait. A leaf, because AWS's way of finding credentials and
//! Kafka's client are big.

mod batch;
mod body;
mod client;
mod cloudwatch;
mod collector;
mod failure;
mod kafka;
mod server;
mod shipper;

pub use batch::Limits;
pub use body::{Datadog, Loki, Shape};
pub use cloudwatch::Cloudwatch;
pub use collector::Collector;
pub use kafka::{Kafka, KafkaCompression, KafkaLogin, KafkaTarget, KafkaTls};
pub use server::Server;
pub use shipper::{Shipper, To};
pub use tidegate_otlp::Retry;
