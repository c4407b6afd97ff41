#![expect(
    clippy::redundant_closure_for_method_calls,
    reason = "the methods' names alone are not general enough in their lifetimes"
)]

use super::*;
use crate::Words;

const NOW: Mono = Mono::from_millis(100_000);

fn other(node: &str, announced: bool, fit: bool, age_s: u64) -> Other {
    Other {
        node: node.parse().unwrap(),
        announced,
        fit,
        load: 0,
        words: Words::default(),
        as_of: Mono::from_millis(100_000 - age_s * 1_000),
        heard: true,
    }
}

fn judge<R>(
    others: Vec<Other>,
    load: u32,
    spec: SteerSpec,
    ask: impl FnOnce(&Scene<'_>) -> R,
) -> R {
    let me: NodeId = "us/a".parse().unwrap();
    let regions = ["us", "eu"].map(|r| r.parse().unwrap()).to_vec();
    let permits = Permits::new(me.clone(), regions, 1, Mono::ZERO);
    ask(&Scene {
        me: &me,
        view: &View { others, load },
        permits: &permits,
        spec: &spec,
        now: NOW,
    })
}

#[test]
fn only_a_fresh_word_of_one_that_is_announced_fit_and_stays_lets_go() {
    let leaving = Other {
        words: Words {
            asks: Some(1),
            ..Words::default()
        },
        ..other("eu/a", true, true, 1)
    };
    for (why, others, stays) in [
        ("nobody else is known", vec![], true),
        (
            "one's own word does not count",
            vec![other("us/a", true, true, 0)],
            true,
        ),
        (
            "a healthy other takes over",
            vec![other("eu/a", true, true, 1)],
            false,
        ),
        (
            "one that is not announced cannot",
            vec![other("eu/a", false, true, 1)],
            true,
        ),
        (
            "one that is ill itself cannot",
            vec![other("eu/a", true, false, 1)],
            true,
        ),
        (
            "an old word is no word",
            vec![other("eu/a", true, true, 4)],
            true,
        ),
        ("one that wants to leave cannot", vec![leaving], true),
    ] {
        let veto = judge(others, 0, SteerSpec::default(), |s| s.must_stay());
        assert_eq!(veto, stays.then_some(Veto::LastOne), "{why}");
    }
}

#[test]
fn a_load_that_others_have_no_room_for_stays() {
    let busy = |load| Other {
        load,
        ..other("eu/a", true, true, 1)
    };
    let spec = SteerSpec {
        node_capacity: Some(1_000),
        ..SteerSpec::default()
    };
    let full = Veto::Capacity {
        load: 500,
        room: 400,
    };
    assert_eq!(judge(vec![busy(300)], 500, spec, |s| s.should_stay()), None);
    assert_eq!(
        judge(vec![busy(400)], 500, spec, |s| s.should_stay()),
        Some(full)
    );
    assert_eq!(
        judge(vec![busy(400)], 500, spec, |s| s.must_stay()),
        None,
        "whoever serves nothing needs no room"
    );
    let unknown = SteerSpec::default();
    assert_eq!(
        judge(vec![busy(400)], 500, unknown, |s| s.should_stay()),
        None
    );
}
