//! A thousand runs of random faults: what must hold, holds. And what does not is found, shrunk,
//! written and repeated.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tidegate_config::Source;
use tidegate_model::Seed;
use tidegate_sim::{Budget, Plan, found_plan, random_faults, run, shrink, with_faults};

/// Worlds, and seeds that are played of each.
const WORLDS: [(&str, u64); 2] = [("explore", 1_000), ("explore-strict", 300)];

fn read(text: &str) -> Plan {
    let source = Source::new(PathBuf::from("plan"), text);
    Plan::read(&source).unwrap_or_else(|problems| panic!("{text}{problems:?}"))
}

#[expect(
    clippy::disallowed_methods,
    reason = "the crate is handed text; its test has to find it"
)]
fn world(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../simulations");
    std::fs::read_to_string(folder.join(name).with_extension("yaml")).expect("readable")
}

#[test]
fn nothing_is_broken_by_random_faults() {
    for (name, seeds) in WORLDS {
        let broken = explore(&read(&world(name)), seeds);
        assert!(broken.is_empty(), "{name}: {broken:#?}");
    }
}

/// What is broken with each of so many seeds, on all cores.
fn explore(plan: &Plan, seeds: u64) -> Vec<String> {
    let next = AtomicU64::new(1);
    let play = || {
        let mut broken = Vec::new();
        loop {
            let seed = next.fetch_add(1, Relaxed);
            if seed > seeds {
                return broken;
            }
            let faults = random_faults(plan, Budget::default(), Seed::new(seed));
            let outcome = run(&with_faults(plan, &faults), Seed::new(seed));
            if let Some(finding) = outcome.broken.first() {
                broken.push(format!("seed {seed}: {finding}"));
            }
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(play)).collect();
        let ends = threads.into_iter().map(std::thread::ScopedJoinHandle::join);
        ends.flat_map(|end| end.expect("no run panics")).collect()
    })
}

#[test]
fn what_breaks_is_shrunk_written_and_repeated() {
    // Nobody may be unanswered here, so a dead region breaks it, and nothing else has to.
    let text = "about: breaks\nlimit: { amount: 1000, window: 1m }\nrun_for: 1m\n\
        clients:\n  - { key: k, per_second: 600, from: everywhere, start: 5s }\n\
        faults:\n  - { at: 12s, what: { cut: eu-west-1 } }\n  - { at: 14s, what: { crash: us-east-1/a } }\n  \
        - { at: 20s, what: { crash_region: us-east-1 } }\n  - { at: 30s, what: { heal: eu-west-1 } }\n  \
        - { at: 31s, what: { weather: { lost: 0.1 } } }\nexpect: { availability_min: 1 }\n";
    let plan = read(text);
    let faults: Vec<_> = plan
        .faults
        .iter()
        .map(|fault| fault.value.clone())
        .collect();
    let (fewest, outcome, _) = shrink(&plan, &faults, Seed::new(3));
    assert_eq!(fewest.len(), 1, "{fewest:?}");
    assert!(fewest[0].to_string().contains("crash"));
    let found = found_plan(text, &fewest, &outcome);
    let again = read(&found);
    let replay = again.replay.clone().expect("it is written");
    assert_eq!(replay.seed, 3);
    let repeated = run(&again, Seed::new(replay.seed));
    assert_eq!(format!("{:016x}", repeated.trace), replay.trace, "{found}");
    assert_eq!(repeated.broken, outcome.broken);
}

#[test]
fn faults_are_written_as_they_are_read() {
    let plan = read(&world("explore"));
    let outcome = run(
        &read(&world("explore").replace("run_for: 119s", "run_for: 1s")),
        Seed::new(1),
    );
    for seed in 0..200 {
        let faults = random_faults(&plan, Budget::default(), Seed::new(seed));
        let again = read(&found_plan(&world("explore"), &faults, &outcome));
        let read: Vec<_> = again
            .faults
            .iter()
            .map(|fault| fault.value.clone())
            .collect();
        assert_eq!(read, faults);
    }
}
