//! What the operator wrote about upstreams.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer};
use tidegate_model::Period;

use crate::FallbackSpec;

/// `host:port`: a name to be resolved, or an address.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct EndpointName {
    /// A host name or an address, without brackets.
    pub host: Box<str>,
    /// The port.
    pub port: u16,
}

impl FromStr for EndpointName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` is not an endpoint: write host:port, like 10.0.0.7:8080 or orders.internal:80"
            )
        };
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let bare = host
            .strip_prefix('[')
            .and_then(|h| h.strip_suffix(']'))
            .unwrap_or(host);
        let bracketed = bare.len() != host.len();
        let port: u16 = port
            .parse()
            .ok()
            .filter(|port| *port > 0)
            .ok_or_else(wrong)?;
        let name = !bare.is_empty()
            && bare
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'));
        let v6 = bracketed && bare.parse::<std::net::Ipv6Addr>().is_ok();
        if name && !bracketed || v6 {
            Ok(Self {
                host: bare.to_ascii_lowercase().into(),
                port,
            })
        } else {
            Err(wrong())
        }
    }
}

impl fmt::Display for EndpointName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl<'de> Deserialize<'de> for EndpointName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// How a service behind the gateway is treated. Where it is, each region says for itself.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PoolSpec {
    /// How endpoints are asked whether they are fit.
    pub health: HealthSpec,
    /// Until a connection is made.
    pub connect_timeout: Period,
    /// From the request sent to the first byte of the answer.
    pub first_byte_timeout: Period,
    /// Between two pieces of a body, in either direction.
    pub idle_timeout: Period,
    /// For the whole exchange.
    pub total_timeout: Period,
    /// Idle connections kept, for each core and endpoint.
    pub idle_connections_max: usize,
    /// How long a connection may lie idle before it is closed. Keep it below the service's own.
    pub idle_connection_timeout: Period,
    /// Endpoints tried for one request, if connecting fails: nothing was sent yet, so any request
    /// may be tried again.
    pub attempts_max: u32,
    /// Whether and how other regions serve when this one has no endpoint left; not at all if it is
    /// left out.
    pub fallback: Option<FallbackSpec>,
}

impl Default for PoolSpec {
    fn default() -> Self {
        Self {
            health: HealthSpec::default(),
            connect_timeout: Period::from_secs(1),
            first_byte_timeout: Period::from_secs(15),
            idle_timeout: Period::from_secs(30),
            total_timeout: Period::from_secs(60),
            idle_connections_max: 256,
            idle_connection_timeout: Period::from_secs(50),
            attempts_max: 3,
            fallback: None,
        }
    }
}

/// How endpoints are asked whether they are fit.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HealthSpec {
    /// The path asked with GET; any status from 200 to 399 is good.
    #[serde(deserialize_with = "path")]
    pub path: String,
    /// How often.
    pub interval: Period,
    /// How long an answer may take.
    pub timeout: Period,
    /// Good answers in a row until an unfit endpoint is used again.
    pub rise: u32,
    /// Bad answers in a row until an endpoint is no longer used.
    pub fall: u32,
}

impl Default for HealthSpec {
    fn default() -> Self {
        Self {
            path: "/healthz".to_owned(),
            interval: Period::from_secs(1),
            timeout: Period::from_millis(500),
            rise: 2,
            fall: 2,
        }
    }
}

fn path<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let path = String::deserialize(deserializer)?;
    if path.starts_with('/') && path.bytes().all(|b| b.is_ascii_graphic()) {
        Ok(path)
    } else {
        Err(serde::de::Error::custom(format!(
            "`{path}` is not a path: it must start with a slash"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_a_host_and_a_port() {
        for (text, host, port) in [
            ("10.0.0.7:8080", "10.0.0.7", 8080),
            ("Orders.internal:80", "orders.internal", 80),
            ("[::1]:9", "::1", 9),
        ] {
            let endpoint: EndpointName = text.parse().unwrap();
            assert_eq!((&*endpoint.host, endpoint.port), (host, port));
            assert_eq!(
                endpoint.to_string().parse::<EndpointName>().unwrap(),
                endpoint
            );
        }
        for bad in [
            "",
            "host",
            "host:",
            "host:0",
            "host:99999",
            ":80",
            "::1:80",
            "a b:80",
            "[x]:80",
            "http://h:80",
        ] {
            assert!(
                bad.parse::<EndpointName>()
                    .unwrap_err()
                    .contains("not an endpoint"),
                "{bad}"
            );
        }
    }
}
