//! What black-box tests need: the real binary, worlds and nodes on free ports, and clients.
//!
//! Nothing here knows the program's insides. Whatever is started ends with the value that stands
//! for it, by its number.

mod aws_api;
mod browser;
mod certificate;
mod client;
mod config;
mod dynamo;
mod internet;
mod issuer;
mod kafka;
mod node;
mod oracle;
mod provider;
mod receiver;
mod replication;
mod report;
mod service;
mod surfer;
mod syslog;
mod tool;
mod way;
mod world;

pub use aws_api::AwsApi;
pub use browser::{Browser, Page};
pub use certificate::certificate;
pub use client::{Answer, Client, Load, Outcome, Tally, answer_of, raw};
pub use config::{Ports, RegionText, WorldText};
pub use dynamo::{Caller, Dynamo};
pub use internet::{Internet, can_have_internet};
pub use issuer::{Issuer, SigningKey};
pub use kafka::Kafka;
pub use node::{Node, metric};
pub use oracle::{Oracle, Says};
pub use provider::Provider;
pub use receiver::{Post, Receiver, Takes};
pub use replication::Replication;
pub use report::report;
pub use service::{Behaviour, Service};
pub use surfer::Surfer;
pub use syslog::Rsyslog;
pub use tool::{Output, binary, tidegate, tool, venv};
pub use way::{Fault, Way};
pub use world::World;
