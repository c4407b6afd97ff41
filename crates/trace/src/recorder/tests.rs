use proptest::prelude::*;
use tidegate_model::Wall;

use super::*;

fn at(ms: u64) -> Mono {
    Mono::from_millis(ms)
}

fn recorder(spans_max: usize) -> Recorder {
    let root = Root {
        trace: TraceId::new(1).unwrap(),
        parent: None,
        state: None,
    };
    let begun = Now {
        mono: at(0),
        wall: Wall::from_unix_secs(1_000),
    };
    Recorder::begin(root, 42, begun, spans_max)
}

#[test]
fn phases_follow_each_other_and_hold_what_is_within() {
    let mut recorder = recorder(16);
    recorder.phase("route", at(0));
    recorder.phase("forward", at(1));
    let attempt = recorder.enter("attempt", Kind::Client, at(2));
    let told = recorder.context(true).span;
    recorder.fail(attempt, "unreachable");
    recorder.leave(at(3));
    recorder.enter("attempt", Kind::Client, at(3));
    recorder.name("GET /api/*".to_owned());
    assert!(recorder.failed());
    let trace = recorder.finish(true, at(9));
    let parents: Vec<_> = trace.spans.iter().map(|span| span.parent).collect();
    let ids: Vec<_> = trace.spans.iter().map(|span| span.id).collect();
    assert_eq!(
        parents,
        [None, Some(ids[0]), Some(ids[0]), Some(ids[2]), Some(ids[2])]
    );
    assert_eq!(told, ids[3], "the service's parent is the attempt");
    let took: Vec<_> = trace
        .spans
        .iter()
        .map(|span| span.took().as_millis())
        .collect();
    assert_eq!(took, [9, 1, 8, 1, 6], "what is open ends with the request");
    assert_eq!(trace.unix_nanos(at(2)), 1_000_002_000_000);
}

proptest! {
    #[test]
    fn whatever_happens_spans_are_few_and_a_tree(max in 1usize..12, steps: Vec<u8>) {
        let mut recorder = recorder(max);
        let mut began = 1;
        for (ms, step) in (0..).zip(&steps) {
            match step % 3 {
                0 => recorder.phase("phase", at(ms)),
                1 => drop(recorder.enter("within", Kind::Internal, at(ms))),
                _ => recorder.leave(at(ms)),
            }
            began += usize::from(step % 3 < 2);
        }
        let trace = recorder.finish(false, at(1_000));
        prop_assert_eq!(trace.spans.len(), began.min(max));
        prop_assert_eq!(trace.cut as usize, began - trace.spans.len());
        for (place, span) in trace.spans.iter().enumerate().skip(1) {
            let parent = trace.spans[..place].iter().find(|other| Some(other.id) == span.parent);
            let parent = parent.expect("a parent began before");
            prop_assert!(parent.start <= span.start && span.end <= parent.end);
        }
    }
}
