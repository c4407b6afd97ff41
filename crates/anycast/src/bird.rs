//! Speaks to BIRD 2, by its control socket.
//!
//! BIRD holds the prefixes in a protocol of its own (`static`, or `direct` on the device that
//! carries them), which is `disabled` in its configuration. A node enables it to announce and
//! disables it to withdraw; it writes no configuration and needs no other right. Further protocols
//! hold them with other attributes: as the second choice, and with GRACEFUL_SHUTDOWN. What BIRD
//! does is read back again and again: after a restart of BIRD, or an order by somebody else, it is
//! corrected.

mod hold;
mod talk;

pub use hold::BirdPlace;
pub use talk::BirdError;

use crate::{Daemon, Held, Wanted};

impl Daemon for BirdPlace {
    const NAME: &'static str = "BIRD";
    type Error = BirdError;

    fn hold(&mut self, wanted: Wanted) -> impl Future<Output = Result<Held, BirdError>> + Send {
        Self::hold(self, wanted)
    }
}

#[cfg(test)]
mod tests;
