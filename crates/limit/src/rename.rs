//! Subjects that count under another name for a while: how an operator's reset forgets what was
//! counted.
//!
//! Counts only ever grow, and any node may still hold and tell them, so nothing can be set back to
//! zero. A fresh name starts from nothing on every node that uses it, and needs no agreement but on
//! the name. Old counts go when their windows do.
//!
//! A name holds to the end of a window, so that all nodes leave it at the same boundary. There a
//! sliding limit forgets what the window before weighs, once.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{PoisonError, RwLock};

use crate::{SubjectKey, WindowIx};

/// A subject that counts under another name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rename {
    /// The subject, as requests name it.
    pub subject: SubjectKey,
    /// The name that it counts under.
    pub name: SubjectKey,
    /// The first window that it counts in under its own name again.
    pub until: WindowIx,
}

/// All renamed subjects. Without any, a request pays for reading one flag that is rarely written.
#[derive(Debug, Default)]
pub(crate) struct Renames {
    any: AtomicBool,
    by_subject: RwLock<BTreeMap<SubjectKey, Rename>>,
}

impl Renames {
    pub(crate) fn set(&self, renames: impl IntoIterator<Item = Rename>) {
        let renames = renames.into_iter().map(|rename| (rename.subject, rename));
        let mut held = self
            .by_subject
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *held = renames.collect();
        self.any.store(!held.is_empty(), SeqCst);
    }

    /// What `subject` counts under in `window`.
    #[inline]
    pub(crate) fn name(&self, subject: SubjectKey, window: WindowIx) -> SubjectKey {
        if !self.any.load(SeqCst) {
            return subject;
        }
        let held = self
            .by_subject
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let rename = held.get(&subject).filter(|rename| window < rename.until);
        rename.map_or(subject, |rename| rename.name)
    }

    /// The fresh name of a subject, whether it still holds or not.
    pub(crate) fn fresh(&self, subject: SubjectKey) -> Option<Rename> {
        let held = self
            .by_subject
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        held.get(&subject).copied()
    }

    /// By the name they count under: the subjects that requests name.
    pub(crate) fn subjects(&self) -> BTreeMap<SubjectKey, SubjectKey> {
        let held = self
            .by_subject
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let pairs = held.values().map(|rename| (rename.name, rename.subject));
        pairs.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_holds_to_the_end_of_its_last_window() {
        let [subject, name, other] = [1, 2, 3].map(SubjectKey::from_raw);
        let renames = Renames::default();
        let at = |window| renames.name(subject, WindowIx(window));
        assert_eq!(at(7), subject);
        renames.set([Rename {
            subject,
            name,
            until: WindowIx(9),
        }]);
        assert_eq!([at(7), at(8), at(9)], [name, name, subject]);
        assert_eq!(renames.name(other, WindowIx(7)), other);
        renames.set([]);
        assert_eq!(at(7), subject);
    }
}
