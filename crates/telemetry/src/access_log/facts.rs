//! What is known of a request that is over, and which of it a log keeps.

use std::net::IpAddr;
use std::time::Duration;

use tidegate_model::Wall;

/// What is logged of a request. Empty texts and absent numbers are left out.
#[derive(Clone, Debug)]
pub struct RequestFacts<'r> {
    /// When its head was complete.
    pub at: Wall,
    /// Its name.
    pub id: &'r str,
    /// The door it came in by.
    pub door: &'r str,
    /// The client's address.
    pub client: Option<IpAddr>,
    /// `HTTP/1.1` or `HTTP/2`.
    pub protocol: &'static str,
    /// The method.
    pub method: &'r str,
    /// The host that the client named.
    pub host: &'r str,
    /// The path, without its query.
    pub path: &'r str,
    /// The query; its values are not logged.
    pub query: &'r str,
    /// What the client calls itself.
    pub agent: &'r str,
    /// The page that the client says it comes from; its query is not logged.
    pub referer: &'r str,
    /// The status that the client was sent; 499 if it did not wait for one.
    pub status: u16,
    /// Why the gateway refused it.
    pub refusal: &'static str,
    /// The first limit in shadow mode that would have refused it.
    pub shadow: &'r str,
    /// What limits went by because a region could not be heard: `share`, `open` or `closed`.
    pub partition: &'static str,
    /// What limits in Redis went by because Redis did not answer; empty if it did.
    pub unstored: &'static str,
    /// How long it waited for room in its limits.
    pub waited: Duration,
    /// What broke the answer off before its end.
    pub ended: &'static str,
    /// The route.
    pub route: &'r str,
    /// Who holds the key.
    pub consumer: &'r str,
    /// The key's public part, or a token's method and subject.
    pub key: &'r str,
    /// The method that the caller is known by.
    pub auth: &'r str,
    /// The service's endpoint that answered, or was tried last.
    pub endpoint: &'r str,
    /// The region that it was passed on to, or came from.
    pub relay: &'r str,
    /// Endpoints tried.
    pub attempts: u32,
    /// Bytes of the body received.
    pub bytes_in: u64,
    /// Bytes of the body sent.
    pub bytes_out: u64,
    /// From the end of its head to the end of its answer.
    pub took: Duration,
    /// Until the service's first byte.
    pub upstream: Option<Duration>,
    /// The trace that it belongs to.
    pub trace: Option<u128>,
}

impl RequestFacts<'_> {
    /// Whether it went wrong: such requests are in every log, whatever it samples.
    #[must_use]
    pub const fn is_error(&self) -> bool {
        self.status >= 400 || !self.refusal.is_empty() || !self.ended.is_empty()
    }
}

/// Fields that a log may leave out, in their order.
pub const FIELDS: [&str; 24] = [
    "id",
    "method",
    "host",
    "path",
    "query",
    "protocol",
    "client",
    "agent",
    "referer",
    "door",
    "route",
    "refusal",
    "shadow",
    "partition",
    "unstored",
    "ended",
    "consumer",
    "key",
    "auth",
    "endpoint",
    "relay",
    "attempts",
    "bytes",
    "trace_id",
];

/// Fields that a log leaves out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Omitted(u32);

impl Omitted {
    /// None.
    pub const NONE: Self = Self(0);

    /// Leaves out fields by their names.
    ///
    /// # Errors
    /// The first name that is no field.
    pub fn of<'n>(names: impl IntoIterator<Item = &'n str>) -> Result<Self, &'n str> {
        let mut omitted = Self::default();
        for name in names {
            let place = FIELDS.iter().position(|field| *field == name).ok_or(name)?;
            omitted.0 |= 1 << place;
        }
        Ok(omitted)
    }

    /// Whether a field is left out. Time, status and durations never are.
    pub(super) fn has(self, name: &str) -> bool {
        self.0 != 0
            && FIELDS
                .iter()
                .position(|field| *field == name)
                .is_some_and(|place| self.0 & 1 << place != 0)
    }
}
