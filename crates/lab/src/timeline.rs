//! What happened in a small internet, and when: what clients asked and got ([`Asked`]), what was
//! broken ([`Mark`]), and what routers, nodes and watchdogs say in their logs ([`Sign`]). All times
//! are microseconds since 1970, by the one clock of the machine.

mod asked;
mod log;
mod mark;
mod signs;

pub use asked::{Asked, How};
pub use log::{Log, read_lines};
pub use mark::Mark;
pub use signs::{Sign, Told, of_node, of_router};

use std::time::{SystemTime, UNIX_EPOCH};

/// The time, in microseconds since 1970.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "logs of others go by this clock")]
pub fn now_us() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}
