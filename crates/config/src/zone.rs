//! What the operator wrote about the DNS zone that nodes serve.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::Deserialize;
use tidegate_model::{Period, Prefix};

use crate::Spanned;

/// A DNS zone whose answers are the regions that are announced.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ZoneSpec {
    /// Its name: `edge.example.com`.
    pub name: String,
    /// The names of its servers, as the zone above has them.
    pub servers: Vec<String>,
    /// Whom to write to, with a dot for the `@`: `hostmaster.example.com`.
    pub contact: String,
    /// How long resolvers may keep an answer.
    #[serde(default = "ttl")]
    pub ttl: Period,
    /// The names that have addresses, relative to the zone; `@` is the zone itself.
    #[serde(default = "apex")]
    pub names: Vec<String>,
    /// Where clients reach each region.
    pub addresses: BTreeMap<String, Spanned<Vec<IpAddr>>>,
    /// Networks of clients and the region that is nearest to them. Others get the one that is
    /// nearest to the node that answers.
    #[serde(default)]
    pub near: BTreeMap<Prefix, Spanned<String>>,
    /// So many regions in one answer at most.
    #[serde(default = "one")]
    pub regions_max: u8,
    /// Answers a second over UDP for each network of clients; then they are sent to TCP.
    #[serde(default = "answers_per_second")]
    pub answers_per_second: u32,
}

const fn ttl() -> Period {
    Period::from_secs(20)
}

fn apex() -> Vec<String> {
    vec!["@".to_owned()]
}

const fn one() -> u8 {
    1
}

const fn answers_per_second() -> u32 {
    50
}
