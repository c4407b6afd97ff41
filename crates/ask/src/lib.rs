//! Asks others about callers: issuers of opaque tokens, files of passwords, authorizers, and the
//! providers that browsers log in at.
//!
//! Identity's methods say what to ask and what an answer means; here are the errands. Each is run
//! once for all who wait for the same answer, in a bounded number, and away from the cores that
//! serve.

mod asker;
mod client;
mod exchange;
mod external;
mod flights;
mod grpc;
mod introspect;
mod logins;
mod passwords;

pub use asker::{AskSpec, Askers, Methods, Origin};
pub use logins::{Logins, LoginsSpec, unusable_login_files};
