//! What a node found wrong with itself.

use std::fmt;

/// What a node found wrong with itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trouble {
    /// In words.
    pub what: String,
    /// Whether it can still serve something: then it could wait.
    pub serves_some: bool,
}

impl Trouble {
    /// Something that leaves nothing to serve with.
    pub fn total(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            serves_some: false,
        }
    }

    /// Something that leaves a part of the services.
    pub fn partial(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            serves_some: true,
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}
