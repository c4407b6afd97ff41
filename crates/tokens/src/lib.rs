//! Issuers' keys, and what they signed.
//!
//! A [`Keyring`] holds the keys of one issuer: read from a file, or fetched and kept fresh. It is
//! the `Verify` that identity's method for tokens asks. [`Tokens`] are all such methods of a
//! generation, and [`Signatures`] those that look at signed requests. [`Signer`] is the other side:
//! the gateway's own keys, and what they say of callers. [`Sealer`] has the keys of cookies that
//! browsers keep for us.

mod connect;
mod crypto;
mod fetch;
mod files;
mod keyring;
mod keyset;
mod methods;
mod probe;
mod refresh;
mod sealer;
mod signatures;
mod signer;
mod source;

pub use connect::{Connector, Stream, trust};
pub use crypto::install_crypto;
pub use files::{UnusableFile, unusable_files};
pub use keyring::{FETCHES, Keyring};
pub use methods::{Around, Tokens, TokensSpec};
pub use probe::probe;
pub use sealer::Sealer;
pub use signatures::{Signatures, unusable_signature_files};
pub use signer::Signer;
