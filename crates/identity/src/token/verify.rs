//! Whether a signature is right: asked here, answered by a shell that has the keys and the
//! mathematics.

use std::fmt;

use super::Algorithm;

/// What is said of a signature.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Checked {
    /// It is the key's.
    Good,
    /// It is not.
    Bad,
    /// The key serves other algorithms.
    Unfit,
    /// There is no such key.
    Unknown,
    /// No keys are known at all yet.
    NoKeys,
}

/// Checks signatures with the keys of one issuer.
pub trait Verify: fmt::Debug + Send + Sync {
    /// Which keys these are: another number after each change, so that nothing that was verified
    /// with keys that went is believed any longer.
    fn generation(&self) -> u64;

    /// Checks a signature (in base64url) by the key of this name, or by one that fits if the token
    /// names none.
    fn verify(
        &self,
        kid: Option<&str>,
        algorithm: Algorithm,
        message: &[u8],
        signature: &str,
    ) -> Checked;
}
