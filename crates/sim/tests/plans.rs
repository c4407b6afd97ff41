//! Every plan under `simulations/` holds, for several seeds, and the same seed gives the same run.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use tidegate_config::Source;
use tidegate_model::Seed;
use tidegate_sim::{Plan, run};

fn plans() -> Vec<(PathBuf, Plan)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../simulations");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("the repository has simulations/")
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.extension().is_some_and(|e| e == "yaml"))
        .collect();
    files.sort();
    #[expect(
        clippy::disallowed_methods,
        reason = "the crate is handed text; its test has to find it"
    )]
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).expect("readable");
        let plan = Plan::read(&Source::new(path.clone(), &text))
            .unwrap_or_else(|p| panic!("{path:?}: {p:?}"));
        (path, plan)
    };
    files.into_iter().map(read).collect()
}

#[test]
fn every_plan_holds() {
    let plans = plans();
    assert!(plans.len() >= 25);
    let runs: Vec<(usize, u64)> = (0..plans.len())
        .flat_map(|plan| (1..=3).map(move |seed| (plan, seed)))
        .collect();
    let next = AtomicUsize::new(0);
    let play = || {
        let mut broken = Vec::new();
        while let Some((at, seed)) = runs.get(next.fetch_add(1, Relaxed)) {
            let (path, plan) = &plans[*at];
            let outcome = run(plan, Seed::new(*seed));
            let name = path.file_stem().expect("a name").display();
            println!("{name} seed {seed}\n{outcome}");
            if !outcome.broken.is_empty() {
                broken.push(format!("{name} seed {seed}"));
            }
        }
        broken
    };
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let broken: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(play)).collect();
        let ends = threads.into_iter().map(std::thread::ScopedJoinHandle::join);
        ends.flat_map(|end| end.expect("no run panics")).collect()
    });
    assert!(broken.is_empty(), "see above: {broken:?}");
}

#[test]
fn a_seed_is_a_run() {
    let (_, plan) = plans()
        .into_iter()
        .find(|(path, _)| path.ends_with("region-loss.yaml"))
        .expect("it is there");
    let trace = |seed| run(&plan, Seed::new(seed)).trace;
    assert_eq!(trace(7), trace(7));
    assert_ne!(trace(7), trace(8));
}

#[test]
fn a_recording_changes_nothing() {
    let (_, plan) = plans()
        .into_iter()
        .find(|(path, _)| path.ends_with("region-loss.yaml"))
        .expect("it is there");
    let (outcome, recording) = tidegate_sim::play_recorded(&plan, Seed::new(7));
    assert_eq!(outcome, run(&plan, Seed::new(7)));
    assert!((300..=601).contains(&recording.steps.len()));
    let good: u64 = (recording.steps.iter().flat_map(|step| &step.regions))
        .map(|region| region.good)
        .sum();
    assert_eq!(good, outcome.fates.0);
    let dead = &recording.steps[recording.steps.len() * 100 / 240];
    assert!(!dead.nodes.iter().all(|node| node.alive));
    assert!(recording.windows.iter().any(|window| window.key == "us"));
    assert!(recording.events.len() >= 8);
}
