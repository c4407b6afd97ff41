//! The nouns and the time that every room shares.
//!
//! A name lives here only if it means the same in two rooms. Nothing here knows routes, callers,
//! limits or peers, and nothing here reads a clock, a file or the environment: time ([`Now`]) and
//! randomness ([`Seed`]) are handed in.

mod certificate;
mod diagnostic;
mod exposure;
mod id;
mod machine;
mod prefix;
mod quantity;
mod secret;
mod seed;
mod time;

pub use certificate::ClientCertificate;
pub use diagnostic::{Diagnostic, Severity, Span};
pub use exposure::Exposure;
pub use id::{BadName, Epoch, Generation, NodeId, RegionId};
pub use machine::Machine;
pub use prefix::Prefix;
pub use quantity::{BadQuantity, ByteSize, Period};
pub use secret::Secret;
pub use seed::{Rng, Seed};
pub use time::{BadTime, Mono, Now, Wall};
