use std::time::Duration;

use proptest::prelude::*;
use tidegate_model::Wall;

use super::*;
use crate::Other;

fn at(ms: u64) -> Now {
    Now {
        mono: Mono::from_millis(ms),
        wall: Wall::from_unix_micros(ms * 1_000),
    }
}

fn controller() -> Controller {
    Controller::new("us/a".parse().unwrap(), SteerSpec::default(), at(0))
}

fn ill() -> Input {
    Input::Checked(Err("no upstream".to_owned()))
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
    let as_of = Mono::from_millis(as_of);
    Input::Viewed(View {
        others: vec![Other {
            node: "eu/a".parse().unwrap(),
            announced: true,
            fit,
            as_of,
        }],
    })
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
    let plans = feed(&mut controller, 12_000, std::iter::repeat_n(GOOD, 40));
    assert_eq!(plans, [(21_500, true)], "ten seconds after it left");
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
    assert_eq!(controller.vetoed(), Some(Veto::LastOne));
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

proptest! {
    /// Nodes that hear each other with any delay below their patience never all withdraw, whatever
    /// befalls them.
    #[test]
    fn somebody_is_always_announced(
        script in prop::collection::vec((0_usize..3, any::<bool>()), 1..120),
        delay_ms in 0_u64..1_400,
    ) {
        let names = ["us/a", "eu/a", "ap/a"];
        let mut nodes: Vec<Controller> = names
            .iter()
            .map(|name| Controller::new(name.parse().unwrap(), SteerSpec::default(), at(0)))
            .collect();
        let mut healthy = [true; 3];
        // What each said of itself, by time.
        let mut said: Vec<Vec<Other>> = vec![Vec::new(); 3];
        let steps = 8 + script.len() as u64 * 2;
        for step in 0..steps {
            let ms = step * 500;
            if let Some((who, fit)) = script.get((step / 2) as usize) && step >= 8 {
                healthy[*who] = *fit;
            }
            for i in 0..3 {
                let heard = |j: usize| said[j].iter().rfind(|o| o.as_of + Duration::from_millis(delay_ms) <= at(ms).mono).cloned();
                let view = View { others: (0..3).filter(|j| *j != i).filter_map(heard).collect() };
                nodes[i].handle(at(ms), Input::Viewed(view));
                nodes[i].handle(at(ms), if healthy[i] { GOOD } else { ill() });
                let announced = nodes[i].state() == State::Announced;
                said[i].push(Other { node: nodes[i].me.clone(), announced, fit: nodes[i].is_fit(), as_of: at(ms).mono });
            }
            let announced = nodes.iter().filter(|node| node.state() == State::Announced).count();
            prop_assert!(step < 8 || announced > 0, "nobody at {ms} ms");
        }
    }
}

#[test]
fn held_by_an_operator_nothing_changes_and_it_says_so() {
    let mut controller = controller();
    let rise = feed(&mut controller, 0, [GOOD, GOOD, GOOD]);
    assert_eq!(rise.len(), 1);
    let view = View {
        others: vec![Other {
            node: "eu/a".parse().unwrap(),
            announced: true,
            fit: true,
            as_of: Mono::from_millis(2_000),
        }],
    };
    let held = [
        Input::Viewed(view),
        Input::Hold(true),
        ill(),
        ill(),
        ill(),
        ill(),
    ];
    assert_eq!(feed(&mut controller, 1_500, held), []);
    assert_eq!(controller.vetoed(), Some(Veto::Held));
    let told = controller.explain(Mono::from_millis(4_000)).join(" ");
    assert!(told.contains("tidegate steer release"), "{told}");
    assert_eq!(
        feed(&mut controller, 4_500, [Input::Hold(false)]),
        [(4_500, false)]
    );
}
