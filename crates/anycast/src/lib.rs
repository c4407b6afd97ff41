//! Makes routers agree with the plan.
//!
//! A [`Speaker`] is told what this node wants to announce and says back what is announced, by it
//! and by whom else. It holds no opinion, and it speaks no routing protocol itself: that is a
//! daemon's work. [`Bird`] speaks to BIRD 2, [`Director`] to the local stand-in for the internet,
//! [`DryRun`] to nobody. A [`Vip`] ties an address to the life of the process.

mod bird;
mod condition;
mod director;
mod dry_run;
mod protocol;
mod speaker;
mod vip;

pub use bird::{Bird, BirdError, BirdPlace, Held, Wanted};
pub use condition::Condition;
pub use director::Director;
pub use dry_run::DryRun;
pub use protocol::{Announcement, HOLD, LINE_MAX, PULSE, Routes};
pub use speaker::{Speaker, Spoken};
pub use vip::{Vip, VipError};
