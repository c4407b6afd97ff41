//! Randomness from the system: for secrets, and to seed everything else.

use tidegate_model::Seed;

/// Fills `out` with bytes that nobody can predict.
///
/// # Panics
/// If the system has no randomness: then no key could be made and no connection secured.
pub fn fill(out: &mut [u8]) {
    getrandom::fill(out).expect("the system's random number generator works");
}

/// A seed that differs on every start.
#[must_use]
pub fn seed() -> Seed {
    let mut bytes = [0; 8];
    fill(&mut bytes);
    Seed::new(u64::from_le_bytes(bytes))
}
