//! Names of regions and nodes, and the numbers that tell one life or one configuration from the
//! next.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest name that gossip and certificates carry without cutting.
const NAME_LEN_MAX: usize = 32;

/// Why a text is no name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BadName(String);

impl fmt::Display for BadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is not a name: use 1 to {NAME_LEN_MAX} of a-z, 0-9 and -, starting and ending with a letter or digit",
            self.0
        )
    }
}

impl std::error::Error for BadName {}

/// A checked name, in place: membership compares names all the time, and follows no pointer for it.
/// What is behind the name is zero, which sorts before all that a name is made of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Name([u8; NAME_LEN_MAX]);

impl Name {
    /// A DNS label (RFC 1123), because names become certificate names and host names.
    fn checked(text: &str) -> Result<Self, BadName> {
        let fits = (1..=NAME_LEN_MAX).contains(&text.len());
        let plain = text
            .bytes()
            .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        let ends = !text.starts_with('-') && !text.ends_with('-');
        if !(fits && plain && ends) {
            return Err(BadName(text.to_owned()));
        }
        let mut bytes = [0; NAME_LEN_MAX];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        Ok(Self(bytes))
    }

    fn as_str(&self) -> &str {
        let end = self.0.iter().position(|byte| *byte == 0);
        let text = str::from_utf8(&self.0[..end.unwrap_or(NAME_LEN_MAX)]);
        text.expect("a name is plain ASCII")
    }
}

/// Reads a name from whatever holds the text, without a copy on the way.
struct Named<T>(PhantomData<T>);

impl<T: FromStr<Err = BadName>> Visitor<'_> for Named<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}

/// The name of a region: one cluster of nodes that share a data centre, such as `eu-west-1`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RegionId(Name);

impl RegionId {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl FromStr for RegionId {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        Name::checked(text).map(Self)
    }
}

impl fmt::Display for RegionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for RegionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for RegionId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for RegionId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Named(PhantomData))
    }
}

/// The name of a node: unique in its region, written `eu-west-1/a`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId {
    /// The region it serves.
    pub region: RegionId,
    name: Name,
}

impl NodeId {
    /// The node called `name` in `region`.
    ///
    /// # Errors
    /// If `name` is not a DNS label of 1 to 32 characters.
    pub fn new(region: RegionId, name: &str) -> Result<Self, BadName> {
        Ok(Self {
            region,
            name: Name::checked(name)?,
        })
    }

    /// The name within the region.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name.as_str()
    }
}

impl FromStr for NodeId {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let (region, name) = text
            .split_once('/')
            .ok_or_else(|| BadName(text.to_owned()))?;
        Self::new(region.parse()?, name)
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}/{}", self.region, self.name()))
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.region, self.name())
    }
}

impl Serialize for NodeId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (region, name) = (self.region.as_str(), self.name());
        let mut text = [b'/'; 2 * NAME_LEN_MAX + 1];
        text[..region.len()].copy_from_slice(region.as_bytes());
        let end = region.len() + 1 + name.len();
        text[region.len() + 1..end].copy_from_slice(name.as_bytes());
        let text = str::from_utf8(&text[..end]);
        serializer.serialize_str(text.expect("names are plain ASCII"))
    }
}

impl<'de> Deserialize<'de> for NodeId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Named(PhantomData))
    }
}

/// Which life of a node: larger after every start, so that counts of an earlier life are never
/// hidden by a later one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Epoch(pub u64);

/// Which configuration: a digest of its text, the same on every node that runs the same text.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
pub struct Generation(pub u64);

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0 >> 32)
    }
}

impl fmt::Debug for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_dns_labels() {
        for good in ["a", "us-east-1", "0", "a-very-long-name-of-32-character"] {
            assert_eq!(good.parse::<RegionId>().unwrap().as_str(), good);
        }
        for bad in [
            "",
            "-a",
            "a-",
            "A",
            "a_b",
            "a.b",
            "a/b",
            "a-name-that-is-longer-than-32-chr",
        ] {
            assert!(
                bad.parse::<RegionId>()
                    .unwrap_err()
                    .to_string()
                    .contains("not a name"),
                "{bad}"
            );
        }
    }

    #[test]
    fn a_node_prints_with_its_region_and_reads_back() {
        let node: NodeId = "eu-west-1/a".parse().unwrap();
        assert_eq!((node.region.as_str(), node.name()), ("eu-west-1", "a"));
        assert_eq!(node.to_string().parse::<NodeId>().unwrap(), node);
        assert!("eu-west-1".parse::<NodeId>().is_err());
        let json = serde_json::to_string(&node).unwrap();
        assert_eq!(json, "\"eu-west-1/a\"");
        assert_eq!(serde_json::from_str::<NodeId>(&json).unwrap(), node);
    }

    #[test]
    fn names_sort_as_their_texts_do() {
        let mut names: Vec<NodeId> = ["b/a", "a/b", "a-1/a", "a/a0", "a/a", "a1/z"]
            .iter()
            .map(|text| text.parse().unwrap())
            .collect();
        names.sort();
        let by_text = |node: &NodeId| (node.region.to_string(), node.name().to_owned());
        assert!(names.is_sorted_by_key(by_text), "{names:?}");
    }
}
