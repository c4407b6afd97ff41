//! `tidegate sim`: plans under a virtual clock.

use std::path::PathBuf;
use std::process::ExitCode;

use tidegate_config::{Report, Source};
use tidegate_model::Seed;
use tidegate_sim::{Plan, run as play};

use super::Outcome;

/// Exit code of a plan that is wrong.
const WRONG: u8 = 2;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Play a plan and say whether what it expects holds: exit code 0 if so, 1 if not, 2 if the
    /// plan is wrong.
    Run {
        /// The plan, such as simulations/region-loss.yaml.
        #[arg(value_name = "FILE")]
        plan: PathBuf,
        /// The seed; the same seed gives the same run.
        #[arg(long, default_value_t = 1, value_name = "N")]
        seed: u64,
    },
}

pub(crate) fn run(args: &Args) -> Outcome {
    let Command::Run { plan: path, seed } = &args.command;
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    let source = Source::new(path.clone(), &text);
    let plan = match Plan::read(&source) {
        Ok(plan) => plan,
        Err(problems) => {
            anstream::print!("{}", Report::of(source, problems).render(true));
            return Ok(ExitCode::from(WRONG));
        }
    };
    anstream::println!("{}\n", plan.about.trim());
    let outcome = play(&plan, Seed::new(*seed));
    anstream::print!("seed {seed}\n{outcome}");
    if outcome.broken.is_empty() {
        anstream::println!("All that was expected holds.");
        Ok(ExitCode::SUCCESS)
    } else {
        anstream::println!(
            "Repeat it with: tidegate sim run {} --seed {seed}",
            path.display()
        );
        Ok(ExitCode::FAILURE)
    }
}
