//! `tidegate check`: every problem of a configuration in one run.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use super::Outcome;
use crate::files::{Refused, load_folder, load_region};

/// Exit code of a configuration with errors.
const WRONG: u8 = 2;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder with world.yaml and a file for each region; or one region's file, as a node reads
    /// it.
    #[arg(default_value = "regions", value_name = "DIR")]
    path: PathBuf,
}

pub(crate) fn run(args: &Args) -> Outcome {
    let loaded = if args.path.is_dir() {
        load_folder(&args.path)
    } else {
        load_region(&args.path)
    };
    let colours = std::io::stdout().is_terminal();
    match loaded {
        Ok((loaded, report)) => {
            anstream::print!("{}", report.render(colours));
            let nodes: usize = loaded
                .regions
                .iter()
                .map(|region| region.spec.nodes.len())
                .sum();
            let (_, warnings) = report.counts();
            let warned = if warnings == 0 {
                String::new()
            } else {
                format!(", {warnings} to look at")
            };
            anstream::println!(
                "{} is good: {} regions, {nodes} nodes, {} routes, {} limits, generation {}{warned}",
                args.path.display(),
                loaded.region_ids.len(),
                loaded.world.routes.len(),
                loaded.world.limits.len(),
                loaded.generation,
            );
            Ok(ExitCode::SUCCESS)
        }
        Err(Refused::Wrong(report)) => {
            anstream::print!("{}", report.render(colours));
            let (errors, warnings) = report.counts();
            let plural = |n: usize| if n == 1 { "" } else { "s" };
            anstream::println!(
                "{} has {errors} error{} and {warnings} warning{}",
                args.path.display(),
                plural(errors),
                plural(warnings)
            );
            Ok(ExitCode::from(WRONG))
        }
        Err(Refused::Unreadable(sentence)) => {
            anstream::println!("error: {sentence}");
            Ok(ExitCode::from(WRONG))
        }
    }
}
