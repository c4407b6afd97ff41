//! Every plan under `simulations/` holds, for several seeds, and the same seed gives the same run.

use std::path::{Path, PathBuf};

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
    assert!(plans.len() >= 7);
    let mut broken = false;
    for (path, plan) in &plans {
        for seed in 1..=3 {
            let outcome = run(plan, Seed::new(seed));
            println!(
                "{} seed {seed}\n{outcome}",
                path.file_stem().expect("a name").display()
            );
            broken |= !outcome.broken.is_empty();
        }
    }
    assert!(!broken, "see above");
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
