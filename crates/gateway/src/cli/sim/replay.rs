//! `tidegate sim replay`: a run that was found, once more and to the byte.

use std::path::PathBuf;
use std::process::ExitCode;

use tidegate_model::Seed;
use tidegate_sim::run as play;

use super::{Outcome, WRONG, source};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A plan with `replay`, as `tidegate sim explore` writes it.
    #[arg(value_name = "FILE")]
    plan: PathBuf,
}

pub(super) fn run(args: &Args) -> Outcome {
    let Some(read) = source::read(&args.plan)? else {
        return Ok(ExitCode::from(WRONG));
    };
    let Some(replay) = &read.plan.replay else {
        return Err(format!(
            "{} has no `replay`: play it with `tidegate sim run --seed N`",
            args.plan.display()
        ));
    };
    let outcome = play(&read.plan, Seed::new(replay.seed));
    anstream::print!("seed {}\n{outcome}", replay.seed);
    let trace = format!("{:016x}", outcome.trace);
    if trace == replay.trace {
        anstream::println!("The same run, to the byte.");
        return Ok(ExitCode::SUCCESS);
    }
    anstream::println!(
        "Another run: trace {trace}, and the plan says {}. The code or the plan has changed since.",
        replay.trace
    );
    Ok(ExitCode::FAILURE)
}
