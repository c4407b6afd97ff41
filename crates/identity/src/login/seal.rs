//! Sealed cookies: text that a browser keeps for us and can neither read nor change.
//!
//! Here is what is sealed under which purpose, and how the text looks; the mathematics is brought
//! by a shell. What a text is for is sealed with it, so that none can be used for another purpose,
//! by another method, or for another browser's login.

use std::fmt;

/// Random bytes that a sealed text needs.
pub type Nonce = [u8; 12];

/// Seals and opens with the keys of an operator.
pub trait Seal: fmt::Debug + Send + Sync {
    /// Seals a text for a purpose. `nonce` must be random.
    fn seal(&self, purpose: &str, text: &[u8], nonce: Nonce) -> String;

    /// What was sealed for this purpose with a key that is still there.
    fn open(&self, purpose: &str, sealed: &str) -> Option<Vec<u8>>;
}

/// Randomness of whoever decides, 32 bytes at a time.
pub type Random<'r> = &'r mut dyn FnMut() -> [u8; 32];

pub(super) fn nonce(random: Random<'_>) -> Nonce {
    let bytes = random();
    std::array::from_fn(|i| bytes[i])
}
