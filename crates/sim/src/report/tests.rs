use std::time::Duration;

use tidegate_model::Seed;

use super::*;
use crate::recording::{Event, EventKind, NodeName, NodeStep, Place, RegionStep, Step, Window};

fn outcome(broken: Vec<Finding>) -> Outcome {
    Outcome {
        seed: Seed::new(7),
        trace: 0xab,
        events: 1,
        requests: (10, 1),
        fates: (8, 2, 0),
        last_bad: Duration::from_millis(90),
        revocation: Duration::ZERO,
        broken_sessions: 0,
        over_under: (0.01, 0.0),
        false_refusals: 0,
        outage: Duration::from_millis(120),
        bytes: (0, 0),
        broken,
    }
}

/// Two regions for a minute; the second is lost in its middle.
fn recording() -> Recording {
    let place = |name: &str, latitude, longitude| Place {
        name: name.to_owned(),
        latitude,
        longitude,
    };
    let node = |name: &str, region| NodeName {
        name: name.to_owned(),
        region,
    };
    let step = |i: u64| {
        let lost = (20..40).contains(&i);
        let here = |announced: bool, good| RegionStep {
            good,
            limited: good / 2,
            failed: u64::from(lost && !announced),
            announced: u64::from(announced),
            ..RegionStep::default()
        };
        let belief = |alive| NodeStep {
            alive,
            announced: alive,
            members: if lost { 1 } else { 2 },
            believes_announced: if lost { 1 } else { 3 },
            ..NodeStep::default()
        };
        Step {
            flows: if lost {
                vec![vec![15, 0], vec![15, 0]]
            } else {
                vec![vec![15, 0], vec![0, 15]]
            },
            regions: vec![
                here(true, if lost { 20 } else { 10 }),
                here(!lost, if lost { 0 } else { 10 }),
            ],
            nodes: vec![belief(true), belief(!lost)],
            heard_ms: vec![
                vec![Some(0), Some(if lost { 1_000 * (i - 19) } else { 60 })],
                vec![Some(60), Some(0)],
            ],
        }
    };
    let event = |at_ms, kind, what: &str| Event {
        at_ms,
        kind,
        place: "eu<1>".to_owned(),
        what: what.to_owned(),
    };
    let window = |from_ms| Window {
        limit: "per-key".to_owned(),
        key: "hot".to_owned(),
        from_ms,
        length_ms: 10_000,
        allowed: 200,
        offered: 450,
        admitted: 199,
        expected_error: 4.0,
    };
    Recording {
        plan: "lost & found".to_owned(),
        about: "What it proves.".to_owned(),
        seed: 7,
        regions: vec![place("us", 38.9, -77.4), place("eu<1>", 53.3, -6.3)],
        nodes: vec![node("us/a", 0), node("eu<1>/a", 1)],
        step_ms: 1_000,
        steps: (0..60).map(step).collect(),
        windows: (0..6).map(|i| window(i * 10_000)).collect(),
        events: vec![
            event(20_000, EventKind::Fault, "all nodes die"),
            event(40_000, EventKind::Mended, "they start anew"),
        ],
    }
}

#[test]
fn the_page_needs_nothing_else_and_keeps_what_is_written_in_it_harmless() {
    let mut hostile = recording();
    hostile.about = "</script><script>alert(1)</script>".to_owned();
    let page = html(
        &hostile,
        &outcome(Vec::new()),
        "tidegate sim run lost.yaml --seed 7",
    );
    assert_eq!(
        page.matches("<script").count(),
        2,
        "the recording and the script"
    );
    assert_eq!(page.matches("</script").count(), 2);
    assert!(!page.contains("<1>"), "a name is text");
    let without_names = page.replace("http://www.w3.org/2000/svg", "");
    assert!(!without_names.contains("http"), "nothing is fetched");
    assert!(page.contains("All that was expected holds"));
}

#[test]
fn what_is_broken_stands_at_the_top() {
    let finding = Finding {
        expectation: "over_max",
        at_ms: 30_000,
        seen: "window 3: 5 of 4 admitted".to_owned(),
    };
    let page = html(&recording(), &outcome(vec![finding]), "again");
    let at = page
        .find("over_max at 30.000s: window 3")
        .expect("it is told");
    assert!(at < page.find("id=\"map\"").expect("a map"));
}

#[test]
fn every_plot_draws_a_run_of_any_length() {
    let mut run = recording();
    for steps in [60, 1, 0] {
        run.steps.truncate(steps);
        for plot in plots(&run) {
            assert!(plot.svg.starts_with("<svg ") && plot.svg.ends_with("</svg>\n"));
            assert!(!plot.svg.contains("NaN"), "{} of {steps} steps", plot.name);
        }
    }
}

#[test]
fn counters_only_grow_and_times_are_those_of_the_run() {
    let text = open_metrics(&recording());
    assert!(text.ends_with("# EOF\n"));
    let series = "tidegate_requests_total{region=\"us\",route=\"sim\",status=\"2xx\"} ";
    let samples: Vec<(u64, u64)> = text
        .lines()
        .filter_map(|line| line.strip_prefix(series))
        .map(|sample| sample.split_once(' ').expect("value and time"))
        .map(|(value, time)| (value.parse().expect("whole"), time.parse().expect("whole")))
        .collect();
    assert_eq!(samples.first(), Some(&(50, 20_000 * 86_400 + 5)));
    assert_eq!(samples.last(), Some(&(800, 20_000 * 86_400 + 60)));
    assert!(samples.is_sorted());
}

#[test]
fn json_says_whether_all_holds() {
    let text = json(&recording(), &outcome(Vec::new())).expect("text keys");
    let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(value["holds"], true);
    assert_eq!(
        value["recording"]["steps"].as_array().map(Vec::len),
        Some(60)
    );
}
