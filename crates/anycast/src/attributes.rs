//! What goes with a route: how far it is preferred, and what it says.

use crate::Wanted;

/// GRACEFUL_SHUTDOWN, RFC 8326.
const GRACEFUL_SHUTDOWN: (u16, u16) = (65_535, 0);

/// What a route carries at one level of preference.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Attributes {
    /// MULTI_EXIT_DISC: the lower, the better; for neighbours of one AS.
    pub med: Option<u32>,
    /// How often our AS stands in the path more than once.
    pub prepend: u8,
    /// Communities.
    pub communities: Vec<(u16, u16)>,
}

/// What a route carries, by how it shall be announced.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Levels {
    /// As usual.
    pub usual: Attributes,
    /// As the second choice.
    pub second: Attributes,
}

impl Levels {
    /// What the route carries, if it is announced at all.
    #[must_use]
    pub fn of(&self, wanted: Wanted) -> Option<Attributes> {
        match wanted {
            Wanted::Announced => Some(self.usual.clone()),
            Wanted::Reduced => Some(self.second.clone()),
            Wanted::Graceful => {
                let mut attributes = self.second.clone();
                attributes.communities.push(GRACEFUL_SHUTDOWN);
                Some(attributes)
            }
            Wanted::Withdrawn => None,
        }
    }
}
