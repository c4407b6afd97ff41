//! `cargo xtask fidelity`: the same plan with real processes and in the simulator, side by side.
//!
//! A plan in `simulations/fidelity` is played by `tidegate up` on this machine, in real time, and
//! by the simulator with several seeds. Where both agree, the simulator may be believed where only
//! it can go.

mod figures;
mod real;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use figures::{Figures, median};
use tidegate_model::Seed;
use tidegate_sim::Plan;

/// Runs of the simulator, of which the middle one is told.
const SEEDS: u64 = 5;

#[tokio::main]
async fn main() -> ExitCode {
    let mut plans: Vec<PathBuf> = std::env::args().skip(1).map(PathBuf::from).collect();
    if plans.is_empty() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../simulations/fidelity");
        let listed = std::fs::read_dir(folder).expect("simulations/fidelity");
        let paths = listed.map(|entry| entry.expect("readable").path());
        plans = paths
            .filter(|path| path.extension().is_some_and(|e| e == "yaml"))
            .collect();
        plans.sort();
    }
    println!(
        "| plan | figure | real processes | simulator | its {SEEDS} seeds |\n| --- | --- | --- | --- | --- |"
    );
    for path in &plans {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => {
                eprintln!("{}: {error}", path.display());
                return ExitCode::FAILURE;
            }
        };
        let Some(plan) = read(path, &text) else {
            return ExitCode::from(2);
        };
        compare(path, &plan, &text).await;
    }
    ExitCode::SUCCESS
}

fn read(path: &Path, text: &str) -> Option<Plan> {
    let source = tidegate_sim::Text::new(path.to_owned(), text);
    Plan::read(&source)
        .inspect_err(|problems| {
            for problem in problems {
                eprintln!("{}: {}", path.display(), problem.message);
            }
        })
        .ok()
}

async fn compare(path: &Path, plan: &Plan, text: &str) {
    eprintln!("{} ...", path.display());
    let runs = (1..=SEEDS).map(|seed| tidegate_sim::play_recorded(plan, Seed::new(seed)));
    let runs: Vec<_> = runs.collect();
    let window = runs[0].1.windows.first();
    let window = Duration::from_millis(window.map_or(1_000, |window| window.length_ms));
    let simulated: Vec<Figures> = runs.iter().map(Figures::of_run).collect();
    let real = real::play(plan, text, window).await;
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    for (at, (figure, value, unit)) in real.rows().into_iter().enumerate() {
        let mut values: Vec<f64> = simulated.iter().map(|one| one.rows()[at].1).collect();
        values.sort_by(f64::total_cmp);
        let (least, most) = (values[0], values[values.len() - 1]);
        println!(
            "| {name} | {figure} | {} | {} | {} to {} |",
            shown(value, unit),
            shown(median(&values), unit),
            shown(least, unit),
            shown(most, unit)
        );
    }
}

fn shown(value: f64, unit: &str) -> String {
    match unit {
        "" => format!("{value:.0}"),
        "%" => format!("{value:.2} %"),
        unit => format!("{value:.0} {unit}"),
    }
}
