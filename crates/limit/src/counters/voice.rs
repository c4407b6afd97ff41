//! Which border node of a region tells other regions of which subjects: one of them each, so that
//! no row crosses twice. All work it out alike, by rendezvous hashing: when a border node is gone,
//! its subjects go to the others, and no further ones change hands.

use tidegate_model::NodeId;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::Counters;
use crate::SubjectKey;

/// The subjects that a node speaks for. Alone, it speaks for all.
#[derive(Debug, Default)]
pub(super) struct Voice {
    own: u64,
    others: Vec<u64>,
}

impl Voice {
    fn of<'n>(me: &NodeId, borders: impl Iterator<Item = &'n NodeId>) -> Self {
        let hash = |node: &NodeId| xxh3_64(node.to_string().as_bytes());
        Self {
            own: hash(me),
            others: borders.filter(|node| *node != me).map(hash).collect(),
        }
    }

    pub(super) fn speaks_for(&self, key: SubjectKey) -> bool {
        let key = key.raw().to_le_bytes();
        let weight = |node: u64| (xxh3_64_with_seed(&key, node), node);
        let own = weight(self.own);
        self.others.iter().all(|other| own > weight(*other))
    }
}

impl Counters {
    /// Tells which border nodes of this region can be relied on to tell other regions.
    pub fn set_voices<'n>(&mut self, borders: impl Iterator<Item = &'n NodeId>) {
        self.voice = Voice::of(&self.actors.get(super::ME).node, borders);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_subject_has_one_voice_and_keeps_it_while_that_lives() {
        let borders: Vec<NodeId> = ["eu/a", "eu/b", "eu/c"].map(|n| n.parse().unwrap()).into();
        let speakers = |alive: &[NodeId], key| {
            let voices = alive.iter().map(|me| (me, Voice::of(me, alive.iter())));
            let mut speakers = voices.filter(|(_, voice)| voice.speaks_for(key));
            let first = speakers.next().map(|(me, _)| me.clone());
            assert!(speakers.next().is_none(), "two for one");
            first.expect("one for each")
        };
        let mut parts = [0; 3];
        for raw in 0..3_000 {
            let key = SubjectKey::from_raw(raw);
            let speaker = speakers(&borders, key);
            parts[borders.iter().position(|b| *b == speaker).unwrap()] += 1;
            let after = speakers(&borders[1..], key);
            assert!(speaker == borders[0] || speaker == after);
        }
        assert!(
            parts.iter().all(|part| (900..1_100).contains(part)),
            "{parts:?}"
        );
    }
}
