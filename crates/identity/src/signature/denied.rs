//! Why a signed request is turned away.

/// Why a signed request is turned away. Clients are told what they can do better, and nothing of
/// keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SignatureDenied {
    /// The fields cannot be read, or lack what must be there.
    Malformed,
    /// Signed with keys of others.
    UnknownKey,
    /// Several signatures by keys of ours: which one is meant?
    Ambiguous,
    /// The message names another algorithm than the key's.
    Algorithm,
    /// Too old, or past the time that it sets itself.
    Stale,
    /// Made in the future.
    NotYet,
    /// It does not cover what it must.
    Uncovered,
    /// It covers what the request does not have, or what is not understood here.
    Component,
    /// It is not the key's.
    Wrong,
    /// It has no nonce.
    NonceMissing,
    /// Its nonce was used before.
    Replayed,
    /// As many nonces of the key are remembered as may be.
    NoncesFull,
    /// The body is not the one that was signed.
    Content,
    /// As many bodies are held as may be.
    BodiesFull,
}

/// What may come of signed requests, as counted.
pub const SIGNATURE_RESULTS: [&str; 15] = [
    "verified",
    "signature_malformed",
    "signature_unknown_key",
    "signature_ambiguous",
    "signature_algorithm",
    "signature_stale",
    "signature_not_yet",
    "signature_uncovered",
    "signature_component",
    "signature_wrong",
    "signature_nonce_missing",
    "signature_replayed",
    "signature_nonces_full",
    "signature_content",
    "signature_bodies_full",
];

impl SignatureDenied {
    /// The word for logs and metrics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        SIGNATURE_RESULTS[self as usize + 1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_stand_at_their_places() {
        assert_eq!(SignatureDenied::Malformed.label(), "signature_malformed");
        assert_eq!(SignatureDenied::Wrong.label(), "signature_wrong");
        assert_eq!(SignatureDenied::BodiesFull.label(), "signature_bodies_full");
    }
}
