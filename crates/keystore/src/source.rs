//! What every store of keys can do.

use std::pin::Pin;
use std::sync::Arc;

use tidegate_identity::{KeyId, KeyRecord};

/// A store of keys.
pub trait KeySource: Send + Sync + 'static {
    /// What the store knows of a key; `None` if it does not know it.
    fn fetch(
        &self,
        kid: KeyId,
    ) -> Pin<Box<dyn Future<Output = Result<Option<Stored>, FetchError>> + Send + '_>>;
}

/// What a store knows of a key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stored {
    /// The record.
    pub record: Arc<KeyRecord>,
    /// Whether it was revoked.
    pub revoked: bool,
}

/// The store did not answer, or not with anything usable. The key may exist or not.
#[derive(Debug, thiserror::Error)]
#[error("the key store does not answer: {0}")]
pub struct FetchError(pub String);
