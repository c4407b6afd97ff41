//! Strict limits: who may spend what, before anybody has spoken.
//!
//! A limit's amount is divided among the regions, the same way everywhere. Within a region, all of
//! the region's part is held by one node, the subject's **home** in that window, which every node
//! of the region can work out. Others ask for rights, and what one hands over it has spent itself:
//! so all admissions of a window together can never exceed the amount, whatever is lost, repeated,
//! late or cut off. A node that was not there when a window began holds nothing in it, for an
//! earlier life of it may have spent what it would hold.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Release};

use serde::{Deserialize, Serialize};
use tidegate_model::{NodeId, RegionId, Wall};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::slot::Slot;
use crate::{Actor, Algorithm, LimitId, SubjectKey, Window, WindowIx};

/// Where a node stands in the world that divides rights.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RealmSpec {
    /// How many regions there are.
    pub regions: u16,
    /// Which of them this is, in the order that all agree on.
    pub region: u16,
    /// How many nodes this region has, alive or not.
    pub nodes: u16,
    /// Which of them this is.
    pub node: u16,
    /// When this life of the node began.
    pub born: Wall,
}

/// The same, as cores read it.
#[derive(Debug, Default)]
pub(crate) struct Realm {
    place: AtomicU64,
    born_us: AtomicU64,
}

impl Realm {
    pub(crate) fn set(&self, spec: RealmSpec) {
        let RealmSpec {
            regions,
            region,
            nodes,
            node,
            born,
        } = spec;
        let parts = [regions, region, nodes, node];
        let place = parts
            .iter()
            .fold(0, |word, part| word << 16 | u64::from(*part));
        self.born_us.store(born.unix_micros(), Release);
        self.place.store(place, Release);
    }

    pub(crate) fn get(&self) -> RealmSpec {
        let place = self.place.load(Acquire);
        let part = |shift: u32| (place >> shift) as u16;
        RealmSpec {
            regions: part(48),
            region: part(32),
            nodes: part(16),
            node: part(0),
            born: Wall::from_unix_micros(self.born_us.load(Acquire)),
        }
    }

    /// The rights that this node holds at the start of a window.
    pub(crate) fn initial(&self, whose: Whose, window: Window, now: Wall, amount: u32) -> u32 {
        let realm = self.get();
        // Another life of this node may have spent what it held of a window that is older than
        // this life; and where the last window weighs on this one, of that.
        let counted = match whose.sliding {
            true => window.elapsed + window.elapsed + window.left,
            false => window.elapsed,
        };
        if realm.born + counted >= now || realm.home(whose) != Some(realm.node) {
            return 0;
        }
        whose.part_of(realm.region, realm.regions, amount)
    }
}

/// Whose rights are divided, and whether they are divided anew in each window.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Whose {
    sliding: bool,
    turn: u64,
}

impl Whose {
    pub(crate) fn new(subject: SubjectKey, window: WindowIx, algorithm: Algorithm) -> Self {
        let sliding = algorithm == Algorithm::Sliding;
        // Homes take turns, so that one that is gone costs each subject a little, not some all. A
        // sliding window weighs on the next, so what was spent of it has to be known at the same
        // place.
        let window = if sliding { 0 } else { window.0 };
        Self {
            sliding,
            turn: xxh3_64_with_seed(&window.to_le_bytes(), subject.raw()),
        }
    }

    /// A region's part of an amount. The parts of all regions sum to the amount, and the odd ones
    /// go round.
    pub(crate) fn part_of(self, region: u16, regions: u16, amount: u32) -> u32 {
        let regions = u64::from(regions.max(1));
        if u64::from(region) >= regions {
            return 0;
        }
        let turn = (u64::from(region) + self.turn % regions) % regions;
        // Hermite's identity: floor((a + 0) / n) + ... + floor((a + n - 1) / n) = a.
        ((u64::from(amount) + turn) / regions) as u32
    }
}

impl RealmSpec {
    /// Which node of this region is the home; `None` if the region has none.
    pub(crate) fn home(&self, whose: Whose) -> Option<u16> {
        let home = (whose.turn >> 32).checked_rem(u64::from(self.nodes));
        home.map(|home| home as u16)
    }
}

/// What nodes say to each other about rights. Totals, never increments: a word that is lost is made
/// good by the next, and one that comes twice changes nothing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum RightsWord {
    /// "I have had so many rights of you in this window, and want more."
    Ask {
        /// Whose rights.
        of: RightsOf,
        /// The limit's amount for this subject.
        amount: u32,
        /// Who asks.
        taker: Actor,
        /// Rights that it has had of the one it asks, or of its region.
        have: u32,
        /// How many more it wants.
        want: u32,
    },
    /// "You have had so many rights of me in this window. I have counted them as spent."
    Grant {
        /// Whose rights.
        of: RightsOf,
        /// Who gives.
        giver: Actor,
        /// Who gets.
        taker: Actor,
        /// All that it has been given in this window.
        total: u32,
        /// Whether nothing is left, here or anywhere that was asked.
        dry: bool,
    },
}

impl RightsWord {
    /// Whose rights.
    #[must_use]
    pub const fn of(&self) -> RightsOf {
        match self {
            Self::Ask { of, .. } | Self::Grant { of, .. } => *of,
        }
    }
}

/// A subject of a limit, in a window.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RightsOf {
    /// Which limit.
    pub limit: LimitId,
    /// Which window.
    pub window: WindowIx,
    /// The subject's hash.
    pub subject: [u8; 8],
}

/// For whom a word about rights is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum RightsTo {
    /// One node.
    Node(NodeId),
    /// The subject's home in a region.
    Region(RegionId),
}

/// What a node may admit in `window` by the rights it holds, and whether no more can be had.
pub(crate) fn room(
    realm: &Realm,
    slot: &Slot,
    subject: SubjectKey,
    amount: u32,
    algorithm: Algorithm,
    window: Window,
    now: Wall,
) -> (u32, bool) {
    let whose = Whose::new(subject, window.ix, algorithm);
    let initial = realm.initial(whose, window, now, amount);
    let (gained, gained_before, dry) = slot.line().rights(window.ix);
    // What others handed over weighs on their next window, not on ours.
    let spent_before = slot.own_before(window.ix).saturating_sub(gained_before);
    let carried = match algorithm {
        Algorithm::Sliding => window.carried_up(spent_before),
        Algorithm::Fixed | Algorithm::Bucket | Algorithm::Quota | Algorithm::Concurrency => 0,
    };
    let room = initial.saturating_add(gained).saturating_sub(carried);
    (room, dry)
}
