//! Patterns over host names.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer};

/// `api.example.com`, or `*.example.com` for every name below it (at any depth, but not the bare
/// domain).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum HostPattern {
    /// One host name, lower case.
    Exact(Box<str>),
    /// Every name that ends with this suffix, which starts with a dot.
    Below(Box<str>),
}

impl HostPattern {
    /// A host that this pattern takes.
    #[must_use]
    pub fn example(&self) -> String {
        match self {
            Self::Exact(name) => name.to_string(),
            Self::Below(suffix) => format!("any{suffix}"),
        }
    }
}

impl HostPattern {
    /// Whether every host that this pattern takes is one that the other takes.
    #[must_use]
    pub fn within(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Exact(name), Self::Exact(other)) => name == other,
            (Self::Exact(name), Self::Below(suffix)) => {
                name.len() > suffix.len() && name.ends_with(&**suffix)
            }
            (Self::Below(inner), Self::Below(outer)) => inner.ends_with(&**outer),
            (Self::Below(_), Self::Exact(_)) => false,
        }
    }

    /// Whether some host fits both. Of two suffixes that share a name, one ends with the other.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.within(other) || other.within(self)
    }
}

fn is_host_name(text: &str) -> bool {
    let labels_fit = text.split('.').all(|label| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    });
    text.len() <= 253 && labels_fit
}

impl FromStr for HostPattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let lower = text.to_ascii_lowercase();
        let (below, name) = match lower.strip_prefix("*.") {
            Some(name) => (true, name),
            None => (false, lower.as_str()),
        };
        if name.contains(':') {
            return Err(format!(
                "`{text}` names a port: hosts match whatever the port, leave it out"
            ));
        }
        if !is_host_name(name) {
            return Err(format!(
                "`{text}` is not a host: write api.example.com, or *.example.com for all below it"
            ));
        }
        Ok(if below {
            Self::Below(format!(".{name}").into())
        } else {
            Self::Exact(name.into())
        })
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) => f.write_str(name),
            Self::Below(suffix) => write!(f, "*{suffix}"),
        }
    }
}

impl<'de> Deserialize<'de> for HostPattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}
