//! `tidegate sim run`: a plan, with one seed or several.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use tidegate_model::Seed;
use tidegate_sim::recording::Recording;
use tidegate_sim::{Plan, play_recorded, run as play};

use super::pace::{Pace, now};
use super::{Outcome, WRONG, out, source};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The plan, such as simulations/region-loss.yaml.
    #[arg(value_name = "FILE")]
    plan: PathBuf,
    /// The seed; the same seed gives the same run.
    #[arg(long, default_value_t = 1, value_name = "N", conflicts_with = "seeds")]
    seed: u64,
    /// All seeds from A on, without B.
    #[arg(long, value_name = "A..B", value_parser = seeds)]
    seeds: Option<Range<u64>>,
    /// As fast as the machine can, or as it would happen: then faults and withdrawals are told at
    /// their time, and the verdict comes at the end.
    #[arg(long, value_enum, default_value_t = Speed::Max)]
    speed: Speed,
    /// Write the run to this folder: report.html, plots, run.json, and metrics.txt for a
    /// Prometheus.
    #[arg(long, value_name = "DIR", conflicts_with = "seeds")]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
enum Speed {
    Real,
    Max,
}

/// Reads `A..B`.
pub(super) fn seeds(text: &str) -> Result<Range<u64>, String> {
    let wrong = || format!("`{text}` is not like 1..101, from the first to before the last");
    let (from, to) = text.split_once("..").ok_or_else(wrong)?;
    let number = |text: &str| text.trim().parse::<u64>().map_err(|_| wrong());
    let range = number(from)?..number(to)?;
    match range.is_empty() {
        true => Err(format!("`{text}` holds no seed")),
        false => Ok(range),
    }
}

pub(super) fn run(args: &Args) -> Outcome {
    let Some(read) = source::read(&args.plan)? else {
        return Ok(ExitCode::from(WRONG));
    };
    anstream::println!("{}\n", read.plan.about.trim());
    let seeds = args
        .seeds
        .clone()
        .unwrap_or_else(|| args.seed..args.seed.saturating_add(1));
    let many = seeds.end - seeds.start;
    let mut pace = Pace::new(many);
    let mut broken = Vec::new();
    for (done, seed) in (1..).zip(seeds) {
        let seed_of_run = Seed::new(seed);
        let outcome = match (args.speed, &args.out) {
            (Speed::Max, None) => play(&read.plan, seed_of_run),
            (speed, out) => {
                let (outcome, mut recording) = play_recorded(&read.plan, seed_of_run);
                recording.plan = stem(&args.plan);
                if speed == Speed::Real {
                    tell_slowly(&read.plan, &recording);
                }
                if let Some(folder) = out {
                    let page = out::write(folder, &recording, &outcome, &again(args, seed))?;
                    anstream::println!("Written: {}", page.display());
                }
                outcome
            }
        };
        if !outcome.broken.is_empty() {
            broken.push(seed);
        }
        if many == 1 || !outcome.broken.is_empty() {
            anstream::print!("seed {seed}\n{outcome}");
        }
        pace.at(done, broken.len() as u64);
    }
    let Some(first) = broken.first() else {
        let runs = if many == 1 {
            String::new()
        } else {
            format!(" In {many} runs.")
        };
        anstream::println!("All that was expected holds.{runs}");
        return Ok(ExitCode::SUCCESS);
    };
    if many > 1 {
        anstream::println!("{} of {many} seeds break something.", broken.len());
    }
    anstream::println!("Repeat it with: {}", again(args, *first));
    Ok(ExitCode::FAILURE)
}

/// A plan's name.
pub(super) fn stem(plan: &Path) -> String {
    let stem = plan.file_stem().unwrap_or_default();
    stem.to_string_lossy().into_owned()
}

/// What repeats a run.
fn again(args: &Args, seed: u64) -> String {
    format!("tidegate sim run {} --seed {seed}", args.plan.display())
}

/// Tells what happens as it would happen.
fn tell_slowly(plan: &Plan, recording: &Recording) {
    let began = now();
    for event in &recording.events {
        wait_until(began, Duration::from_millis(event.at_ms));
        let secs = event.at_ms as f64 / 1_000.0;
        anstream::println!("{secs:9.3} s  {:24} {}", event.place, event.what);
    }
    wait_until(began, plan.run_for.get());
}

#[expect(
    clippy::disallowed_methods,
    reason = "nothing else runs in this process"
)]
fn wait_until(began: Instant, after: Duration) {
    std::thread::sleep(after.saturating_sub(began.elapsed()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_two_numbers() {
        assert_eq!(seeds("1..101"), Ok(1..101));
        for wrong in ["7", "a..b", "5..5", "9..3", "..3"] {
            assert!(seeds(wrong).is_err(), "{wrong}");
        }
    }
}
