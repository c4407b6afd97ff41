//! API keys in a DynamoDB global table: one table, a replica in each region, last writer wins.
//!
//! Last-writer-wins decides between writes of the same item. So a revocation is an item of its own
//! that is only ever added (`layout`): no write of the key's record, wherever and whenever, can
//! undo it. One node a region follows the table's stream ([`Tail`]); [`Table`] answers the rest.

mod clock;
mod error;
mod init;
mod layout;
mod probe;
mod stream;
mod table;

pub use error::Trouble;
pub use init::InitSpec;
pub use stream::{Change, Tail};
pub use table::{RevokedPage, Table};
