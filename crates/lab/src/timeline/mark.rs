//! A fault that was brought about or undone.

use serde::{Deserialize, Serialize};

use crate::internet::Fault;

/// Something that somebody did.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Mark {
    /// When it was begun.
    pub at: u64,
    /// The fault.
    pub fault: Fault,
    /// Whether it was undone.
    pub undo: bool,
}
