//! How often something is sent that may be taken later, and after which waits.

use std::time::Duration;

use http::HeaderMap;
use http::header::RETRY_AFTER;

/// How often something is sent that may be taken later.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Retry {
    /// Attempts in all; at least one.
    pub attempts_max: u32,
    /// The wait after the first. Each further one is twice as long.
    pub pause: Duration,
    /// No wait is longer, whatever the other side says.
    pub pause_max: Duration,
}

/// The attempts at sending one thing.
#[derive(Clone, Debug)]
pub struct Attempts {
    retry: Retry,
    /// How many were made, and how long the next wait is.
    made: u32,
    pause: Duration,
}

impl Retry {
    /// The first attempt is being made.
    #[must_use]
    pub const fn first(self) -> Attempts {
        Attempts {
            made: 1,
            pause: self.pause,
            retry: self,
        }
    }
}

impl Attempts {
    /// How long to wait before the next attempt, of which the other side has perhaps said when;
    /// `None` if there shall be none.
    pub fn next_after(&mut self, told: Option<Duration>) -> Option<Duration> {
        if self.made >= self.retry.attempts_max {
            return None;
        }
        let wait = told.unwrap_or_default().max(self.pause);
        self.made += 1;
        self.pause = self.pause.saturating_mul(2);
        Some(wait.min(self.retry.pause_max))
    }
}

/// When to come back, as the other side says (RFC 9110 section 10.2.3), in seconds; a date is
/// passed over.
#[must_use]
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let secs = headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(secs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_bound_and_end() {
        let secs = Duration::from_secs;
        let retry = Retry {
            attempts_max: 5,
            pause: secs(1),
            pause_max: secs(3),
        };
        let mut attempts = retry.first();
        let waits = [None, Some(secs(2)), None, Some(secs(60)), None];
        assert_eq!(
            waits.map(|told| attempts.next_after(told)),
            [
                Some(secs(1)),
                Some(secs(2)),
                Some(secs(3)),
                Some(secs(3)),
                None
            ]
        );
    }
}
