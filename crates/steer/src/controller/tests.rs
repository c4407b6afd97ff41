use tidegate_model::Wall;

use super::*;
use crate::{Grant, Other};

fn at(ms: u64) -> Now {
    Now {
        mono: Mono::from_millis(ms),
        wall: Wall::from_unix_micros(ms * 1_000),
    }
}

fn controller() -> Controller {
    Controller::new(seat("us/a", &["us", "eu"]), SteerSpec::default(), at(0))
}

fn seat(me: &str, regions: &[&str]) -> Seat {
    let regions = regions.iter().map(|region| region.parse().unwrap());
    Seat {
        me: me.parse().unwrap(),
        regions: regions.collect(),
        mates: 1,
    }
}

fn ill() -> Input {
    Input::Checked(Err(Trouble::total("no upstream")))
}

fn partly_ill() -> Input {
    Input::Checked(Err(Trouble::partial("one upstream of two")))
}

/// Another node at a moment, letting `us/a` go if it names a question.
fn other(node: &str, ms: u64, lets_go: Option<u64>) -> Other {
    let grant = lets_go.map(|ask| Grant {
        to: "us/a".parse().unwrap(),
        ask,
    });
    Other {
        node: node.parse().unwrap(),
        announced: true,
        fit: true,
        load: 0,
        words: Words {
            asks: None,
            grant,
            mates: 1,
            departures: 0,
        },
        as_of: Mono::from_millis(ms),
        heard: true,
    }
}

fn seen(others: Vec<Other>) -> Input {
    Input::Viewed(View { others, load: 0 })
}

const GOOD: Input = Input::Checked(Ok(()));

/// Feeds inputs every half second from `from` on and lists what is announced after each plan.
fn feed(
    controller: &mut Controller,
    from: u64,
    inputs: impl IntoIterator<Item = Input>,
) -> Vec<(u64, bool)> {
    let mut plans = Vec::new();
    for (i, input) in inputs.into_iter().enumerate() {
        let ms = from + i as u64 * 500;
        controller.handle(at(ms), input);
        plans.extend(controller.poll().map(|plan| (ms, plan.announce)));
    }
    plans
}

fn others(fit: bool, as_of: u64) -> Input {
    seen(vec![Other {
        fit,
        ..other("eu/a", as_of, None)
    }])
}

#[test]
fn a_node_announces_itself_after_good_checks_in_a_row() {
    let mut controller = controller();
    assert_eq!(
        feed(&mut controller, 0, [GOOD, GOOD, ill(), GOOD, GOOD, GOOD]),
        [(2_500, true)]
    );
}

#[test]
fn an_ill_node_leaves_clients_to_a_healthy_one_and_returns_after_a_rest() {
    let mut controller = controller();
    feed(&mut controller, 0, [GOOD, GOOD, GOOD]);
    let plans = feed(
        &mut controller,
        10_000,
        [others(true, 10_000), ill(), ill(), ill(), ill()],
    );
    assert_eq!(plans, [(11_500, false)]);
    let well = (0..40).flat_map(|i| [others(true, 12_000 + i * 1_000), GOOD]);
    let plans = feed(&mut controller, 12_000, well);
    let ten_seconds_later = (21_500, true);
    assert_eq!(
        plans,
        [ten_seconds_later, (31_500, true)],
        "the second choice at first"
    );
}

#[test]
fn the_last_one_stays_however_ill_and_leaves_once_another_is_well() {
    let mut controller = controller();
    feed(&mut controller, 0, [GOOD, GOOD, GOOD]);
    assert_eq!(
        feed(
            &mut controller,
            5_000,
            [ill(), ill(), ill(), ill(), others(false, 7_000), ill()]
        ),
        []
    );
    assert_eq!(controller.vetoed(), Some(&Veto::LastOne));
    assert_eq!(
        feed(&mut controller, 8_000, [others(true, 8_000)]),
        [(8_000, false)]
    );
}

#[test]
fn a_node_that_is_stopped_withdraws_even_if_it_is_the_last() {
    let mut controller = controller();
    feed(&mut controller, 0, [GOOD, GOOD, GOOD]);
    assert_eq!(
        feed(
            &mut controller,
            5_000,
            [Input::Leave, Input::Leave, GOOD, GOOD, GOOD, GOOD]
        ),
        [(5_000, false)]
    );
    assert_eq!(
        feed(&mut controller, 9_000, [Input::Return, GOOD, GOOD, GOOD]),
        [(9_000, false), (10_500, true)]
    );
}

