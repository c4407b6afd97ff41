//! Which nodes of a region speak with other regions.

use std::collections::BTreeSet;

use tidegate_model::NodeId;

use crate::spec::BORDERS;

/// The border nodes: those that are border nodes already stay as long as they are steady; the
/// lowest names fill up.
///
/// Every node works this out for itself. Two that disagree for a moment cost a few messages,
/// nothing more.
pub(crate) fn elect(current: &BTreeSet<NodeId>, steady: &BTreeSet<NodeId>) -> BTreeSet<NodeId> {
    let staying: BTreeSet<NodeId> = current
        .intersection(steady)
        .take(BORDERS)
        .cloned()
        .collect();
    let joining = steady
        .difference(&staying)
        .take(BORDERS - staying.len())
        .cloned();
    staying.iter().cloned().chain(joining).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &str) -> BTreeSet<NodeId> {
        names
            .split_whitespace()
            .map(|n| format!("eu/{n}").parse().unwrap())
            .collect()
    }

    #[test]
    fn the_lowest_names_fill_up_and_whoever_is_a_border_stays() {
        for (current, steady, want) in [
            ("", "a b c d e", "a b c"),
            ("b c d", "a b c d e", "b c d"),
            ("a b c", "b c d e", "b c d"),
            ("a b c", "d", "d"),
            ("a", "", ""),
        ] {
            assert_eq!(
                elect(&set(current), &set(steady)),
                set(want),
                "{current} | {steady}"
            );
        }
    }
}
