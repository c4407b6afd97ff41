//! Why a request is refused, and the one table of what clients, logs and metrics are told.
//!
//! Clients get problem+json (RFC 9457) with a type that never changes, and nothing that names a
//! machine, a service or a key. The type of a limit's refusal is the one that
//! draft-ietf-httpapi-ratelimit-headers registers.

mod methods;

use std::fmt::Write;

use http::StatusCode;
use tidegate_identity::{Denied, SignatureDenied, TokenDenied};
use tidegate_route::MethodSet;

use crate::{BadPath, Forbidden};

const STRING: &str = "a String takes everything";

/// Why a request is refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// The path has no one spelling.
    Path(BadPath),
    /// The host is missing, repeated, contradicted, or no host name.
    Host,
    /// The framing of the body is ambiguous: the connection is closed.
    Framing,
    /// An `Expect` other than `100-continue`.
    Expectation,
    /// CONNECT or TRACE: this is no tunnel and no mirror.
    Method,
    /// It has passed through us too often.
    Loop,
    /// The header section, or the target, is larger than the door takes.
    HeaderTooLarge,
    /// The body is larger than the route takes.
    BodyTooLarge,
    /// No route takes this host and path.
    NoRoute,
    /// Routes take this path, but not with this method.
    MethodNotAllowed(MethodSet),
    /// The caller is not accepted.
    Denied(Denied),
    /// The caller may not make this request.
    Forbidden(Forbidden),
    /// A limit is used up.
    Limited {
        /// Names of the limits that refused.
        violated: Vec<String>,
        /// Until the last of their windows ends, in seconds.
        retry_after_secs: u64,
    },
    /// No endpoint of the service is fit.
    NoEndpoint,
    /// The service could not be reached.
    Unreachable,
    /// The service did not answer in time.
    UpstreamTimeout,
    /// The service's answer was no HTTP, or broke off before its head was complete.
    BadAnswer,
    /// The client did not send its body in time.
    BodyTimeout,
    /// The client's body broke off or was malformed.
    BodyBroken,
    /// The node is being stopped, or has too much in flight.
    Overloaded,
}

/// What is said of a refusal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Problem {
    /// The status.
    pub status: StatusCode,
    /// The last part of the problem type, and the label in logs and metrics. Never changes.
    pub slug: &'static str,
    /// A short sentence for people.
    pub title: &'static str,
    /// What the client can do about it.
    pub detail: &'static str,
}

const fn problem(
    status: StatusCode,
    slug: &'static str,
    title: &'static str,
    detail: &'static str,
) -> Problem {
    Problem {
        status,
        slug,
        title,
        detail,
    }
}

