//! Why a node's endpoint is not as wanted, in a sentence that says what to mend.

use std::error::Error;

use aws_sdk_globalaccelerator::config::http::HttpResponse;
use aws_sdk_globalaccelerator::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};

/// Why a node's endpoint is not as wanted.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Trouble {
    /// There is no such group.
    #[error("there is no such endpoint group (mend `anycast.global_accelerator.group`)")]
    NoGroup,
    /// The group is there, but not the endpoint.
    #[error(
        "the endpoint group has no endpoint {0} (add it, or mend `anycast.global_accelerator.endpoints`)"
    )]
    NoEndpoint(String),
    /// The region's traffic dial is at 0.
    #[error(
        "the traffic dial of the endpoint group is at 0: nobody is led here whatever this node wants"
    )]
    DialedDown,
    /// The accelerator's own checks fail.
    #[error("Global Accelerator calls the endpoint unhealthy: {0}")]
    Unhealthy(String),
    /// Others write the group as well.
    #[error("the weight of {0} was set and is another again: somebody else sets it too")]
    Contended(String),
    /// A change is under way.
    #[error("Global Accelerator carries out another change; trying again")]
    Busy,
    /// The credentials are wrong, missing, or not allowed to do this.
    #[error(
        "AWS does not accept the credentials: {0} (they need globalaccelerator:DescribeEndpointGroup and globalaccelerator:UpdateEndpointGroup)"
    )]
    Credentials(String),
    /// Too many calls.
    #[error("AWS turns calls away for now: {0}")]
    Throttled(String),
    /// Nothing answers.
    #[error("the API of Global Accelerator cannot be reached: {0}")]
    Unreachable(String),
    /// Something else.
    #[error("the API of Global Accelerator answers: {0}")]
    Other(String),
}

impl Trouble {
    pub(crate) fn of<E>(error: SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        if let SdkError::ServiceError(service) = &error {
            let meta = service.err().meta();
            return Self::of_code(
                meta.code().unwrap_or("unknown"),
                meta.message().unwrap_or(""),
            );
        }
        let text = DisplayErrorContext(&error).to_string();
        // The chain of providers fails before anything is sent.
        if text.to_ascii_lowercase().contains("credentials") {
            Self::Credentials(text)
        } else {
            Self::Unreachable(text)
        }
    }

    fn of_code(code: &str, message: &str) -> Self {
        let text = format!("{code}: {message}");
        match code {
            "EndpointGroupNotFoundException" => Self::NoGroup,
            "TransactionInProgressException" | "ConflictException" => Self::Busy,
            "ThrottlingException" | "TooManyRequestsException" => Self::Throttled(text),
            "AccessDeniedException"
            | "UnrecognizedClientException"
            | "InvalidSignatureException"
            | "ExpiredTokenException"
            | "InvalidClientTokenId"
            | "MissingAuthenticationTokenException" => Self::Credentials(text),
            _ => Self::Other(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_become_sentences_that_say_what_to_mend() {
        for (code, part) in [
            (
                "EndpointGroupNotFoundException",
                "anycast.global_accelerator.group",
            ),
            ("TransactionInProgressException", "another change"),
            ("AccessDeniedException", "UpdateEndpointGroup"),
            ("ThrottlingException", "turns calls away"),
            ("InternalServiceErrorException", "answers"),
        ] {
            let told = Trouble::of_code(code, "why").to_string();
            assert!(told.contains(part), "{code}: {told}");
        }
    }
}
