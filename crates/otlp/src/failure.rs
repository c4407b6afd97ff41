//! Why a collector did not take what it was sent.

use std::fmt;
use std::time::Duration;

use http::StatusCode;
use tonic::Code;

/// Why a collector did not take what it was sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// In one word.
    pub kind: FailureKind,
    /// In a sentence, for the log.
    pub message: String,
    /// Whether it may take it later.
    pub passing: bool,
    /// When, if it said so.
    pub after: Option<Duration>,
}

/// Kinds of failures.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FailureKind {
    /// It cannot be reached, or the connection broke.
    Unreachable,
    /// It did not answer in time.
    Timeout,
    /// It refused.
    Refused,
}

impl FailureKind {
    /// As a label of a metric.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::Refused => "refused",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

impl Failure {
    pub(crate) fn unreachable(error: &dyn fmt::Display) -> Self {
        Self {
            kind: FailureKind::Unreachable,
            message: error.to_string(),
            passing: true,
            after: None,
        }
    }

    pub(crate) fn timeout(waited: Duration) -> Self {
        Self {
            kind: FailureKind::Timeout,
            message: format!("no answer within {} ms", waited.as_millis()),
            passing: true,
            after: None,
        }
    }

    /// OTLP section "Failures": these four statuses pass, all others do not.
    pub(crate) fn status(status: StatusCode, after: Option<Duration>) -> Self {
        Self {
            kind: FailureKind::Refused,
            message: format!("status {}", status.as_u16()),
            passing: matches!(status.as_u16(), 429 | 502 | 503 | 504),
            after,
        }
    }

    /// OTLP section "OTLP/gRPC Response": these of gRPC's codes pass. A collector that is short of
    /// something says with it when to come back, or it is no use to come back.
    pub(crate) fn code(status: &tonic::Status) -> Self {
        let passing = match status.code() {
            Code::Cancelled
            | Code::DeadlineExceeded
            | Code::Aborted
            | Code::OutOfRange
            | Code::Unavailable
            | Code::DataLoss => true,
            Code::ResourceExhausted => !status.details().is_empty(),
            Code::Ok
            | Code::Unknown
            | Code::InvalidArgument
            | Code::NotFound
            | Code::AlreadyExists
            | Code::PermissionDenied
            | Code::FailedPrecondition
            | Code::Unimplemented
            | Code::Internal
            | Code::Unauthenticated => false,
        };
        Self {
            kind: FailureKind::Refused,
            message: format!("{:?}: {}", status.code(), status.message()),
            passing,
            after: None,
        }
    }
}
