//! Randomness as a value: one root seed, one named child stream a purpose.
//!
//! A child stream depends on its name only, so that a new draw in one place reshuffles nothing
//! elsewhere and an old failing seed stays a failing seed.

use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::SeedableRng;

/// The generator that all our code draws from. Not for secrets.
pub type Rng = Pcg64Mcg;

/// The start of a reproducible stream of random numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Seed(u64);

impl Seed {
    /// A root seed, from the command line or the system's entropy.
    #[must_use]
    pub const fn new(value: u64) -> Self {
        Self(value)
    }

    /// The seed's number, to print and to repeat a run with.
    #[must_use]
    pub const fn value(self) -> u64 {
        self.0
    }

    /// The seed of the stream that serves `purpose`.
    #[must_use]
    pub fn child(self, purpose: &str) -> Self {
        // FNV-1a over the name, then a finaliser (splitmix64) so that near names give far seeds.
        let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ self.0;
        for byte in purpose.bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Self(hash ^ (hash >> 31))
    }

    /// A generator that starts here.
    #[must_use]
    pub fn rng(self) -> Rng {
        Pcg64Mcg::seed_from_u64(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_pcg::rand_core::Rng as _;

    #[test]
    fn a_child_depends_on_its_name_and_its_parent_only() {
        let root = Seed::new(42);
        assert_eq!(root.child("gossip"), root.child("gossip"));
        assert_ne!(root.child("gossip"), root.child("gossiq"));
        assert_ne!(root.child("gossip"), Seed::new(43).child("gossip"));
        assert_eq!(
            root.child("gossip").rng().next_u64(),
            root.child("gossip").rng().next_u64()
        );
    }
}
