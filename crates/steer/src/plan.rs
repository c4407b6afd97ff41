//! What shall be announced, and why: complete, immutable, numbered.

/// Why a plan says what it says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reason {
    /// It has not passed enough checks yet.
    Starting,
    /// It passed so many checks in a row.
    Fit,
    /// It passed them after it had been ill: at first it is the second choice.
    Returning,
    /// It failed so many checks in a row and still serves something; the last one said this. It is
    /// the second choice, and withdraws next if that lasts.
    Ailing(String),
    /// It failed so many checks in a row; the last one said this.
    Unfit(String),
    /// It is being stopped or drained.
    Leaving,
}

/// What shall be announced.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    /// Counts up with each plan of this life.
    pub number: u64,
    /// Whether the node shall be announced.
    pub announce: bool,
    /// Whether it shall be announced as the second choice: routers take it when they know of
    /// nothing else.
    pub reduced: bool,
    /// Why.
    pub reason: Reason,
}
