//! Subjects that an operator has reset, on all nodes alike.
//!
//! Counts cannot be taken back, so a reset gives its subject a fresh name to count under (see
//! `limit/rename`). The word of it is an entry of the ledger, which brings it to every node, also
//! to those that were away. When its windows are over, each node forgets the entry by itself and
//! takes it from nobody any more.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tidegate_limit::{LimitId, Naming, Rename, SubjectKey, Table, Window, WindowIx};
use tidegate_model::Wall;

use crate::Entry;

/// Resets that an operator can have live at a time.
pub const RESETS_MAX: usize = 10_000;
/// Those taken from other nodes: several operators may have come close to the bound at once.
const HELD_MAX: usize = 2 * RESETS_MAX;
/// What tells these entries of the ledger from facts about keys, which are JSON.
const MARK: u8 = b'R';
/// For how many windows after the present one a fresh name holds: then no row of the old one
/// matters to anybody.
const WINDOWS: u32 = 2;
/// The longest window of a limit.
const WINDOW_MS_MAX: u64 = 86_400_000;

/// An operator's word that a subject starts from nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Reset {
    /// Later resets of a subject win. In milliseconds since the Unix epoch.
    at_ms: u64,
    /// Tells apart resets of the same millisecond, and makes the fresh name.
    nonce: u64,
    subject: u64,
    window_ms: u64,
    /// The first window that the old name is good for again.
    until: WindowIx,
}

impl Reset {
    /// A reset of `subject`, now. `nonce` is random.
    #[must_use]
    pub fn new(subject: SubjectKey, window: Duration, nonce: u64, now: Wall) -> Self {
        let current = Window::at(now, window).ix;
        Self {
            at_ms: now.unix_micros() / 1_000,
            nonce,
            subject: subject.raw(),
            window_ms: window.as_millis() as u64,
            until: WindowIx(current.0.saturating_add(1 + WINDOWS)),
        }
    }

    /// As an entry of the ledger.
    #[must_use]
    pub fn entry(&self) -> Entry {
        let bytes = postcard::to_extend(self, vec![MARK]).expect("a Vec takes all that is written");
        Entry::new(bytes).expect("a few numbers are short")
    }

    /// The reset that an entry tells of, if it tells of one.
    pub(crate) fn of(entry: &Entry) -> Option<Self> {
        let (mark, rest) = entry.bytes().split_first()?;
        (*mark == MARK).then(|| postcard::from_bytes(rest).ok())?
    }

    /// Whether it still matters. One that claims to hold for longer than any can does not.
    fn is_live(&self, now: Wall) -> bool {
        let length = Duration::from_millis(self.window_ms);
        if !(1_000..=WINDOW_MS_MAX).contains(&self.window_ms) {
            return false;
        }
        let current = Window::at(now, length).ix;
        // A clock that goes ahead of ours may be in the next window already.
        (current.next()..=WindowIx(current.0.saturating_add(WINDOWS + 2))).contains(&self.until)
    }

    /// When a subject that was reset begins to count under its own name again.
    #[must_use]
    pub const fn ends_at(&self) -> Wall {
        Wall::from_unix_micros((self.until.0 as u64).saturating_mul(self.window_ms * 1_000))
    }

    fn rename(&self) -> Rename {
        let name = Naming::new(self.nonce, LimitId(self.at_ms)).with(&self.subject.to_le_bytes());
        Rename {
            subject: SubjectKey::from_raw(self.subject),
            name: name.key(),
            until: self.until,
        }
    }
}

/// What became of a reset that was heard of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Taken {
    /// It holds; its entry belongs into the ledger.
    Held,
    /// It is over, impossible, or one too many.
    Dropped,
}

/// All live resets.
#[derive(Debug)]
pub(crate) struct Resets {
    table: Arc<Table>,
    /// In the order in which they were made.
    live: BTreeMap<Reset, Entry>,
}

impl Resets {
    pub(crate) const fn new(table: Arc<Table>) -> Self {
        Self {
            table,
            live: BTreeMap::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.live.len()
    }

    pub(crate) fn take(&mut self, reset: Reset, entry: &Entry, now: Wall) -> Taken {
        if !reset.is_live(now) || self.live.len() >= HELD_MAX {
            return Taken::Dropped;
        }
        if self.live.insert(reset, entry.clone()).is_none() {
            self.apply();
        }
        Taken::Held
    }

    /// Ends resets whose windows are over. Returns their entries.
    pub(crate) fn expire(&mut self, now: Wall) -> Vec<Entry> {
        let over: Vec<Reset> = self
            .live
            .keys()
            .filter(|r| !r.is_live(now))
            .copied()
            .collect();
        let entries = over.iter().filter_map(|reset| self.live.remove(reset));
        let entries: Vec<Entry> = entries.collect();
        if !entries.is_empty() {
            self.apply();
        }
        entries
    }

    fn apply(&self) {
        // The last of a subject's resets stays.
        self.table.set_renames(self.live.keys().map(Reset::rename));
    }
}

#[cfg(test)]
mod tests {
    use tidegate_limit::TableSpec;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn at(secs: u64) -> Wall {
        Wall::from_unix_secs(1_200_000_000 + secs)
    }

    fn resets() -> Resets {
        Resets::new(Arc::new(Table::new(TableSpec {
            subjects_max: 1_024,
        })))
    }

    #[test]
    fn a_reset_survives_the_ledger_and_facts_about_keys_are_none() {
        let reset = Reset::new(SubjectKey::from_raw(7), MINUTE, 1, at(0));
        assert_eq!(Reset::of(&reset.entry()), Some(reset));
        for bytes in [&b"{\"created\":{}}"[..], b"", b"R", b"R\xff\xff\xff"] {
            let entry = Entry::new(bytes.to_vec()).unwrap();
            assert_eq!(Reset::of(&entry), None, "{bytes:?}");
        }
    }

    #[test]
    fn a_reset_is_forgotten_two_windows_later_and_not_learned_again() {
        let mut resets = resets();
        let reset = Reset::new(SubjectKey::from_raw(7), MINUTE, 1, at(30));
        let entry = reset.entry();
        assert_eq!(resets.take(reset, &entry, at(30)), Taken::Held);
        assert_eq!(resets.take(reset, &entry, at(30)), Taken::Held, "again");
        assert!(resets.expire(at(179)).is_empty());
        assert_eq!(resets.expire(at(180)), std::slice::from_ref(&entry));
        assert_eq!(resets.take(reset, &entry, at(180)), Taken::Dropped);
    }

    #[test]
    fn what_claims_to_hold_for_long_is_dropped() {
        let mut resets = resets();
        for (until, window_ms) in [(u32::MAX, 60_000), (20_000_006, 60_000), (20_000_001, 0)] {
            let forged = Reset {
                until: WindowIx(until),
                window_ms,
                ..Reset::new(SubjectKey::from_raw(7), MINUTE, 1, at(0))
            };
            assert_eq!(resets.take(forged, &forged.entry(), at(0)), Taken::Dropped);
        }
    }
}
