//! What has changed, in sentences: the latest of them, on this node's clock.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
use tidegate_model::Wall;

/// Entries kept; the oldest go.
const ENTRIES_MAX: usize = 100;

/// How much an entry matters.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mood {
    /// Something is well again.
    Good,
    /// Something has changed.
    Plain,
    /// Something is wrong.
    Bad,
}

/// One change.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// Counts up; a gap means that entries were dropped.
    pub(crate) number: u64,
    pub(crate) at_unix_ms: u64,
    pub(crate) mood: Mood,
    pub(crate) text: String,
}

/// What is compared from one look to the next.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Seen {
    /// What is either so or not, by a name that never changes.
    pub(super) facts: BTreeMap<String, Fact>,
    /// What is one of many, such as a generation or a reason.
    pub(super) words: BTreeMap<String, Option<String>>,
}

/// Something that is so or not, and how both are told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Fact {
    pub(super) holds: bool,
    /// Told once it holds.
    pub(super) yes: String,
    /// Told once it does not.
    pub(super) no: String,
    /// Whether it is bad if it does not hold; else it is bad if it holds.
    pub(super) wanted: bool,
}

/// The latest changes.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    before: Option<Seen>,
    entries: VecDeque<Entry>,
    next: u64,
}

impl Journal {
    /// Compares with the last look. At the first one there is nothing to tell.
    pub(super) fn see(&mut self, seen: &Seen, at: Wall) {
        let before = self.before.replace(seen.clone());
        let Some(before) = before else {
            return self.note(Mood::Plain, "This node began to watch.".to_owned(), at);
        };
        for (name, fact) in &seen.facts {
            let changed = before.facts.get(name).map(|then| then.holds) != Some(fact.holds);
            // What is new and as it should be is no news.
            let is_news = before.facts.contains_key(name) || fact.holds != fact.wanted;
            if changed && is_news {
                let text = if fact.holds { &fact.yes } else { &fact.no };
                let mood = match fact.holds == fact.wanted {
                    true => Mood::Good,
                    false => Mood::Bad,
                };
                self.note(mood, text.clone(), at);
            }
        }
        for (name, word) in &seen.words {
            let known = before.words.get(name);
            let changed = known.is_some_and(|then| then != word);
            if let (true, Some(word)) = (changed, word) {
                self.note(Mood::Plain, format!("{name} {word}."), at);
            }
        }
    }

    /// The latest first.
    pub(crate) fn latest(&self) -> Vec<Entry> {
        self.entries.iter().rev().cloned().collect()
    }

    fn note(&mut self, mood: Mood, text: String, at: Wall) {
        if self.entries.len() >= ENTRIES_MAX {
            self.entries.pop_front();
        }
        let (number, at_unix_ms) = (self.next, at.unix_millis());
        self.next += 1;
        self.entries.push_back(Entry {
            number,
            at_unix_ms,
            mood,
            text,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(holds: bool, word: &str) -> Seen {
        let fact = Fact {
            holds,
            yes: "eu is announced".to_owned(),
            no: "eu is not announced".to_owned(),
            wanted: true,
        };
        let words = BTreeMap::from([("eu/a runs".to_owned(), Some(word.to_owned()))]);
        Seen {
            facts: BTreeMap::from([("eu".to_owned(), fact)]),
            words,
        }
    }

    #[test]
    fn changes_are_told_once_and_the_oldest_are_dropped() {
        let at = Wall::from_unix_secs(1);
        let mut journal = Journal::default();
        for (holds, word) in [
            (true, "1"),
            (true, "1"),
            (false, "1"),
            (false, "2"),
            (true, "2"),
        ] {
            journal.see(&seen(holds, word), at);
        }
        let told: Vec<_> = journal
            .latest()
            .into_iter()
            .map(|e| (e.mood, e.text))
            .collect();
        let wanted = [
            (Mood::Good, "eu is announced"),
            (Mood::Plain, "eu/a runs 2."),
            (Mood::Bad, "eu is not announced"),
            (Mood::Plain, "This node began to watch."),
        ];
        assert_eq!(told, wanted.map(|(mood, text)| (mood, text.to_owned())));
        for turn in 0..300 {
            journal.see(&seen(turn % 2 == 0, "2"), at);
        }
        let latest = journal.latest();
        assert_eq!(latest.len(), ENTRIES_MAX);
        assert!(latest[0].number > 300 - ENTRIES_MAX as u64);
    }
}
