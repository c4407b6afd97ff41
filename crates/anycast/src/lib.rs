//! Makes routers agree with the plan.
//!
//! A [`Speaker`] is told what this node wants to announce and says back what is announced, by it
//! and by whom else. It holds no opinion, and it speaks no routing protocol itself: that is a
//! daemon's work. [`Director`] speaks to the local stand-in for the internet, [`DryRun`] to nobody.

mod director;
mod dry_run;
mod protocol;
mod speaker;

pub use director::Director;
pub use dry_run::DryRun;
pub use protocol::{Announcement, HOLD, LINE_MAX, PULSE, Routes};
pub use speaker::{Speaker, Spoken};
