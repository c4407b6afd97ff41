//! What a limit says to one request, and how the client is told.
//!
//! The fields follow draft-ietf-httpapi-ratelimit-headers-11: `RateLimit-Policy` names each quota
//! (`q`) and window (`w`),
//! `RateLimit` what remains (`r`) and for how many seconds the window still runs (`t`).

use std::fmt::Write;
use std::time::Duration;

use crate::{Algorithm, Limit, OnPartition, OnStoreDown, Windows};

/// What one limit says to one request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Verdict {
    /// Whether this limit lets the request through. Another may still refuse it.
    pub admitted: bool,
    /// Whether this limit only reports what it would refuse.
    pub shadow: bool,
    /// The policy that applied because a region could not be heard.
    pub partition: Option<OnPartition>,
    /// What applied because the limit's store did not answer.
    pub unstored: Option<OnStoreDown>,
    /// Whether it refuses only until another node hands over rights, which it may do.
    pub awaits_rights: bool,
    /// The amount that applies.
    pub amount: u32,
    /// How much is left after this request, as far as this node can tell.
    pub remaining: u32,
    /// Until the window ends or the bucket is full; if this limit refuses, until a request of this
    /// cost has room again. Zero if there is no such time.
    pub left: Duration,
}

const STRING: &str = "a String takes everything";

/// Seconds until the window ends, rounded up: a client that waits so long is in the next window.
#[must_use]
pub fn retry_after_secs(left: Duration) -> u64 {
    left.as_secs() + u64::from(left.subsec_nanos() > 0)
}

/// The `RateLimit-Policy` field of a route's limits, at the amounts that apply to a caller.
#[must_use]
pub fn policy_field<'l>(limits: impl Iterator<Item = (&'l Limit, u32)>) -> String {
    let mut field = String::new();
    for (limit, amount) in limits.filter(|(limit, _)| !limit.shadow) {
        let separator = if field.is_empty() { "" } else { ", " };
        // Names are DNS labels, so they need no escaping within the quotes.
        write!(field, "{separator}\"{}\";q={amount}", limit.name).expect(STRING);
        // Leases have no window, and not all months are equally long.
        if let (Windows::Even(window), false) = (&limit.windows, leases(limit)) {
            write!(field, ";w={}", window.as_secs()).expect(STRING);
        }
    }
    field
}

/// The `RateLimit` field: one item a limit, in the order of the policy field.
pub fn ratelimit_field<'l>(
    field: &mut String,
    verdicts: impl Iterator<Item = (&'l Limit, Verdict)>,
) {
    field.clear();
    for (limit, verdict) in verdicts.filter(|(limit, _)| !limit.shadow) {
        let separator = if field.is_empty() { "" } else { ", " };
        let left = retry_after_secs(verdict.left);
        write!(
            field,
            "{separator}\"{}\";r={}",
            limit.name, verdict.remaining
        )
        .expect(STRING);
        if !leases(limit) {
            write!(field, ";t={left}").expect(STRING);
        }
    }
}

fn leases(limit: &Limit) -> bool {
    limit.algorithm == Algorithm::Concurrency
}

/// How long a request that has `waited` for rights waits until it asks again: at first a node of
/// the region answers, later one at the other end of the world. `None` when it has waited for as
/// long as it may, the last time right at the end.
#[must_use]
pub fn rights_pause(waited: Duration, rights_wait: Duration) -> Option<Duration> {
    const FIRST: Duration = Duration::from_millis(2);
    let left = rights_wait
        .checked_sub(waited)
        .filter(|left| !left.is_zero())?;
    Some(FIRST.max(waited / 4).min(left))
}

impl Verdict {
    /// What is said where nothing was asked.
    pub(crate) const NOTHING: Self = Self {
        admitted: true,
        shadow: false,
        partition: None,
        unstored: None,
        awaits_rights: false,
        amount: 0,
        remaining: 0,
        left: Duration::ZERO,
    };

    /// Whether this limit refuses the request.
    #[must_use]
    pub const fn refuses(&self) -> bool {
        !self.admitted && !self.shadow
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LimitSpec;

    #[test]
    fn fields_are_structured_as_the_draft_says() {
        let spec = LimitSpec {
            algorithm: Algorithm::Fixed,
            ..LimitSpec::new(1_000.try_into().unwrap(), "1m".parse().unwrap())
        };
        let (a, b) = (Limit::new("per-key", &spec), Limit::new("burst", &spec));
        assert_eq!(
            policy_field([(&a, 1_000), (&b, 50)].into_iter()),
            "\"per-key\";q=1000;w=60, \"burst\";q=50;w=60"
        );
        let verdict = Verdict {
            admitted: true,
            shadow: false,
            partition: None,
            unstored: None,
            awaits_rights: false,
            amount: 1_000,
            remaining: 7,
            left: Duration::from_millis(30_001),
        };
        let mut field = String::new();
        ratelimit_field(&mut field, [(&a, verdict)].into_iter());
        assert_eq!(field, "\"per-key\";r=7;t=31");
    }
}