impl Refusal {
    /// The table.
    #[must_use]
    pub const fn problem(&self) -> Problem {
        use StatusCode as S;
        match self {
            Self::Path(_) => problem(
                S::BAD_REQUEST,
                "ambiguous-path",
                "The path is ambiguous",
                "Send the path without encoded slashes, backslashes, broken escapes or segments above the root.",
            ),
            Self::Host => problem(
                S::BAD_REQUEST,
                "bad-host",
                "The host is missing or ambiguous",
                "Send exactly one Host header that names the host in the URL.",
            ),
            Self::Framing => problem(
                S::BAD_REQUEST,
                "ambiguous-framing",
                "The length of the body is ambiguous",
                "Send either one Content-Length or Transfer-Encoding: chunked, not both.",
            ),
            Self::Expectation => problem(
                S::EXPECTATION_FAILED,
                "unknown-expectation",
                "The expectation is not known",
                "Only Expect: 100-continue is supported.",
            ),
            Self::Method => problem(
                S::NOT_IMPLEMENTED,
                "method-not-forwarded",
                "The method is not forwarded",
                "CONNECT and TRACE are not offered here.",
            ),
            Self::Loop => problem(
                S::LOOP_DETECTED,
                "loop",
                "The request goes in circles",
                "A service behind this gateway sends requests back to it.",
            ),
            Self::HeaderTooLarge => problem(
                S::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "header-too-large",
                "The header section is too large",
                "Send fewer or shorter headers, or a shorter URL.",
            ),
            Self::BodyTooLarge => problem(
                S::PAYLOAD_TOO_LARGE,
                "body-too-large",
                "The body is too large",
                "Send a smaller body.",
            ),
            Self::NoRoute => problem(
                S::NOT_FOUND,
                "no-route",
                "There is nothing here",
                "Check the host and the path.",
            ),
            Self::MethodNotAllowed(_) => problem(
                S::METHOD_NOT_ALLOWED,
                "method-not-allowed",
                "The method is not allowed here",
                "The Allow header lists the methods that are.",
            ),
            Self::Denied(Denied::Missing) => problem(
                S::UNAUTHORIZED,
                "key-missing",
                "An API key is needed",
                "Send your API key in the header that WWW-Authenticate names.",
            ),
            Self::Denied(Denied::StoreDown) => problem(
                S::SERVICE_UNAVAILABLE,
                "key-store-unavailable",
                "The API key cannot be checked at the moment",
                "Try again in a moment.",
            ),
            Self::Denied(Denied::Token(TokenDenied::Missing)) => problem(
                S::UNAUTHORIZED,
                "credential-missing",
                "A credential is needed",
                "Send one of the credentials that WWW-Authenticate lists.",
            ),
            Self::Denied(Denied::Token(TokenDenied::KeysDown)) => problem(
                S::SERVICE_UNAVAILABLE,
                "token-keys-unavailable",
                "The token cannot be checked at the moment",
                "Try again in a moment.",
            ),
            Self::Denied(
                Denied::Token(TokenDenied::IssuerDown)
                | Denied::PasswordBusy
                | Denied::AuthorizerDown,
            ) => problem(
                S::SERVICE_UNAVAILABLE,
                "credential-check-unavailable",
                "The credential cannot be checked at the moment",
                "Try again in a moment.",
            ),
            Self::Denied(Denied::Password) => problem(
                S::UNAUTHORIZED,
                "password-not-accepted",
                "The name and password are not accepted",
                "Check both.",
            ),
            Self::Denied(Denied::Certificate) => problem(
                S::UNAUTHORIZED,
                "certificate-not-accepted",
                "The client's certificate is not accepted",
                "Connect with a certificate that this service takes and that is not over.",
            ),
            Self::Denied(Denied::Rejected) => problem(
                S::UNAUTHORIZED,
                "credential-not-accepted",
                "The credential is not accepted",
                "Get a new credential, and send it as WWW-Authenticate says.",
            ),
            Self::Denied(Denied::Barred) => problem(
                S::FORBIDDEN,
                "not-allowed",
                "The caller is not allowed to do this",
                "Ask the operator of this service for access.",
            ),
            Self::Denied(Denied::Signature(why)) => methods::of_signature(*why),
            Self::Denied(Denied::Login(why)) => methods::of_login(*why),
            Self::Denied(Denied::Token(_)) => problem(
                S::UNAUTHORIZED,
                "token-not-accepted",
                "The token is not accepted",
                "Get a new token from the issuer that this service trusts, for this service.",
            ),
            // Only who holds the secret gets this far.
            Self::Denied(Denied::Elsewhere) => problem(
                S::FORBIDDEN,
                "key-elsewhere",
                "The API key may not be used from here",
                "Use the key from an address that its owner has allowed, or ask the owner.",
            ),
            // One answer for all: whether a key exists, or once did, is nobody's business.
            Self::Denied(
                Denied::Malformed
                | Denied::Unknown
                | Denied::WrongSecret
                | Denied::Revoked
                | Denied::Premature
                | Denied::Expired
                | Denied::Unchecked,
            ) => problem(
                S::UNAUTHORIZED,
                "key-not-accepted",
                "The API key is not accepted",
                "Check that the key is complete and current.",
            ),
            Self::Forbidden(Forbidden::Address) => problem(
                S::FORBIDDEN,
                "address-not-allowed",
                "Requests from this address are not allowed",
                "Send the request from an address that the operator of this service has allowed.",
            ),
            Self::Forbidden(Forbidden::Scope) => problem(
                S::FORBIDDEN,
                "insufficient-scope",
                "The credential does not reach so far",
                "Get a credential that has the scopes which this service asks for.",
            ),
            Self::Forbidden(
                Forbidden::Role | Forbidden::Group | Forbidden::Rule | Forbidden::RuleFailed,
            ) => problem(
                S::FORBIDDEN,
                "not-allowed",
                "The caller is not allowed to do this",
                "Ask the operator of this service for access.",
            ),
            Self::Limited { .. } => problem(
                S::TOO_MANY_REQUESTS,
                "quota-exceeded",
                "Request cannot be satisfied as assigned quota has been exceeded",
                "Wait for as many seconds as Retry-After says.",
            ),
            Self::NoEndpoint => problem(
                S::SERVICE_UNAVAILABLE,
                "service-unavailable",
                "The service is unavailable",
                "Try again in a moment.",
            ),
            Self::Unreachable => problem(
                S::BAD_GATEWAY,
                "service-unreachable",
                "The service cannot be reached",
                "Try again in a moment.",
            ),
            Self::UpstreamTimeout => problem(
                S::GATEWAY_TIMEOUT,
                "service-timeout",
                "The service did not answer in time",
                "Try again in a moment.",
            ),
            Self::BadAnswer => problem(
                S::BAD_GATEWAY,
                "service-bad-answer",
                "The service gave no valid answer",
                "Try again in a moment.",
            ),
            Self::BodyTimeout => problem(
                S::REQUEST_TIMEOUT,
                "body-timeout",
                "The body did not arrive in time",
                "Send the body without long pauses.",
            ),
            Self::BodyBroken => problem(
                S::BAD_REQUEST,
                "body-broken",
                "The body broke off or is malformed",
                "Send as much body as announced.",
            ),
            Self::Overloaded => problem(
                S::SERVICE_UNAVAILABLE,
                "overloaded",
                "There is too much to do at the moment",
                "Try again in a moment.",
            ),
        }
    }

