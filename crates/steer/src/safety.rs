//! What forbids a withdrawal.

use tidegate_model::{Mono, NodeId};

use crate::View;

/// Why a node that wants to withdraw stays.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Veto {
    /// Nobody else is known to be announced and fit: serving badly beats not serving.
    LastOne,
    /// The operator wants nothing to change.
    Held,
}

/// Whether something forbids `me` to withdraw, given what is known of the others.
///
/// Only a fresh word of a node that calls itself fit counts. When everyone falls ill at once, of a
/// common cause, everyone has said so before anyone's patience ends, so nobody leaves.
#[must_use]
pub fn veto(me: &NodeId, view: &View, now: Mono) -> Option<Veto> {
    let others = view.others.iter().filter(|other| other.node != *me);
    if others.into_iter().any(|other| other.carries(now)) {
        None
    } else {
        Some(Veto::LastOne)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Other;

    #[test]
    fn vetoes() {
        let other = |announced, fit, age_s: u64| Other {
            node: "eu/a".parse().unwrap(),
            announced,
            fit,
            as_of: Mono::from_millis(100_000 - age_s * 1_000),
        };
        let me = "us/a".parse().unwrap();
        let itself = Other {
            node: "us/a".parse().unwrap(),
            ..other(true, true, 0)
        };
        for (why, others, want) in [
            ("nobody else is known", vec![], Some(Veto::LastOne)),
            (
                "one's own word does not count",
                vec![itself],
                Some(Veto::LastOne),
            ),
            (
                "a healthy other takes over",
                vec![other(true, true, 1)],
                None,
            ),
            (
                "one that is not announced cannot",
                vec![other(false, true, 1)],
                Some(Veto::LastOne),
            ),
            (
                "one that is ill itself cannot",
                vec![other(true, false, 1)],
                Some(Veto::LastOne),
            ),
            (
                "an old word is no word",
                vec![other(true, true, 4)],
                Some(Veto::LastOne),
            ),
        ] {
            assert_eq!(
                veto(&me, &View { others }, Mono::from_millis(100_000)),
                want,
                "{why}"
            );
        }
    }
}
