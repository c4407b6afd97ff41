//! A request and what came of it.

use serde::{Deserialize, Serialize};

/// A request of a client.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Asked {
    /// When it was begun.
    pub at: u64,
    /// How long it took until its answer, or its failure, in microseconds.
    pub took: u64,
    /// The region that the client is near.
    pub from: String,
    /// By which kind of client.
    pub how: How,
    /// Who answered, as far as the answer tells: `REGION.NODE`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub by: Option<String>,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<String>,
}

/// A kind of client.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// A connection for each request.
    Fresh,
    /// One connection for as long as it lasts.
    KeepAlive,
    /// The same, with HTTP/2.
    H2,
}

impl How {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Fresh, Self::KeepAlive, Self::H2];

    /// As it is written.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::KeepAlive => "keep-alive",
            Self::H2 => "h2",
        }
    }
}

impl Asked {
    /// When it had ended.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.at.saturating_add(self.took)
    }

    /// The region that answered.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        let by = self.by.as_deref()?;
        Some(by.split_once('.').map_or(by, |(region, _)| region))
    }
}
