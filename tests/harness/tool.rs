//! Programs: ours and others'.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What a program said and how it ended.
#[derive(Clone, Debug)]
pub struct Output {
    /// Its exit code; -1 if a signal ended it.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

/// The binary under test: `TIDEGATE_BIN`, or the newest build beside this package.
#[must_use]
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("TIDEGATE_BIN") {
        return path.into();
    }
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
    let built = ["release", "debug"].map(|profile| target.join(profile).join("tidegate"));
    let age = |path: &PathBuf| path.metadata().and_then(|m| m.modified()).ok();
    let newest = built
        .into_iter()
        .filter(|path| path.exists())
        .max_by_key(age);
    newest.expect("build the binary first: cargo build --release")
}

/// Runs a program to its end.
///
/// # Panics
/// If it cannot be started.
pub fn tool(program: impl AsRef<std::ffi::OsStr>, args: &[&str]) -> Output {
    let program = program.as_ref();
    let run = Command::new(program)
        .args(args)
        // For emulators; nothing else looks at them.
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .stdin(Stdio::null())
        .output();
    let run = run.unwrap_or_else(|error| panic!("{} does not start: {error}", program.display()));
    Output {
        code: run.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&run.stdout).into_owned(),
        err: String::from_utf8_lossy(&run.stderr).into_owned(),
    }
}

/// Runs the binary under test to its end.
pub fn tidegate(args: &[&str]) -> Output {
    tool(binary(), args)
}

/// Where `cargo xtask test` installs Python tools; else the path.
#[must_use]
pub fn venv(program: &str) -> String {
    std::env::var("TIDEGATE_TEST_VENV").map_or_else(
        |_| program.to_owned(),
        |venv| format!("{venv}/bin/{program}"),
    )
}
