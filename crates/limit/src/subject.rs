//! Limits as they run, and the numbers that stand for limits and subjects.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tidegate_model::Period;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::{
    Algorithm, Cost, Enforce, LimitSpec, Mode, OnPartition, OnStoreDown, Per, Scope, StoreKind,
    WindowSpec, Windows,
};

/// What a limit is called between nodes: a hash of what may not change while counts are kept (name,
/// window, scope). The amount is left out, so that changing it keeps the counts; but not that of a
/// strict limit, of which rights are parts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct LimitId(pub u64);

impl LimitId {
    fn of(name: &str, spec: &LimitSpec) -> Self {
        let scope = spec.scope.label();
        let text = match (spec.algorithm, spec.mode, &spec.window) {
            // Rows of these mean something else, and a right is a part of one certain amount.
            (Algorithm::Concurrency, ..) | (_, _, None) => format!("{name}\0leases\0{scope}"),
            (algorithm, Mode::Strict, Some(window)) => {
                let amount = spec.amount;
                format!("{name}\0{window}\0{scope}\0{}\0{amount}", algorithm.label())
            }
            (_, Mode::Fast, Some(WindowSpec::Length(length))) => {
                format!("{name}\0{}\0{scope}", length.get().as_micros())
            }
            (_, Mode::Fast, Some(WindowSpec::Calendar(unit))) => {
                format!("{name}\0{}\0{scope}", unit.label())
            }
        };
        Self(xxh3_64_with_seed(text.as_bytes(), 0))
    }

    /// What the limit's cells are called between nodes, for subjects without a slot of their own.
    #[must_use]
    pub(crate) fn of_cells(self) -> Self {
        Self(xxh3_64_with_seed(b"cells", self.0))
    }
}

/// A limit's place in this node's table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LimitIx(pub(crate) u16);

impl LimitIx {
    /// The limit of a table's entry at `place`. Its cells are the entry after it.
    pub(crate) const fn at(place: usize) -> Self {
        Self(2 * place as u16)
    }

    /// The limit's place among limits.
    pub(crate) const fn place(self) -> usize {
        self.0 as usize / 2
    }

    /// The limit's cells, which are a limit of their own.
    pub(crate) const fn cells(self) -> Self {
        Self(self.0 | 1)
    }

    /// Whether this stands for cells.
    pub(crate) const fn is_cells(self) -> bool {
        self.0 % 2 == 1
    }
}

/// A limit as it runs.
#[derive(Clone, PartialEq, Debug)]
pub struct Limit {
    /// Its name in the configuration, in RateLimit fields, logs and metrics.
    pub name: Arc<str>,
    /// Its name between nodes.
    pub id: LimitId,
    /// Requests a window, unless the caller's plan says otherwise.
    pub amount: u32,
    /// How its windows lie in time.
    pub windows: Windows,
    /// How windows follow each other.
    pub algorithm: Algorithm,
    /// `bucket`: what may come at once after a pause; follows the amount if `None`.
    pub burst: Option<u32>,
    /// `concurrency`: how long a silent node counts as holding what it held.
    pub lease: Duration,
    /// Whether the amount may be exceeded.
    pub mode: Mode,
    /// `fast`: the part of what is left that a node may take unheard.
    pub burst_share: f64,
    /// `strict`: how long a request waits for rights.
    pub rights_wait: Duration,
    /// What a request counts for.
    pub cost: Cost,
    /// What is done with a request that finds no room.
    pub enforce: Enforce,
    /// Whose requests are counted together.
    pub per: Per,
    /// Whether anybody can make up subjects of it.
    pub anonymous: bool,
    /// Who counts together.
    pub scope: Scope,
    /// What may be spent while another region cannot be heard.
    pub on_partition: OnPartition,
    /// Whether it only reports what it would refuse.
    pub shadow: bool,
    /// Where it is counted.
    pub store: StoreKind,
    /// What holds while its store does not answer.
    pub on_store_down: OnStoreDown,
}

/// A silent node's leases count for so long, if the limit does not say.
const LEASE: Duration = Duration::from_secs(10);
/// A request waits for rights for so long, if the limit does not say: the way to the farthest
/// region and back, and some.
const RIGHTS_WAIT: Duration = Duration::from_millis(250);