#[test]
fn held_by_an_operator_nothing_changes_and_it_says_so() {
    let mut controller = controller();
    let rise = feed(&mut controller, 0, [GOOD, GOOD, GOOD]);
    assert_eq!(rise.len(), 1);
    let held = [
        others(true, 2_000),
        Input::Hold(true),
        ill(),
        ill(),
        ill(),
        ill(),
    ];
    assert_eq!(feed(&mut controller, 1_500, held), []);
    assert_eq!(controller.vetoed(), Some(&Veto::Held));
    let told = controller.explain(Mono::from_millis(4_000)).join(" ");
    assert!(told.contains("tidegate steer release"), "{told}");
    assert_eq!(
        feed(&mut controller, 4_500, [Input::Hold(false)]),
        [(4_500, false)]
    );
}

#[test]
fn a_node_that_is_well_again_does_not_rest_if_nobody_else_is_there() {
    let mut controller = controller();
    feed(&mut controller, 0, [GOOD, GOOD, GOOD]);
    feed(
        &mut controller,
        2_000,
        [others(true, 2_000), ill(), ill(), ill()],
    );
    assert_eq!(controller.state(), State::Withdrawn);
    // What is known of the other is soon too old.
    let plans = feed(&mut controller, 5_500, [GOOD, GOOD, GOOD, GOOD]);
    assert_eq!(plans, [(6_500, true)]);
}

#[test]
fn whoever_comes_and_goes_too_often_stays_away_until_an_operator_says_otherwise() {
    let mut controller = controller();
    feed(&mut controller, 0, [GOOD, GOOD, GOOD]);
    let mut ms = 2_000;
    for _ in 0..3 {
        feed(&mut controller, ms, [others(true, ms), ill(), ill(), ill()]);
        assert_eq!(controller.state(), State::Withdrawn, "{ms}");
        let well = (0..60).flat_map(|i| [others(true, ms + 2_000 + i * 1_000), GOOD]);
        feed(&mut controller, ms + 2_000, well);
        ms += 70_000;
    }
    assert_eq!(controller.state(), State::Withdrawn);
    let told = controller.explain(Mono::from_millis(ms - 8_000)).join(" ");
    assert!(told.contains("too often"), "{told}");
    let order = [others(true, ms), Input::Hold(false), GOOD];
    assert_eq!(feed(&mut controller, ms, order).len(), 1);
}

#[test]
fn whoever_still_serves_something_waits_for_a_permit_and_counts_on_those_that_gave_it() {
    let mut controller = controller();
    feed(&mut controller, 0, [GOOD, GOOD, GOOD]);
    let wait = [
        others(true, 20_000),
        partly_ill(),
        partly_ill(),
        partly_ill(),
    ];
    assert_eq!(feed(&mut controller, 20_000, wait), []);
    assert!(matches!(controller.vetoed(), Some(Veto::NoPermit(_))));
    let told = controller.explain(Mono::from_millis(21_500)).join(" ");
    assert!(told.contains("1 of 2 do"), "{told}");
    let ask = controller.words().asks;
    assert!(ask.is_some(), "it asks");
    // A permit for an earlier question is none.
    let old = seen(vec![other("eu/a", 22_000, ask.map(|ask| ask - 1))]);
    assert_eq!(feed(&mut controller, 22_000, [old]), []);
    // With a permit it is the second choice first, and withdraws if that did not help.
    let granted = |ms| seen(vec![other("eu/a", ms, ask)]);
    assert_eq!(
        feed(&mut controller, 22_500, [granted(22_500), partly_ill()]),
        [(22_500, true)]
    );
    assert!(controller.is_reduced());
    let lasting = (0..9).flat_map(|i| [granted(23_500 + i * 1_000), partly_ill()]);
    assert_eq!(feed(&mut controller, 23_500, lasting), [(27_500, false)]);
    assert_eq!(controller.words().asks, None);
}

#[test]
fn nodes_of_its_region_take_over_without_a_permit_and_it_is_the_second_choice_while_it_lasts() {
    let mut controller = controller();
    feed(&mut controller, 0, [GOOD, GOOD, GOOD]);
    let mate = |ms| seen(vec![other("us/b", ms, None)]);
    let ails = [mate(20_000), partly_ill(), partly_ill(), partly_ill()];
    assert_eq!(feed(&mut controller, 20_000, ails), [(21_500, true)]);
    assert!(controller.is_reduced());
    // Well again, but it has been ill too short a time ago to be trusted.
    let checks = |from: u64, n: u64| (0..n).flat_map(move |i| [mate(from + i * 1_000), GOOD]);
    assert_eq!(feed(&mut controller, 22_000, checks(22_000, 9)), []);
    let told = controller.explain(Mono::from_millis(31_000)).join(" ");
    assert!(
        told.contains("second choice") && told.contains("1 more check"),
        "{told}"
    );
    // Twelve seconds after it stepped back it has had ten good ones.
    assert_eq!(
        feed(&mut controller, 31_000, checks(31_000, 2)),
        [(31_500, true)]
    );
    assert!(!controller.is_reduced());
}

