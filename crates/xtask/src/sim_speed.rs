//! `cargo xtask sim-speed`: how many times faster than time the simulator is, and what memory it
//! takes. The playing is `crates/sim`'s.

use std::path::Path;

use crate::command::{cargo, show};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Build as tests are built, and not as what is shipped.
    #[arg(long)]
    dev: bool,
}

pub(crate) fn run(root: &Path, args: &Args) -> Result<bool, String> {
    let mut example = vec!["run", "--locked", "--quiet"];
    if !args.dev {
        example.push("--release");
    }
    example.extend(["--package", "tidegate-sim", "--example", "speed"]);
    show(&mut cargo(root, &example))
}
