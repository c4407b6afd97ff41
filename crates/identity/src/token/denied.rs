//! Why a token is turned away.

/// Why a token is turned away. Clients are told only that it was not accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TokenDenied {
    /// No credential of any method that the route takes.
    Missing,
    /// Not one token in compact form, too large, or not plain JSON inside.
    Malformed,
    /// A header parameter that must not be followed, or must be understood and is not.
    Header,
    /// An algorithm that the configuration or the key does not allow.
    Algorithm,
    /// Signed with a key that the issuer does not publish.
    UnknownKey,
    /// The signature is not the key's.
    Signature,
    /// No method of the route takes tokens of this issuer.
    Issuer,
    /// Meant for somebody else.
    Audience,
    /// Past its time.
    Expired,
    /// Before its time, or issued in the future.
    NotYet,
    /// A claim is missing, or is not what the configuration asks for.
    Claim,
    /// The issuer says that it is not active.
    Inactive,
    /// The issuer cannot be asked about it.
    IssuerDown,
    /// The issuer's keys were never fetched, and cannot be now.
    KeysDown,
}

impl TokenDenied {
    /// The word for logs and metrics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Missing => "credential_missing",
            Self::Malformed => "token_malformed",
            Self::Header => "token_header",
            Self::Algorithm => "token_algorithm",
            Self::UnknownKey => "token_unknown_key",
            Self::Signature => "token_signature",
            Self::Issuer => "token_issuer",
            Self::Audience => "token_audience",
            Self::Expired => "token_expired",
            Self::NotYet => "token_not_yet",
            Self::Claim => "token_claim",
            Self::Inactive => "token_inactive",
            Self::IssuerDown => "token_issuer_down",
            Self::KeysDown => "token_keys_down",
        }
    }
}
