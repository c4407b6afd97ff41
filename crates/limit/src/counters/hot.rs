//! Subjects that are being asked for, and how soon each is looked at again.
//!
//! Near its limit, or while rates are told of it, a subject is looked at each time. Of most
//! subjects no answer depends on what a node believes to be under way elsewhere: those are calm,
//! and it is enough to notice now and then that nobody asks for them any more.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use tidegate_model::Mono;

use super::subject::Subjects;
use crate::SubjectKey;

/// A calm subject is looked at again after so long: never at the same moment of a window of whole
/// seconds.
const CALM: Duration = Duration::from_millis(730);

/// When a subject is looked at again.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Look {
    /// When it is asked for.
    #[default]
    Idle,
    /// At this time.
    Calm(Mono),
    /// Each time.
    Close,
}

/// Subjects in demand.
#[derive(Debug, Default)]
pub(super) struct Hot {
    close: BTreeSet<SubjectKey>,
    /// In the order of their times. One whose subject is looked at otherwise is left over.
    calm: VecDeque<(Mono, SubjectKey)>,
    /// Calm subjects that are not left over.
    calm_count: usize,
}

impl Hot {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.close.len() + self.calm_count
    }

    /// All of them.
    pub(super) fn keys<'s>(&'s self, subjects: &'s Subjects) -> impl Iterator<Item = SubjectKey> {
        let calm = self.calm.iter().filter(|(at, key)| {
            let look = subjects.get(key).map(|subject| subject.look);
            look == Some(Look::Calm(*at))
        });
        let calm = calm.map(|(_, key)| *key);
        self.close.iter().copied().chain(calm)
    }

    /// Those that are to be looked at now.
    pub(super) fn due(&mut self, subjects: &Subjects, now: Mono) -> Vec<SubjectKey> {
        let mut due: Vec<SubjectKey> = self.close.iter().copied().collect();
        while let Some(&(at, key)) = self.calm.front()
            && at <= now
        {
            self.calm.pop_front();
            let look = subjects.get(&key).map(|subject| subject.look);
            if look == Some(Look::Calm(at)) {
                due.push(key);
            }
        }
        due
    }

    /// A subject that was looked at is close, calm, or idle from now on.
    pub(super) fn place(&mut self, key: SubjectKey, look: &mut Look, wanted: Wanted, now: Mono) {
        match (*look, wanted) {
            (Look::Close, Wanted::Close) | (Look::Idle, Wanted::Idle) => return,
            // It is in the queue already.
            (Look::Calm(at), Wanted::Calm) if at > now => return,
            _ => {}
        }
        self.forget(key, *look);
        *look = match wanted {
            Wanted::Idle => Look::Idle,
            Wanted::Close => {
                self.close.insert(key);
                Look::Close
            }
            Wanted::Calm => {
                let at = now + CALM;
                self.calm.push_back((at, key));
                self.calm_count += 1;
                Look::Calm(at)
            }
        };
    }

    /// A subject is not looked at again.
    pub(super) fn forget(&mut self, key: SubjectKey, look: Look) {
        match look {
            Look::Idle => {}
            Look::Calm(_) => self.calm_count -= 1,
            Look::Close => {
                self.close.remove(&key);
            }
        }
    }
}

/// How closely a subject shall be looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Wanted {
    Idle,
    Calm,
    Close,
}
