//! `cargo xtask bench`: CPU per request beside nginx. The measuring itself is in `tests/bench`.

use std::path::Path;

use crate::command::{cargo, show};
use crate::tools;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// How often each proxy has its turn.
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// How long a turn lasts.
    #[arg(long, default_value_t = 6)]
    secs: u32,
    /// The profile of the binary: `release`, or `dist`, which is what is shipped.
    #[arg(long, default_value = "release")]
    profile: String,
}

pub(crate) fn run(root: &Path, args: &Args) -> Result<bool, String> {
    tools::ensure(&[tools::CC, tools::WRK, tools::NGINX])?;
    let profile = &args.profile;
    let build = [
        "build",
        "--locked",
        "--profile",
        profile,
        "--package",
        "tidegate",
    ];
    if !show(&mut cargo(root, &build))? {
        return Ok(false);
    }
    let bench = [
        "run",
        "--locked",
        "--quiet",
        "--package",
        "tidegate-tests",
        "--bin",
        "bench",
    ];
    let (rounds, secs) = (args.rounds.to_string(), args.secs.to_string());
    let mut command = cargo(root, &bench);
    command
        .env(
            "TIDEGATE_BIN",
            root.join("target").join(profile).join("tidegate"),
        )
        .args(["--", &rounds, &secs]);
    show(&mut command)
}
