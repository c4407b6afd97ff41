//! `tidegate sim explore`: many seeds, random faults, all cores.

use std::ops::Range;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc;

use tidegate_model::Seed;
use tidegate_sim::{Budget, Plan, found_plan, random_faults, run as play, shrink, with_faults};

use super::pace::Pace;
use super::{Outcome, WRONG, run::seeds, source};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The plan whose world and clients are taken; its faults are left out.
    #[arg(value_name = "FILE")]
    plan: PathBuf,
    /// All seeds from A on, without B.
    #[arg(long, value_name = "A..B", value_parser = seeds, default_value = "1..101")]
    seeds: Range<u64>,
    /// Faults in each run, each of which is mended later.
    #[arg(long, default_value_t = 4, value_name = "N")]
    faults: u32,
    /// Threads; as many as there are cores if left out.
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Where the plan of what was found is written.
    #[arg(long, value_name = "DIR", default_value = "simulations")]
    out: PathBuf,
}

pub(super) fn run(args: &Args) -> Outcome {
    let Some(read) = source::read(&args.plan)? else {
        return Ok(ExitCode::from(WRONG));
    };
    let budget = Budget {
        faults: args.faults,
        ..Budget::default()
    };
    let broken = play_all(args, &read.plan, budget);
    let many = args.seeds.end - args.seeds.start;
    let Some(&first) = broken.first() else {
        anstream::println!(
            "Nothing was broken in {many} runs of {} faults.",
            args.faults
        );
        return Ok(ExitCode::SUCCESS);
    };
    anstream::println!(
        "{} of {many} seeds break something: {broken:?}",
        broken.len()
    );
    let seed = Seed::new(first);
    let faults = random_faults(&read.plan, budget, seed);
    let (fewest, outcome, runs) = shrink(&read.plan, &faults, seed);
    anstream::println!(
        "Seed {first}: {} of {} faults are enough, found in {runs} runs.\n{outcome}",
        fewest.len(),
        faults.len()
    );
    let stem = args.plan.file_stem().unwrap_or_default().to_string_lossy();
    let path = args.out.join(format!("found-{stem}-{first}.yaml"));
    std::fs::write(&path, found_plan(&read.text, &fewest, &outcome))
        .map_err(|error| format!("{} cannot be written: {error}", path.display()))?;
    anstream::println!("Repeat it with: tidegate sim replay {}", path.display());
    Ok(ExitCode::FAILURE)
}

/// Plays all seeds. Returns those that break something, in order.
fn play_all(args: &Args, plan: &Plan, budget: Budget) -> Vec<u64> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let threads = args.threads.unwrap_or(cores).clamp(1, 1_024);
    let many = args.seeds.end - args.seeds.start;
    let next = AtomicU64::new(args.seeds.start);
    let mut broken = Vec::new();
    std::thread::scope(|scope| {
        let (tell, told) = mpsc::sync_channel(threads);
        for _ in 0..threads {
            let (tell, next) = (tell.clone(), &next);
            scope.spawn(move || {
                loop {
                    let seed = next.fetch_add(1, Relaxed);
                    if seed >= args.seeds.end {
                        return;
                    }
                    let faults = random_faults(plan, budget, Seed::new(seed));
                    let outcome = play(&with_faults(plan, &faults), Seed::new(seed));
                    if tell.send((seed, !outcome.broken.is_empty())).is_err() {
                        return;
                    }
                }
            });
        }
        drop(tell);
        let mut pace = Pace::new(many);
        for (done, (seed, broke)) in (1..).zip(told) {
            broken.extend(broke.then_some(seed));
            pace.at(done, broken.len() as u64);
        }
    });
    broken.sort_unstable();
    broken
}