    /// All words that [`label`](Self::label) can say, for counters. The last stands for others.
    pub const LABELS: &'static [&'static str] = &[
        "quota-exceeded",
        "key_missing",
        "key_malformed",
        "key_unknown",
        "key_wrong_secret",
        "key_revoked",
        "key_premature",
        "key_expired",
        "key_elsewhere",
        "key_unchecked",
        "key_store_down",
        "credential_missing",
        "token_malformed",
        "token_header",
        "token_algorithm",
        "token_unknown_key",
        "token_signature",
        "token_issuer",
        "token_audience",
        "token_expired",
        "token_not_yet",
        "token_claim",
        "token_inactive",
        "token_issuer_down",
        "token_keys_down",
        "password_wrong",
        "password_busy",
        "certificate_denied",
        "authorizer_rejected",
        "authorizer_barred",
        "authorizer_down",
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
        "login_session",
        "login_over",
        "login_state",
        "login_issuer",
        "login_code",
        "login_token",
        "login_refused",
        "login_cross_site",
        "login_too_large",
        "login_provider_down",
        "forbidden_address",
        "forbidden_scope",
        "forbidden_role",
        "forbidden_group",
        "forbidden_rule",
        "forbidden_rule_failed",
        "no-route",
        "method-not-allowed",
        "service-unavailable",
        "service-unreachable",
        "service-timeout",
        "service-bad-answer",
        "ambiguous-path",
        "bad-host",
        "ambiguous-framing",
        "unknown-expectation",
        "method-not-forwarded",
        "loop",
        "header-too-large",
        "body-too-large",
        "body-timeout",
        "body-broken",
        "overloaded",
        "other",
    ];

    /// Whether the client must not send another request on this connection.
    #[must_use]
    pub const fn closes(&self) -> bool {
        matches!(
            self,
            Self::Framing
                | Self::BodyTimeout
                | Self::BodyBroken
                | Self::BodyTooLarge
                | Self::Denied(Denied::Signature(
                    SignatureDenied::Content | SignatureDenied::BodiesFull
                ))
        )
    }

    /// The word for logs and metrics: finer than what the client is told.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Denied(denied) => denied.label(),
            Self::Forbidden(forbidden) => forbidden.label(),
            _ => self.problem().slug,
        }
    }

    /// The problem+json document.
    #[must_use]
    pub fn body(&self, request_id: &str) -> String {
        let Problem {
            status,
            slug,
            title,
            detail,
        } = self.problem();
        let mut body = String::with_capacity(256);
        let kind = match self {
            Self::Limited { .. } => "https://iana.org/assignments/http-problem-types#",
            _ => "urn:tidegate:problem:",
        };
        // Everything that is written here is plain ASCII without quotes; request ids are checked on
        // arrival.
        write!(
            body,
            "{{\"type\":\"{kind}{slug}\",\"title\":\"{title}\",\"status\":{},\"detail\":\"{detail}\",\"instance\":\"urn:tidegate:request:{request_id}\"",
            status.as_u16()
        )
        .expect(STRING);
        if let Self::Limited { violated, .. } = self {
            let names: Vec<String> = violated.iter().map(|name| format!("\"{name}\"")).collect();
            write!(body, ",\"violated-policies\":[{}]", names.join(",")).expect(STRING);
        }
        body.push_str("}\n");
        body
    }
}
