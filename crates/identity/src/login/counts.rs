//! What came of logins, counted.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::LoginDenied;

/// What may come of a login or its session, as counted.
pub const LOGINS: [&str; 18] = [
    "begun",
    "entered",
    "renewed",
    "renewal_failed",
    "renewal_ended",
    "left",
    "refresh_token_left_out",
    "flow_dropped",
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
];

/// What came of a login, if not a refusal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LoginEvent {
    /// A browser was sent to the provider.
    Begun,
    /// It came back and has a session.
    Entered,
    /// The provider renewed a session.
    Renewed,
    /// It did not answer, so the session goes on as it is.
    RenewalFailed,
    /// It does not renew the session any longer.
    RenewalEnded,
    /// A browser has logged out.
    Left,
    /// A session's cookie had no room for its refresh token.
    RefreshTokenLeftOut,
    /// A browser had as many logins under way as may be, and the oldest was given up.
    FlowDropped,
}

/// Counters of one method.
#[derive(Debug, Default)]
pub struct LoginCounts([AtomicU64; LOGINS.len()]);

impl LoginCounts {
    /// Counts what happened.
    pub fn count(&self, event: LoginEvent) {
        self.0[event as usize].fetch_add(1, Relaxed);
    }

    /// Counts a refusal.
    pub fn denied(&self, why: LoginDenied) {
        if let Some(at) = LOGINS.iter().position(|known| *known == why.label()) {
            self.0[at].fetch_add(1, Relaxed);
        }
    }

    /// Each result and how often it came.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = self.0.iter().map(|count| count.load(Relaxed));
        LOGINS.into_iter().zip(counts)
    }
}
