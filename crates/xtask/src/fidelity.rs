//! `cargo xtask fidelity`: the same plans with real processes and in the simulator, side by side.
//! The playing is in `tests/fidelity`.

use std::path::{Path, PathBuf};

use crate::command::{cargo, show};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Plans; all of simulations/fidelity if none is named.
    #[arg(value_name = "FILE")]
    plans: Vec<PathBuf>,
}

pub(crate) fn run(root: &Path, args: &Args) -> Result<bool, String> {
    let build = ["build", "--locked", "--release", "--package", "tidegate"];
    if !show(&mut cargo(root, &build))? {
        return Ok(false);
    }
    let play = ["run", "--locked", "--quiet", "--package", "tidegate-tests"];
    let mut command = cargo(root, &play);
    command
        .args(["--bin", "fidelity", "--"])
        .args(&args.plans)
        .env("TIDEGATE_BIN", root.join("target/release/tidegate"));
    show(&mut command)
}
