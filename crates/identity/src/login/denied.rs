//! Why a login or its session is turned away.

/// Why a login or its session is turned away.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LoginDenied {
    /// The session's cookie was not made with a key that is there, or not for this method.
    Session,
    /// The session is over.
    Over,
    /// The browser that came back did not begin this login here, or too long ago.
    State,
    /// The answer is another provider's.
    Issuer,
    /// The provider does not know the code.
    Code,
    /// The ID token is not accepted.
    Token,
    /// The provider, or the user there, said no.
    Refused,
    /// Another site asks for it.
    CrossSite,
    /// What is to be remembered does not fit into a cookie.
    TooLarge,
    /// The provider cannot be reached, or is asked too much already.
    ProviderDown,
}

impl LoginDenied {
    /// The word for logs and metrics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Session => "login_session",
            Self::Over => "login_over",
            Self::State => "login_state",
            Self::Issuer => "login_issuer",
            Self::Code => "login_code",
            Self::Token => "login_token",
            Self::Refused => "login_refused",
            Self::CrossSite => "login_cross_site",
            Self::TooLarge => "login_too_large",
            Self::ProviderDown => "login_provider_down",
        }
    }

    /// Whether a fresh login may help: the caller has none, rather than one that went wrong.
    #[must_use]
    pub const fn may_begin(self) -> bool {
        matches!(self, Self::Session | Self::Over)
    }
}
