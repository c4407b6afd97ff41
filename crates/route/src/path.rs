//! Patterns over paths, and the trie of segments that finds the best one.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer};

/// One step of a pattern.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
enum Segment {
    Literal(Box<str>),
    Parameter(Box<str>),
}

/// `/orders`, `/orders/{id}`, or `/static/*` for every path that begins with `/static/`.
///
/// A `{parameter}` matches exactly one segment that is not empty. A trailing slash counts: `/a` and
/// `/a/` differ.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PathPattern {
    segments: Vec<Segment>,
    /// Whether the pattern ends with `*`.
    open: bool,
}

impl PathPattern {
    /// A path that this pattern takes.
    #[must_use]
    pub fn example(&self) -> String {
        let mut path = String::new();
        for segment in &self.segments {
            path.push('/');
            path.push_str(match segment {
                Segment::Literal(text) => text,
                Segment::Parameter(_) => "1",
            });
        }
        if self.open {
            path.push_str("/anything");
        }
        path
    }

    /// Whether some path fits both.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        let (a, b) = (&self.segments, &other.segments);
        let together = a.iter().zip(b).all(|(a, b)| a.overlaps(b));
        // An open pattern takes at least one segment more than it has.
        let ends = match a.len().cmp(&b.len()) {
            Ordering::Equal => self.open == other.open,
            Ordering::Less => self.open,
            Ordering::Greater => other.open,
        };
        together && ends
    }

    /// Whether every path that fits this fits the other.
    #[must_use]
    pub fn within(&self, other: &Self) -> bool {
        let (a, b) = (&self.segments, &other.segments);
        let together = a.len() >= b.len() && a.iter().zip(b).all(|(a, b)| a.within(b));
        together
            && match other.open {
                true => a.len() > b.len() || self.open,
                false => a.len() == b.len() && !self.open,
            }
    }
}

impl Segment {
    fn overlaps(&self, other: &Self) -> bool {
        self.within(other) || other.within(self)
    }

    /// A parameter takes one segment that is not empty.
    fn within(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Literal(text), Self::Literal(other)) => text == other,
            (Self::Literal(text), Self::Parameter(_)) => !text.is_empty(),
            (Self::Parameter(_), Self::Parameter(_)) => true,
            (Self::Parameter(_), Self::Literal(_)) => false,
        }
    }
}

impl FromStr for PathPattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some(rest) = text.strip_prefix('/') else {
            return Err(format!(
                "`{text}` is not a path: it must start with a slash"
            ));
        };
        if text.contains(['?', '#']) {
            return Err(format!(
                "`{text}` has a query or a fragment: a path pattern ends before `?` and `#`"
            ));
        }
        let (rest, open) = match rest.strip_suffix('*') {
            Some("") => {
                return Ok(Self {
                    segments: Vec::new(),
                    open: true,
                });
            }
            Some(rest) => match rest.strip_suffix('/') {
                Some(rest) => (rest, true),
                None => {
                    return Err(format!(
                        "`{text}` cuts a segment: `*` stands alone, as in /static/*"
                    ));
                }
            },
            None => (rest, false),
        };
        let segments = rest
            .split('/')
            .map(|part| segment(text, part))
            .collect::<Result<_, _>>()?;
        Ok(Self { segments, open })
    }
}

fn segment(whole: &str, part: &str) -> Result<Segment, String> {
    if part.contains('*') {
        return Err(format!(
            "`{whole}` has `*` inside: it may only stand at the end, as in /static/*"
        ));
    }
    if matches!(part, "." | "..") {
        return Err(format!(
            "`{whole}` has a dot segment: requests are normalised first, so it could never match"
        ));
    }
    if let Some(name) = part.strip_prefix('{').and_then(|p| p.strip_suffix('}')) {
        let plain =
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        return if plain {
            Ok(Segment::Parameter(name.into()))
        } else {
            Err(format!(
                "`{{{name}}}` is not a parameter name: use letters, digits and _"
            ))
        };
    }
    if part.contains(['{', '}']) {
        return Err(format!(
            "`{whole}` mixes text and a parameter in one segment: a parameter fills a segment"
        ));
    }
    Ok(Segment::Literal(part.into()))
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for segment in &self.segments {
            match segment {
                Segment::Literal(text) => write!(f, "/{text}")?,
                Segment::Parameter(name) => write!(f, "/{{{name}}}")?,
            }
        }
        if self.open { f.write_str("/*") } else { Ok(()) }
    }
}

impl<'de> Deserialize<'de> for PathPattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// A trie over segments. `T` is what stands at the end of a pattern.
#[derive(Debug)]
pub(crate) struct PathTrie<T> {
    literals: BTreeMap<Box<str>, Self>,
    parameter: Option<Box<Self>>,
    ends: Option<T>,
    open_ends: Option<T>,
}

impl<T> Default for PathTrie<T> {
    fn default() -> Self {
        Self {
            literals: BTreeMap::new(),
            parameter: None,
            ends: None,
            open_ends: None,
        }
    }
}

impl<T: Default> PathTrie<T> {
    /// What stands at the end of `pattern`, made if there is nothing yet.
    pub(crate) fn entry(&mut self, pattern: &PathPattern) -> &mut T {
        let mut node = self;
        for segment in &pattern.segments {
            node = match segment {
                Segment::Literal(text) => node.literals.entry(text.clone()).or_default(),
                Segment::Parameter(_) => node.parameter.get_or_insert_with(Box::default),
            };
        }
        if pattern.open {
            node.open_ends.get_or_insert_default()
        } else {
            node.ends.get_or_insert_default()
        }
    }
}

impl<T> PathTrie<T> {
    /// Visits what matches `path`, best first, until `visit` returns true.
    ///
    /// `path` starts with a slash and is normalised.
    pub(crate) fn find<'t>(&'t self, path: &str, visit: &mut impl FnMut(&'t T) -> bool) -> bool {
        self.descend(path.strip_prefix('/'), visit)
    }

    /// `rest` is what follows the slash, or `None` once the last segment is consumed. Each trie
    /// node is visited at most once for a given rest, and the rest only shrinks, so the walk is
    /// bounded by the table, not by the path.
    fn descend<'t>(&'t self, rest: Option<&str>, visit: &mut impl FnMut(&'t T) -> bool) -> bool {
        let Some(rest) = rest else {
            return self.ends.as_ref().is_some_and(visit);
        };
        let (head, tail) = match rest.split_once('/') {
            Some((head, tail)) => (head, Some(tail)),
            None => (rest, None),
        };
        if self
            .literals
            .get(head)
            .is_some_and(|next| next.descend(tail, visit))
        {
            return true;
        }
        if !head.is_empty()
            && self
                .parameter
                .as_ref()
                .is_some_and(|next| next.descend(tail, visit))
        {
            return true;
        }
        self.open_ends.as_ref().is_some_and(visit)
    }
}
