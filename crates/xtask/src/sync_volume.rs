//! `cargo xtask sync-volume`: what limits cost between nodes, in bytes. The playing and the table
//! are `crates/sim`'s.

use std::path::Path;

use crate::command::{cargo, show};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Seconds of traffic before bytes are counted.
    #[arg(long, default_value_t = 2)]
    warm_up: u64,
    /// Seconds in which bytes are counted.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=600))]
    counted: u64,
    /// Messages that get lost between regions, as a part of all.
    #[arg(long, default_value_t = 0.0)]
    loss: f64,
    /// Limits, as a configuration writes them.
    #[arg(value_name = "LIMIT", default_value = "amount: 1000, window: 60s")]
    limits: Vec<String>,
}

pub(crate) fn run(root: &Path, args: &Args) -> Result<bool, String> {
    let example = [
        "run",
        "--locked",
        "--quiet",
        "--release",
        "--package",
        "tidegate-sim",
        "--example",
        "volume",
        "--",
    ];
    let figures = [
        args.warm_up.to_string(),
        args.counted.to_string(),
        args.loss.to_string(),
    ];
    let mut command = cargo(root, &example);
    show(command.args(figures).args(&args.limits))
}
