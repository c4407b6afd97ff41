//! What the operator wrote about doors: where clients come in.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Deserialize;
use tidegate_model::{ByteSize, Exposure, Period, Prefix};

use crate::Spanned;

/// The door by which nodes of other regions pass requests on. It is at the mesh's address, by TCP.
pub const RELAY_DOOR: &str = "relay";

/// A door for clients, the same on all nodes of a region except for its address.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DoorSpec {
    /// Where nodes listen that do not say so themselves.
    pub listen: Option<Spanned<SocketAddr>>,
    /// Certificates, if the door is encrypted. HTTP/1.1 and HTTP/2 are offered either way; without
    /// TLS, HTTP/2 by prior knowledge.
    pub tls: Option<TlsSpec>,
    /// Proxies in front whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Prefix>,
    /// Whether answers tell in a `tidegate-limits` field how limits decided. For inner doors.
    pub debug: bool,
    /// Which routes it shows: those of its own exposure and of wider ones.
    pub exposure: Exposure,
    /// Connections open at a time, on all cores together. Beyond it, new ones are closed at once.
    pub connections_max: u32,
    /// The largest header section, the request line included.
    pub header_max: ByteSize,
    /// Requests at a time on one HTTP/2 connection.
    pub streams_max: u32,
    /// Times.
    pub timeouts: DoorTimeouts,
}

impl Default for DoorSpec {
    fn default() -> Self {
        Self {
            listen: None,
            tls: None,
            trusted_proxies: Vec::new(),
            debug: false,
            exposure: Exposure::Public,
            connections_max: 10_000,
            header_max: ByteSize::from_kib(64),
            streams_max: 128,
            timeouts: DoorTimeouts::default(),
        }
    }
}

/// How long a door waits for clients.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DoorTimeouts {
    /// From the connection to its first byte, and for the TLS handshake.
    pub first_byte: Period,
    /// From a request's first byte to the end of its header section.
    pub header: Period,
    /// Between requests on one connection.
    pub idle: Period,
}

impl Default for DoorTimeouts {
    fn default() -> Self {
        Self {
            first_byte: Period::from_secs(10),
            header: Period::from_secs(10),
            idle: Period::from_secs(75),
        }
    }
}

/// Where a door's certificate is.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsSpec {
    /// The chain in PEM, the door's own certificate first. Relative paths start at the data folder.
    pub certificate: PathBuf,
    /// Its key in PEM.
    pub key: PathBuf,
    /// Clients are asked for a certificate that descends from one of these, in PEM.
    #[serde(default)]
    pub client_ca: Option<PathBuf>,
    /// Lists of clients' certificates that are revoked, in PEM.
    #[serde(default)]
    pub client_crls: Vec<PathBuf>,
    /// Whether a client without a certificate is turned away.
    #[serde(default)]
    pub client_required: bool,
}
