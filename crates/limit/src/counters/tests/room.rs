//! More subjects than slots: who goes into cells, and that nothing is given back.

use std::collections::BTreeMap;

use super::*;

/// A full round of the hand that looks for subjects to evict.
fn rounds(node: &mut Node, rounds: u64, from: Now) -> Now {
    let mut now = from;
    for _ in 0..rounds * 65 {
        now = Now {
            mono: now.mono + Duration::from_millis(100),
            ..now
        };
        node.counters.collect(now);
        node.counters.refresh(now);
        node.counters.sweep(now);
    }
    now
}

/// Many subjects, asked for once each.
fn flood(node: &mut Node, name: &str, subjects: usize, now: Now) -> usize {
    let who = |i| format!("{name}-{i}");
    let admitted = (0..subjects).filter(|i| node.asks(&who(*i), now));
    let admitted = admitted.count();
    node.counters.collect(now);
    admitted
}

/// Floods a node until a subject has lost its slot.
fn crowd_out(node: &mut Node, who: &str, from: Now) -> Now {
    let mut now = from;
    for i in 0..30 {
        if node.table.own_slot(node.subject(who)).is_none() {
            return now;
        }
        flood(node, &format!("flood-{i}"), 300, now);
        now = rounds(node, 1, now);
    }
    panic!("{who} keeps its slot");
}

#[test]
fn a_subject_that_loses_its_slot_is_given_nothing_back() {
    let mut node = node("us/a", 1, &spec(12, "1h", Scope::Global));
    assert_eq!(node.burst("careful", 3, at(0)), 3);
    node.counters.collect(at(0));
    flood(&mut node, "flood", 900, at(0));
    let later = rounds(&mut node, 3, at(0));
    assert!(node.table.evicted() > 0);
    assert!(
        node.burst("careful", 30, later) <= 9,
        "three of twelve are spent"
    );
}

#[test]
fn what_others_told_of_a_subject_goes_with_it() {
    let hour = spec(12, "1h", Scope::Global);
    let (mut a, mut b) = (node("us/a", 1, &hour), node("us/b", 1, &hour));
    assert_eq!(a.burst("careful", 3, at(0)), 3);
    a.tell(&mut b, Audience::Mates, at(10));
    assert_eq!(b.admitted("careful", at(10)), 3);
    let later = crowd_out(&mut b, "careful", at(20));
    assert!(b.burst("careful", 30, later) <= 9);
}

#[test]
fn subjects_without_slots_are_counted_together_by_all_nodes() {
    let hour = spec(10, "1h", Scope::Global);
    let (mut a, mut b) = (node("us/a", 1, &hour), node("eu/a", 1, &hour));
    for node in [&mut a, &mut b] {
        // Spent, so that they keep their slots.
        for i in 0..3_000 {
            node.burst(&format!("spent-{i}"), 10, at(0));
        }
        node.counters.collect(at(0));
    }
    let late: Vec<String> = (0..200).map(|i| format!("late-{i}")).collect();
    let mut both = BTreeMap::<&str, usize>::new();
    for who in &late {
        *both.entry(who).or_default() += a.burst(who, 6, at(2));
    }
    while a.tell(&mut b, Audience::World, at(3)) != Absorbed::default() {}
    for who in &late {
        *both.entry(who).or_default() += b.burst(who, 10, at(4));
    }
    assert!(both.values().all(|admitted| *admitted <= 10), "{both:?}");
    assert!(both.values().any(|admitted| *admitted == 10), "{both:?}");
}

#[test]
fn subjects_that_are_asked_for_keep_their_slots_in_a_flood() {
    let mut node = node("us/a", 1, &spec(1_000, "1h", Scope::Global));
    let mut now = at(0);
    for i in 0..20 {
        assert!(node.asks("busy", now));
        flood(&mut node, &format!("flood-{i}"), 300, now);
        now = rounds(&mut node, 1, now);
    }
    assert!(node.table.own_slot(node.subject("busy")).is_some());
    assert_eq!(node.admitted("busy", now), 20);
    assert!(node.table.evicted() > 1_000);
}

#[test]
fn quotas_are_never_evicted() {
    let quota = LimitSpec {
        algorithm: Algorithm::Quota,
        window: Some(crate::WindowSpec::Calendar(crate::Unit::Day)),
        ..spec(12, "1h", Scope::Global)
    };
    let mut node = node("us/a", 1, &quota);
    flood(&mut node, "flood", 1_500, at(0));
    rounds(&mut node, 3, at(0));
    assert_eq!(node.table.evicted(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]
    #[test]
    fn no_subject_exceeds_its_amount_wherever_it_is_counted(
        steps in prop::collection::vec((0_usize..40, 0_usize..4, 0_u8..20), 200..400),
    ) {
        let mut node = node("us/a", 1, &spec(3, "1h", Scope::Global));
        let mut admitted = vec![0; 40];
        let mut now = at(0);
        for (who, times, more) in steps {
            admitted[who] += node.burst(&format!("subject-{who}"), times, now);
            match more {
                0 => now = rounds(&mut node, 1, now),
                1..8 => { flood(&mut node, &format!("flood-{more}"), 400, now); }
                _ => { node.counters.collect(now); }
            }
            prop_assert!(admitted[who] <= 3);
        }
    }
}
