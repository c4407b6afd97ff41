//! Keys that signatures are checked with. HMAC is computed here; keys of other algorithms a shell
//! brings.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

/// Checks signatures by one key, with the one algorithm that the key is for.
pub trait MessageKey: fmt::Debug + Send + Sync {
    /// Whether the signature is the key's.
    fn verify(&self, message: &[u8], signature: &[u8]) -> bool;
}

/// A secret that both sides have (RFC 9421 section 3.3.3). Wiped when it goes; never printed.
pub struct HmacKey(Zeroizing<Vec<u8>>);

impl HmacKey {
    /// Bytes of a secret at least: as many as the digest has (RFC 2104 section 3).
    pub const BYTES_MIN: usize = 32;

    /// The key of this secret.
    #[must_use]
    pub const fn new(secret: Zeroizing<Vec<u8>>) -> Self {
        Self(secret)
    }
}

impl fmt::Debug for HmacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HmacKey(..)")
    }
}

impl MessageKey for HmacKey {
    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes any key");
        mac.update(message);
        // In constant time; a shorter one is none.
        mac.verify_slice(signature).is_ok()
    }
}