impl Limit {
    /// The limit called `name` that `spec` describes.
    #[must_use]
    pub fn new(name: &str, spec: &LimitSpec) -> Self {
        Self {
            name: name.into(),
            id: LimitId::of(name, spec),
            amount: spec.amount.get(),
            windows: spec.windows(),
            algorithm: spec.algorithm,
            burst: spec.burst.map(NonZeroU32::get),
            lease: spec.lease.map_or(LEASE, Period::get),
            mode: spec.mode,
            burst_share: spec.burst_share.get(),
            rights_wait: spec.rights_wait.map_or(RIGHTS_WAIT, Period::get),
            cost: spec.cost.clone(),
            enforce: spec.enforce,
            anonymous: spec.per.is_anonymous(),
            per: spec.per.clone(),
            scope: spec.scope,
            on_partition: spec.on_partition,
            shadow: spec.shadow,
            store: spec.store,
            on_store_down: spec.on_store_down,
        }
    }
}

/// A subject of a limit: a keyed hash over both. It says nothing about the caller to those who lack
/// the cluster's seed, and a caller who lacks it cannot choose to collide with another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct SubjectKey(u64);

/// The text is no subject's hash: 16 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a subject is shown as 16 hexadecimal digits")]
pub struct NotASubject;

impl fmt::Display for SubjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for SubjectKey {
    type Err = NotASubject;

    fn from_str(text: &str) -> Result<Self, NotASubject> {
        let digits = text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit());
        let raw = u64::from_str_radix(text, 16).ok().filter(|_| digits);
        raw.map(Self::from_raw).ok_or(NotASubject)
    }
}

impl From<SubjectKey> for String {
    fn from(key: SubjectKey) -> Self {
        key.to_string()
    }
}

impl TryFrom<String> for SubjectKey {
    type Error = NotASubject;

    fn try_from(text: String) -> Result<Self, NotASubject> {
        text.parse()
    }
}

impl SubjectKey {
    /// The subject called `name` of limit `id`. `seed` is shared by all nodes.
    #[must_use]
    pub fn new(seed: u64, id: LimitId, name: &[u8]) -> Self {
        Naming::new(seed, id).with(name).key()
    }

    /// A subject as a peer named it.
    #[must_use]
    pub const fn from_raw(raw: u64) -> Self {
        // Both ends mark slots that serve no subject.
        match raw {
            0 | u64::MAX => Self(1),
            raw => Self(raw),
        }
    }

    /// The number, to send to a peer.
    #[must_use]
    pub const fn raw(self) -> u64 {
        self.0
    }
}

/// A subject in the making: a name in several parts.
#[derive(Clone, Copy, Debug)]
pub struct Naming(u64);

impl Naming {
    /// A subject of limit `id`. `seed` is shared by all nodes.
    #[must_use]
    pub const fn new(seed: u64, id: LimitId) -> Self {
        Self(seed ^ id.0)
    }

    /// Adds a part. Order counts, and where one part ends and the next begins.
    #[must_use]
    pub fn with(self, part: &[u8]) -> Self {
        Self(xxh3_64_with_seed(part, self.0))
    }

    /// The subject of all parts.
    #[must_use]
    pub const fn key(self) -> SubjectKey {
        SubjectKey::from_raw(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_read_as_it_is_shown() {
        let key = SubjectKey::from_raw(0xab);
        assert_eq!(key.to_string(), "00000000000000ab");
        assert_eq!("00000000000000AB".parse(), Ok(key));
        for text in ["", "ab", "+0000000000000ab", "00000000000000abc", "é"] {
            assert_eq!(text.parse::<SubjectKey>(), Err(NotASubject), "{text}");
        }
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        let name = |parts: &[&str]| {
            let naming = Naming::new(7, LimitId(1));
            let named = parts.iter().fold(naming, |n, part| n.with(part.as_bytes()));
            named.key()
        };
        assert_eq!(name(&["a"]), SubjectKey::new(7, LimitId(1), b"a"));
        assert_ne!(name(&["ab", "c"]), name(&["a", "bc"]));
        assert_ne!(name(&["a", "b"]), name(&["b", "a"]));
        assert_ne!(name(&["a"]), name(&["a", ""]));
    }
}
