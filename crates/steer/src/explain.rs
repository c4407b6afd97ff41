//! Plans and vetoes in words, for status, logs and operators.

use std::fmt;

use crate::{Reason, State, Veto};

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Starting => f.write_str("starting"),
            Self::Fit => f.write_str("passed its checks"),
            Self::Unfit(trouble) => write!(f, "failed its checks: {trouble}"),
            Self::Leaving => f.write_str("being stopped"),
        }
    }
}

impl fmt::Display for Veto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LastOne => f.write_str(
                "stays announced, because no other node is known to be announced and fit",
            ),
            Self::Held => f.write_str("stays as it is, because an operator holds it"),
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
