//! `tidegate sim diff`: two runs side by side.
//!
//! Each side is a plan, which is played now, or the `run.json` of a run that was played before,
//! perhaps by another version.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::Deserialize;
use tidegate_model::Seed;
use tidegate_sim::figures::{Figures, compare};

use super::run::stem;
use super::{Outcome, WRONG, source};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A plan, or the run.json of an earlier run.
    #[arg(value_name = "A")]
    a: PathBuf,
    /// Another one.
    #[arg(value_name = "B")]
    b: PathBuf,
    /// The seed with which plans are played.
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
}

/// What is read of a run.json.
#[derive(Deserialize)]
struct Earlier {
    figures: Figures,
}

pub(crate) fn run(args: &Args) -> Outcome {
    let seed = Seed::new(args.seed);
    let (a, b) = match (side(&args.a, seed)?, side(&args.b, seed)?) {
        (Ok(a), Ok(b)) => (a, b),
        (Err(code), _) | (_, Err(code)) => return Ok(code),
    };
    let line = |name, path: &Path, figures: &Figures| {
        let (plan, seed) = (&figures.plan, figures.seed);
        anstream::println!("{name}  {plan}, seed {seed} ({})", path.display());
    };
    line("A", &args.a, &a);
    line("B", &args.b, &b);
    anstream::print!("\n{}", compare(&a, &b));
    Ok(ExitCode::SUCCESS)
}

/// One side's figures, or the exit code if its plan is wrong, of which the reasons were printed.
fn side(path: &Path, seed: Seed) -> Result<Result<Figures, ExitCode>, String> {
    if path
        .extension()
        .is_some_and(|extension| extension == "json")
    {
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
        let earlier: Earlier = serde_json::from_str(&text).map_err(|error| {
            format!(
                "{} is no run.json of `sim run --out`: {error}",
                path.display()
            )
        })?;
        return Ok(Ok(earlier.figures));
    }
    let Some(read) = source::read(path)? else {
        return Ok(Err(ExitCode::from(WRONG)));
    };
    let (outcome, mut recording) = tidegate_sim::play_recorded(&read.plan, seed);
    recording.plan = stem(path);
    Ok(Ok(Figures::of(&recording, &outcome)))
}
