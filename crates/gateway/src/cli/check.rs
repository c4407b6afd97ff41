//! `tidegate check`: every problem of a configuration in one run.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use tidegate_config::{Loaded, LoadedRegion};
use tidegate_identity::KeyStoreSpec;

use super::{Outcome, block_on};
use crate::files::{Refused, load_folder, load_region};

/// Exit code of a configuration with errors.
const WRONG: u8 = 2;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder with world.yaml and a file for each region; or one region's file, as a node reads
    /// it.
    #[arg(default_value = "regions", value_name = "DIR")]
    path: PathBuf,
    /// Also ask what the configuration leads to: are the tables of keys there, and may we use them?
    #[arg(long)]
    online: bool,
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
            if args.online {
                return online(&loaded);
            }
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

/// Asks everything that the configuration leads to; each with one line.
fn online(loaded: &Loaded) -> Outcome {
    let mut good = true;
    for region in &loaded.regions {
        for (what, result) in checks(region)? {
            let name = &region.id;
            match result {
                Ok(()) => anstream::println!("{name}: {what}: good"),
                Err(why) => {
                    anstream::println!("{name}: {what}: {why}");
                    good = false;
                }
            }
        }
    }
    Ok(ExitCode::from(if good { 0 } else { WRONG }))
}

/// What a check is about, and a sentence if it fails.
type Checked = (String, Result<(), String>);

/// The checks of a region. A further kind of check is a further entry here.
fn checks(region: &LoadedRegion) -> Result<Vec<Checked>, String> {
    let mut done = Vec::new();
    if let KeyStoreSpec::Dynamodb(spec) = &region.spec.key_store {
        let result = block_on(async {
            let table = tidegate_dynamo::Table::open(spec).await;
            Ok(table.probe().await.map_err(|trouble| trouble.to_string()))
        })?;
        done.push((format!("the table of keys `{}`", spec.table), result));
    }
    Ok(done)
}
