//! Who is calling, and may we believe it?
//!
//! Keys are recognised ([`KeyText`]), looked up ([`KeyCache`]) and verified ([`Pepper`]) here. What
//! is not known yet is asked for with [`Lookup::Ask`]: this room never fetches anything itself, and
//! never prints a credential.

mod cache;
mod guard;
mod key;
mod record;
mod spec;

pub use cache::{CacheSpec, KeyCache, Lookup};
pub use guard::Guard;
pub use key::{KeyId, KeyText, Malformed, Minted, Pepper};
pub use record::{Denied, KeyItem, KeyRecord};
pub use spec::{AuthMethod, DynamoSpec, KeyStoreSpec, KeysSpec};
