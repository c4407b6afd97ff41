//! Makes routers agree with the plan.
//!
//! A [`Speaker`] is told what this node wants to announce and says back what is announced, by it
//! and by whom else. It holds no opinion, and it speaks no routing protocol itself: that is a
//! daemon's work. A [`Keeper`] holds a [`Daemon`] as plans want it: BIRD 2 ([`BirdPlace`]),
//! [`ExaBgp`], [`GoBgp`], or one of another crate. [`Director`] speaks to the local stand-in for
//! the internet, [`DryRun`] to nobody. A [`Vip`] ties an address to the life of the process.

mod attributes;
mod bird;
mod condition;
mod director;
mod dry_run;
mod exabgp;
mod gobgp;
mod keeper;
mod protocol;
mod speaker;
mod vip;

pub use attributes::{Attributes, Levels};
pub use bird::{BirdError, BirdPlace};
pub use condition::Condition;
pub use director::Director;
pub use dry_run::DryRun;
pub use exabgp::{ExaBgp, ExaBgpError, bridge};
pub use gobgp::{GoBgp, GoBgpError};
pub use keeper::{Daemon, Held, Keeper, Wanted};
pub use protocol::{Announcement, HOLD, LINE_MAX, PULSE, Routes};
pub use speaker::{Speaker, Spoken};
pub use vip::{Vip, VipError};
