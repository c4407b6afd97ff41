//! Why a batch was not taken.

use std::time::Duration;

use http::StatusCode;
use tidegate_telemetry::DropReason;

/// Why a batch was not taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Failure {
    pub(crate) reason: DropReason,
    /// For the log.
    pub(crate) why: String,
    /// Whether it may be taken later.
    pub(crate) passing: bool,
    /// When, if the destination said so.
    pub(crate) after: Option<Duration>,
}

impl Failure {
    pub(crate) fn unreachable(why: impl std::fmt::Display) -> Self {
        Self {
            reason: DropReason::Unreachable,
            why: why.to_string(),
            passing: true,
            after: None,
        }
    }

    pub(crate) fn timeout(waited: Duration) -> Self {
        Self {
            reason: DropReason::Timeout,
            why: format!("no answer within {} ms", waited.as_millis()),
            passing: true,
            after: None,
        }
    }

    /// It does not help to send this again.
    pub(crate) fn refused(why: impl std::fmt::Display) -> Self {
        Self {
            reason: DropReason::Refused,
            why: why.to_string(),
            passing: false,
            after: None,
        }
    }

    /// Too many, too busy and broken may pass; what is wrong with the request does not.
    pub(crate) fn status(status: StatusCode, after: Option<Duration>) -> Self {
        Self {
            passing: status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429),
            after,
            ..Self::refused(format!("status {}", status.as_u16()))
        }
    }
}
