//! What is said to callers whom methods with many reasons turn away.

use http::StatusCode;
use tidegate_identity::{LoginDenied, SignatureDenied};

use super::{Problem, problem};

/// What is said of a signed request: how to sign it so that it is taken, and nothing of keys.
pub(super) const fn of_signature(why: SignatureDenied) -> Problem {
    use SignatureDenied as D;
    use StatusCode as S;
    match why {
        D::Stale | D::NotYet => problem(
            S::UNAUTHORIZED,
            "signature-out-of-time",
            "The signature is too old, or of the future",
            "Sign the request right before it is sent, and set the clock by NTP.",
        ),
        D::Uncovered => problem(
            S::UNAUTHORIZED,
            "signature-incomplete",
            "The signature does not cover what it must",
            "Cover the components that Accept-Signature lists; content-digest only if there is a body.",
        ),
        D::Malformed | D::Ambiguous | D::Component => problem(
            S::UNAUTHORIZED,
            "signature-unreadable",
            "The signature cannot be read",
            "Send one signature as RFC 9421 says, with created and keyid, of components that the request has.",
        ),
        D::NonceMissing => problem(
            S::UNAUTHORIZED,
            "signature-nonce-missing",
            "The signature has no nonce",
            "Give each signature a parameter nonce of its own.",
        ),
        D::Replayed => problem(
            S::UNAUTHORIZED,
            "signature-replayed",
            "The signature was used before",
            "Sign each request anew, with a nonce of its own.",
        ),
        D::UnknownKey | D::Algorithm | D::Wrong => problem(
            S::UNAUTHORIZED,
            "signature-not-accepted",
            "The signature is not accepted",
            "Sign the request as it is sent, with a key that this service knows and the algorithm that it is for.",
        ),
        D::Content => problem(
            S::BAD_REQUEST,
            "content-digest-mismatch",
            "The body is not the one that was signed",
            "Send the body that Content-Digest describes, and cover content-digest in the signature.",
        ),
        D::NoncesFull | D::BodiesFull => problem(
            S::SERVICE_UNAVAILABLE,
            "credential-check-unavailable",
            "The credential cannot be checked at the moment",
            "Try again in a moment.",
        ),
    }
}

/// The part of the table that is about logins in the browser.
pub(super) const fn of_login(why: LoginDenied) -> Problem {
    use LoginDenied as L;
    use StatusCode as S;
    match why {
        L::Session | L::Over => problem(
            S::UNAUTHORIZED,
            "login-needed",
            "A login is needed",
            "Open the page in a browser and log in.",
        ),
        L::State => problem(
            S::BAD_REQUEST,
            "login-unknown",
            "This login did not begin here, or took too long",
            "Open the page that you wanted and log in again.",
        ),
        L::Issuer | L::Code | L::Token => problem(
            S::BAD_REQUEST,
            "login-not-accepted",
            "The login is not accepted",
            "Open the page that you wanted and log in again.",
        ),
        L::Refused => problem(
            S::FORBIDDEN,
            "login-refused",
            "The login was refused",
            "Log in with another account, or ask the operator of this service for access.",
        ),
        L::CrossSite => problem(
            S::FORBIDDEN,
            "cross-site",
            "Another site may not ask for this",
            "Log out on a page of this site.",
        ),
        L::TooLarge => problem(
            S::INTERNAL_SERVER_ERROR,
            "login-too-large",
            "There is more to remember of the login than a cookie takes",
            "Tell the operator of this service.",
        ),
        L::ProviderDown => problem(
            S::SERVICE_UNAVAILABLE,
            "login-unavailable",
            "Nobody can log in at the moment",
            "Try again in a moment.",
        ),
    }
}
