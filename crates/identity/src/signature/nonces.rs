//! Nonces that were used: remembered as long as a signature with them would be taken.
//!
//! Each node remembers for itself, and a process that starts anew remembers nothing.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use sha2::{Digest as _, Sha256};
use tidegate_model::Wall;

use super::SignatureDenied;

/// Half of a SHA-256: two nonces of one key that agree in it cost their owner a request.
type Short = [u8; 16];

/// Nonces of one key.
#[derive(Debug, Default)]
pub struct Nonces(Mutex<Used>);

#[derive(Debug, Default)]
struct Used {
    known: BTreeSet<Short>,
    /// The same, by when they may be forgotten.
    by_end: BTreeSet<(u64, Short)>,
}

impl Nonces {
    fn lock(&self) -> MutexGuard<'_, Used> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Uses a nonce up, until that second. What could be replayed is never forgotten early: if
    /// there is no room, it is refused.
    pub(crate) fn take(
        &self,
        nonce: &str,
        until_unix_secs: u64,
        now: Wall,
        max: usize,
    ) -> Result<(), SignatureDenied> {
        let digest = Sha256::digest(nonce.as_bytes());
        let mut short = Short::default();
        short.copy_from_slice(&digest[..16]);
        let mut used = self.lock();
        while let Some(&(end, old)) = used.by_end.first() {
            if end > now.unix_secs() {
                break;
            }
            used.by_end.pop_first();
            used.known.remove(&old);
        }
        if used.known.contains(&short) {
            return Err(SignatureDenied::Replayed);
        }
        if used.known.len() >= max {
            return Err(SignatureDenied::NoncesFull);
        }
        used.known.insert(short);
        used.by_end.insert((until_unix_secs, short));
        Ok(())
    }

    /// How many are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().known.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_serves_once_until_its_time_is_over_and_none_is_forgotten_early() {
        let nonces = Nonces::default();
        let take =
            |nonce: &str, until, now| nonces.take(nonce, until, Wall::from_unix_secs(now), 2);
        assert_eq!(take("a", 20, 10), Ok(()));
        assert_eq!(take("a", 30, 19), Err(SignatureDenied::Replayed));
        assert_eq!(take("b", 25, 19), Ok(()));
        assert_eq!(take("c", 30, 19), Err(SignatureDenied::NoncesFull));
        assert_eq!(nonces.len(), 2);
        assert_eq!(take("c", 40, 20), Ok(()), "the first one is over");
        assert_eq!(take("a", 40, 20), Err(SignatureDenied::NoncesFull));
        assert_eq!(take("a", 40, 25), Ok(()));
    }
}
