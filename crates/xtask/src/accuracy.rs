//! `cargo xtask accuracy`: how far limits are off, beside a counter that does not think. The
//! playing and the table are `crates/sim`'s.

use std::path::Path;

use crate::command::{cargo, show};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Fewer windows and seeds, in half a minute: what `cargo xtask test` runs.
    #[arg(long)]
    short: bool,
    /// How many seeds; 3 in the short form if not given, else 5.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000))]
    seeds: Option<u64>,
    /// Over the real mesh: six processes with the globe's distances, a row after the other. Rows
    /// that ask for more than this machine can are left out.
    #[arg(long, conflicts_with_all = ["short", "seeds"])]
    mesh: bool,
    /// Only rows whose names have all these words.
    #[arg(value_name = "WORD")]
    words: Vec<String>,
}

impl Args {
    /// The short form.
    pub(crate) const fn short() -> Self {
        Self {
            short: true,
            mesh: false,
            seeds: None,
            words: Vec::new(),
        }
    }
}

pub(crate) fn run(root: &Path, args: &Args) -> Result<bool, String> {
    if args.mesh {
        return run_mesh(root, &args.words);
    }
    let example = [
        "run",
        "--locked",
        "--quiet",
        "--package",
        "tidegate-sim",
        "--example",
        "accuracy",
        "--",
    ];
    let (form, seeds) = if args.short {
        ("short", 3)
    } else {
        ("long", 5)
    };
    let seeds = args.seeds.unwrap_or(seeds).to_string();
    let mut command = cargo(root, &example);
    show(command.args([form, &seeds]).args(&args.words))
}

fn run_mesh(root: &Path, words: &[String]) -> Result<bool, String> {
    let build = ["build", "--locked", "--release", "--package", "tidegate"];
    if !show(&mut cargo(root, &build))? {
        return Ok(false);
    }
    let test = [
        "test",
        "--locked",
        "--package",
        "tidegate-tests",
        "--test",
        "e2e",
        "--",
        "limits_mesh::",
        "--nocapture",
    ];
    let mut command = cargo(root, &test);
    command
        .env("TIDEGATE_BIN", root.join("target/release/tidegate"))
        .env("TIDEGATE_MESH_ROWS", words.join(" "));
    show(&mut command)
}
