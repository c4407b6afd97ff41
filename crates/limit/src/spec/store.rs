//! Where a limit is counted, and the Redis that operators bring along.

use std::num::NonZeroU32;
use std::path::PathBuf;

use serde::{Deserialize, Deserializer};
use tidegate_model::Period;

/// Where a limit is counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoreKind {
    /// By the gateway's nodes among themselves.
    #[default]
    Mesh,
    /// In a Redis that the operator runs.
    Redis,
}

impl StoreKind {
    /// Its word in the configuration.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Mesh => "mesh",
            Self::Redis => "redis",
        }
    }
}

/// What a limit in Redis does while Redis does not answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnStoreDown {
    /// The nodes' own counts decide, which they keep all the time.
    #[default]
    Mesh,
    /// It lets everything through.
    Open,
    /// It lets nothing through.
    Closed,
}

impl OnStoreDown {
    /// Its word in the configuration.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Mesh => "mesh",
            Self::Open => "open",
            Self::Closed => "closed",
        }
    }
}

/// A Redis, or a Redis Cluster.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedisSpec {
    /// `host:port` of the server, or of some nodes of the cluster.
    pub nodes: Vec<String>,
    /// Whether they are a Redis Cluster.
    #[serde(default)]
    pub cluster: bool,
    /// Whether connections are encrypted.
    #[serde(default)]
    pub tls: bool,
    /// Certificates (PEM) of who may sign the server's; those of the system if left out.
    #[serde(default)]
    pub tls_ca: Option<PathBuf>,
    /// The user; Redis' own default user if left out.
    #[serde(default)]
    pub user: Option<String>,
    /// The file that holds the password.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// What keys begin with.
    #[serde(default = "prefix")]
    pub prefix: String,
    /// Until a connection is made.
    #[serde(default = "connect_timeout")]
    pub connect_timeout: Period,
    /// Until a command is answered.
    #[serde(default = "command_timeout")]
    pub command_timeout: Period,
    /// How often a node asks whether Redis is well, and tries again while it is not.
    #[serde(default = "probe_interval")]
    pub probe_interval: Period,
    /// Connections of a node; in a cluster, to each of its nodes.
    #[serde(default = "connections", deserialize_with = "few")]
    pub connections: NonZeroU32,
    /// Commands of a node that may wait for an answer at a time.
    #[serde(default = "in_flight_max")]
    pub in_flight_max: NonZeroU32,
}

const CONNECTIONS_MAX: u32 = 64;

fn prefix() -> String {
    "tidegate".to_owned()
}

const fn connect_timeout() -> Period {
    Period::from_millis(250)
}

const fn command_timeout() -> Period {
    Period::from_millis(50)
}

const fn probe_interval() -> Period {
    Period::from_millis(250)
}

const fn connections() -> NonZeroU32 {
    NonZeroU32::new(2).expect("not zero")
}

const fn in_flight_max() -> NonZeroU32 {
    NonZeroU32::new(1_024).expect("not zero")
}

fn few<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NonZeroU32, D::Error> {
    let n = NonZeroU32::deserialize(deserializer)?;
    if n.get() > CONNECTIONS_MAX {
        let message = format!("{n} connections are too many: at most {CONNECTIONS_MAX}");
        return Err(serde::de::Error::custom(message));
    }
    Ok(n)
}

impl RedisSpec {
    /// What is wrong with it, each with a way out.
    #[must_use]
    pub fn contradictions(&self) -> Vec<(String, &'static str)> {
        let mut found = Vec::new();
        let mut say = |wrong: bool, what: String, hint| {
            if wrong {
                found.push((what, hint));
            }
        };
        say(
            self.nodes.is_empty(),
            "no node is named".to_owned(),
            "add `nodes: [redis.internal:6379]`",
        );
        for node in &self.nodes {
            let good = node
                .rsplit_once(':')
                .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
            say(
                !good,
                format!("`{node}` is no address"),
                "write host:port; TLS, user and password have keys of their own",
            );
        }
        say(
            !self.cluster && self.nodes.len() > 1,
            format!("{} nodes that are no cluster", self.nodes.len()),
            "name one, or add `cluster: true`",
        );
        say(
            self.tls_ca.is_some() && !self.tls,
            "`tls_ca` without `tls`".to_owned(),
            "add `tls: true`",
        );
        say(
            self.user.is_some() && self.password_file.is_none(),
            "a user without a password".to_owned(),
            "add `password_file: secrets/redis`",
        );
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.:".contains(&b);
        say(
            !self.prefix.bytes().all(plain) || self.prefix.len() > 64,
            "the prefix does not fit keys".to_owned(),
            "use up to 64 letters, digits and -_.:",
        );
        for (key, period, most) in [
            ("command_timeout", self.command_timeout, 300),
            ("connect_timeout", self.connect_timeout, 500),
            ("probe_interval", self.probe_interval, 300),
        ] {
            let bad = !(Period::from_millis(1)..=Period::from_millis(most)).contains(&period);
            say(
                bad,
                format!("`{key}` is {period}"),
                "1ms to 300ms (connect_timeout: 500ms), so that a dead Redis is found within a second",
            );
        }
        found
    }
}
