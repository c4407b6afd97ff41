//! Issuers' keys, and what they signed.
//!
//! A [`Keyring`] holds the keys of one issuer: read from a file, or fetched and kept fresh. It is the
//! `Verify` that identity's method for tokens asks. [`Tokens`] are all such methods of a generation.

mod connect;
mod fetch;
mod keyring;
mod keyset;
mod methods;
mod refresh;
mod source;

pub use keyring::{FETCHES, Keyring};
pub use methods::{Around, Tokens, TokensSpec};

/// The one provider of the mathematics in this process; call it before anything that verifies.
pub fn install_crypto() {
    // An error says that it is installed already.
    let _already = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
}
