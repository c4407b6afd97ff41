//! Plans and vetoes in words, for status, logs and operators.

use std::fmt;

use crate::{Missing, Reason, State, Veto};

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Starting => f.write_str("starting"),
            Self::Fit => f.write_str("passed its checks"),
            Self::Returning => f.write_str("passed its checks again, the second choice at first"),
            Self::Ailing(trouble) => {
                write!(
                    f,
                    "failed its checks and serves something still, as the second choice: {trouble}"
                )
            }
            Self::Unfit(trouble) => write!(f, "failed its checks: {trouble}"),
            Self::Leaving => f.write_str("being stopped"),
        }
    }
}

impl fmt::Display for Veto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LastOne => f.write_str(
                "stays announced, because no other node is known to be announced, fit and staying",
            ),
            Self::Held => f.write_str("stays as it is, because an operator holds it"),
            Self::Frozen => f.write_str("stays as it is, because `steer.freeze` is set"),
            Self::Capacity { load, room } => write!(
                f,
                "stays announced, because the others have room for {room} requests a second and it has {load}"
            ),
            Self::Step => f.write_str(
                "waits, because a node of its region has just left: first it is seen what that does",
            ),
            Self::NoPermit(missing) => missing.fmt(f),
            Self::NotTheirs => f.write_str(
                "stays until a node that would remain lets it go: those that do are not announced",
            ),
        }
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            have,
            need,
            instead,
        } = self;
        write!(
            f,
            "stays until most regions let it go ({have} of {need} do)"
        )?;
        match instead {
            Some(node) => write!(f, "; {node} is being let go at the moment"),
            None => f.write_str("; a region lets go one at a time, and none just after its start"),
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Starting => "starting",
            Self::Announced => "announced",
            Self::Withdrawn => "withdrawn",
            Self::Leaving => "leaving",
        })
    }
}
