//! How far out a door stands, and how far out a route may be seen.

use std::fmt;

use serde::Deserialize;

/// For whom something is, from all to few. A door shows routes of its own exposure and of wider
/// ones: what is public can be reached from inside, too, and never the other way round.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exposure {
    /// Everyone.
    #[default]
    Public,
    /// Those inside.
    Internal,
    /// Those who run it.
    Admin,
}

impl Exposure {
    /// Whether a door of this exposure shows a route of `route`'s.
    #[must_use]
    pub fn shows(self, route: Self) -> bool {
        route <= self
    }
}

impl fmt::Display for Exposure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Public => "public",
            Self::Internal => "internal",
            Self::Admin => "admin",
        })
    }
}
