//! Whether this machine's clock agrees with the store's, as its answers tell.

use aws_sdk_dynamodb::primitives::{DateTime, DateTimeFormat};
use tidegate_runtime::Clock;

/// AWS refuses signatures that are more than five minutes off; a little less is a warning.
pub(crate) const SKEW_MAX_SECS: i64 = 240;

/// How far this machine's clock is ahead of the `Date` field (RFC 9110 section 6.6.1) of an answer
/// that has just come.
pub(crate) fn ahead_secs(date: Option<&str>) -> Option<i64> {
    let theirs = DateTime::from_str(date?, DateTimeFormat::HttpDate).ok()?;
    let ours = Clock::start().now().wall.unix_secs();
    Some(i64::try_from(ours).ok()? - theirs.secs())
}

/// What is wrong with the clock.
pub(crate) fn sentence(ahead_secs: Option<i64>) -> String {
    let off = match ahead_secs {
        Some(secs) if secs > 0 => format!("{secs} s ahead"),
        Some(secs) => format!("{} s behind", -secs),
        None => "off".to_owned(),
    };
    format!("this machine's clock is {off}")
}
