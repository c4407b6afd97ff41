//! `tidegate sim`: plans under a virtual clock.

mod diff;
mod explore;
mod out;
mod pace;
mod replay;
mod run;
mod source;

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
    Run(run::Args),
    /// Let random faults happen in a plan's world, with many seeds on all cores, and write the
    /// fewest faults that break something as a new plan.
    Explore(explore::Args),
    /// Put two runs side by side: what a change of a plan, of limits or of timings would do, or
    /// another version.
    Diff(diff::Args),
    /// Play the run that a found plan was written for, and compare all that happens with it.
    Replay(replay::Args),
}

pub(crate) fn run(args: &Args) -> Outcome {
    match &args.command {
        Command::Run(args) => run::run(args),
        Command::Diff(args) => diff::run(args),
        Command::Explore(args) => explore::run(args),
        Command::Replay(args) => replay::run(args),
    }
}