#[test]
fn mates_without_room_take_nothing_over() {
    let spec = SteerSpec {
        node_capacity: Some(100),
        ..SteerSpec::default()
    };
    let mut controller = Controller::new(seat("us/a", &["us", "eu"]), spec, at(0));
    feed(&mut controller, 0, [GOOD, GOOD, GOOD]);
    let busy = Other {
        load: 70,
        ..other("us/b", 20_000, None)
    };
    let view = Input::Viewed(View {
        others: vec![busy],
        load: 50,
    });
    let ails = [view, partly_ill(), partly_ill(), partly_ill()];
    assert_eq!(feed(&mut controller, 20_000, ails), []);
    assert_eq!(
        controller.vetoed(),
        Some(&Veto::Capacity { load: 50, room: 10 })
    );
}

#[test]
fn a_drain_goes_on_when_it_may_and_settled_and_not_before() {
    let mut controller = controller();
    feed(&mut controller, 0, [GOOD, GOOD, GOOD]);
    feed(
        &mut controller,
        20_000,
        [others(true, 20_000), Input::Drain],
    );
    assert!(!controller.may_leave());
    let ask = controller.words().asks;
    let granted = |ms| seen(vec![other("eu/a", ms, ask)]);
    assert_eq!(feed(&mut controller, 21_000, [granted(21_000)]), []);
    assert!(controller.may_leave(), "{:?}", controller.vetoed());
    // It has settled too late: the permit is over, and it asks anew.
    assert_eq!(
        feed(&mut controller, 36_000, [granted(36_000), Input::Settled]),
        []
    );
    assert_ne!(controller.words().asks, ask);
    let ask = controller.words().asks;
    let granted = seen(vec![other("eu/a", 37_000, ask)]);
    assert_eq!(feed(&mut controller, 37_000, [granted]), [(37_000, false)]);
}

#[test]
fn a_drain_of_the_last_one_is_refused_and_can_be_taken_back() {
    let mut controller = controller();
    feed(&mut controller, 0, [GOOD, GOOD, GOOD]);
    let drain = [Input::Drain, Input::Settled];
    assert_eq!(feed(&mut controller, 20_000, drain), []);
    assert_eq!(controller.vetoed(), Some(&Veto::LastOne));
    feed(
        &mut controller,
        21_000,
        [Input::Return, others(true, 21_500)],
    );
    assert_eq!(controller.state(), State::Announced);
    assert_eq!(controller.words().asks, None);
}

#[test]
fn the_kill_switch_stops_checks_and_not_the_operator() {
    let spec = SteerSpec {
        freeze: true,
        ..SteerSpec::default()
    };
    let mut controller = Controller::new(seat("us/a", &["us", "eu"]), SteerSpec::default(), at(0));
    feed(&mut controller, 0, [GOOD, GOOD, GOOD]);
    controller.reconfigure(spec, seat("us/a", &["us", "eu"]).regions, 1);
    let ill = [others(true, 2_000), ill(), ill(), ill(), ill()];
    assert_eq!(feed(&mut controller, 2_000, ill), []);
    assert_eq!(controller.vetoed(), Some(&Veto::Frozen));
    assert_eq!(
        feed(&mut controller, 5_000, [Input::Leave]),
        [(5_000, false)]
    );
}

#[test]
fn a_region_leaves_node_by_node() {
    let mut controller = Controller::new(seat("us/a", &["us"]), SteerSpec::default(), at(0));
    feed(&mut controller, 0, [GOOD, GOOD, GOOD]);
    let mates = |ms, announced| {
        let mate = Other {
            announced,
            ..other("us/b", ms, None)
        };
        seen(vec![mate, other("us/c", ms, None)])
    };
    feed(
        &mut controller,
        20_000,
        [mates(20_000, true), mates(20_500, false)],
    );
    feed(
        &mut controller,
        21_000,
        [partly_ill(), partly_ill(), partly_ill()],
    );
    assert_eq!(controller.vetoed(), Some(&Veto::Step));
}

#[test]
fn a_service_that_flaps_for_ten_minutes_takes_its_node_out_once_or_thrice() {
    // Half periods in half seconds: shorter than what a return needs, and longer.
    for (half, most) in [(6, 1), (9, 1), (19, 5), (60, 5)] {
        let mut controller = controller();
        let (mut was, mut turns) = (false, 0);
        for tick in 0..1_200_u64 {
            let ms = tick * 500;
            controller.handle(at(ms), seen(vec![other("eu/a", ms, None)]));
            let sick = tick / half % 2 == 1;
            let check = if sick { ill() } else { GOOD };
            controller.handle(at(ms), check);
            let plans = std::iter::from_fn(|| controller.poll());
            let announced = plans.last().map_or(was, |plan| plan.announce);
            // The start itself is no transition.
            turns += u32::from(announced != was && ms > 2_000);
            was = announced;
        }
        assert!(turns <= most, "{half}: {turns}");
        assert!(turns > 0, "{half}");
    }
}
