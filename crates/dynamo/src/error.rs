//! What went wrong with the table, in a sentence that says what to mend.

use std::error::Error;
use std::fmt::Write;

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

use crate::clock;

/// What went wrong, as an operator would mend it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Trouble {
    /// There is no such table.
    #[error("there is no such table")]
    NoTable,
    /// The table is there, but not as it must be.
    #[error("the table has no {0}")]
    Lacks(&'static str),
    /// The credentials are wrong, missing or not allowed to do this.
    #[error("the credentials are not accepted: {0}")]
    Credentials(String),
    /// Nothing answers at the endpoint.
    #[error("the endpoint cannot be reached: {0}")]
    Unreachable(String),
    /// AWS turns requests away because of this machine's clock.
    #[error("{0}, so signed requests are turned away")]
    Clock(String),
    /// The store turns requests away for now.
    #[error("the store turns requests away for now: {0}")]
    Throttled(String),
    /// The item is there already, which the request did not allow.
    #[error("the item is there already")]
    Exists,
    /// Something else.
    #[error("the store answers: {0}")]
    Other(String),
}

impl Trouble {
    /// What to do about it.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::NoTable => "`tidegate keys init-table` makes it; or mend `table` and `region`",
            Self::Lacks(_) => {
                "make a table anew with `tidegate keys init-table`, and import the keys"
            }
            Self::Credentials(_) => {
                "give the process credentials that AWS's usual chain finds, with the rights that crates/dynamo/README.md lists"
            }
            Self::Unreachable(_) => "mend `endpoint` or `region`, or the network between",
            Self::Clock(_) => "let this machine's clock be set by NTP",
            Self::Throttled(_) => "try again; if that stays, raise the table's capacity",
            Self::Exists | Self::Other(_) => "see what the store says",
        }
    }

    /// Judges an error by its code.
    pub(crate) fn of<E>(error: SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        match &error {
            SdkError::ServiceError(service) => {
                let meta = service.err().meta();
                Self::of_code(
                    meta.code().unwrap_or("unknown"),
                    meta.message().unwrap_or(""),
                    clock::ahead_secs(service.raw().headers().get("date")),
                )
            }
            SdkError::ConstructionFailure(_) => Self::Credentials(chain(&error)),
            _ => {
                let text = chain(&error);
                // The chain of credential providers fails before anything is sent.
                if text.to_ascii_lowercase().contains("credentials") {
                    Self::Credentials(text)
                } else {
                    Self::Unreachable(text)
                }
            }
        }
    }

    /// `ahead_secs` is how far this machine's clock is ahead of the store's, if that said its time.
    /// A signature is refused for a wrong clock under the same code as for a wrong secret, so the
    /// two times decide.
    fn of_code(code: &str, message: &str, ahead_secs: Option<i64>) -> Self {
        let text = format!("{code}: {message}");
        let clock_is_off = ahead_secs.is_some_and(|secs| secs.abs() > clock::SKEW_MAX_SECS);
        match code {
            "ResourceNotFoundException" => Self::NoTable,
            "ConditionalCheckFailedException" => Self::Exists,
            "RequestExpired" | "RequestInTheFuture" | "RequestTimeTooSkewed" => {
                Self::Clock(clock::sentence(ahead_secs))
            }
            "InvalidSignatureException" | "SignatureDoesNotMatch" | "AuthFailure"
                if clock_is_off =>
            {
                Self::Clock(clock::sentence(ahead_secs))
            }
            "SignatureDoesNotMatch"
            | "AuthFailure"
            | "UnrecognizedClientException"
            | "InvalidSignatureException"
            | "IncompleteSignature"
            | "MissingAuthenticationToken"
            | "MissingAuthenticationTokenException"
            | "InvalidClientTokenId"
            | "ExpiredTokenException"
            | "AccessDeniedException" => Self::Credentials(text),
            "ProvisionedThroughputExceededException"
            | "ThrottlingException"
            | "RequestLimitExceeded"
            | "LimitExceededException" => Self::Throttled(text),
            _ => Self::Other(text),
        }
    }
}

/// An error and all its causes, in one line.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        // Writing into a String does not fail.
        let _written = write!(text, ": {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_judged_by_what_mends_them() {
        let judged = |code, message| Trouble::of_code(code, message, None);
        assert_eq!(judged("ResourceNotFoundException", ""), Trouble::NoTable);
        assert!(matches!(
            judged("UnrecognizedClientException", "token is invalid"),
            Trouble::Credentials(_)
        ));
        let signed = |ahead| Trouble::of_code("InvalidSignatureException", "no match", ahead);
        assert!(matches!(signed(None), Trouble::Credentials(_)));
        assert!(matches!(signed(Some(20)), Trouble::Credentials(_)));
        assert_eq!(
            signed(Some(-600)).to_string(),
            "this machine's clock is 600 s behind, so signed requests are turned away"
        );
        assert!(matches!(judged("RequestExpired", ""), Trouble::Clock(_)));
        assert!(matches!(
            judged("ThrottlingException", ""),
            Trouble::Throttled(_)
        ));
        assert!(matches!(
            judged("InternalServerError", ""),
            Trouble::Other(_)
        ));
    }
}
