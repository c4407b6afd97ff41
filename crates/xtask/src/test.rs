//! `cargo xtask test`: everything that must hold.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use crate::command::{cargo, show, watch};
use crate::{accuracy, deploy_check, tidy, tools};

/// End-to-end tests that measure something: nothing else may run beside them.
const ALONE: [&str; 5] = ["limits::", "limits_mesh::", "load::", "anycast::", "dynamo"];

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Leave out the end-to-end tests, which take ten minutes.
    #[arg(long)]
    quick: bool,
}

/// What has passed and failed so far.
#[derive(Default)]
struct Tally {
    passed: u64,
    failed: u64,
    /// Names of what failed.
    failures: Vec<String>,
}

pub(crate) fn run(root: &Path, args: &Args) -> Result<bool, String> {
    tools::ensure(&[tools::REDIS])?;
    if !args.quick {
        tools::ensure(&[
            tools::CC,
            tools::CURL,
            tools::OPENSSL,
            tools::WRK,
            tools::RSYSLOG,
            tools::SOCAT,
            tools::PROMETHEUS,
            tools::IP,
            tools::SYSCTL,
            tools::EXABGP,
            tools::GOBGP,
            tools::DIG,
            tools::CHROMIUM,
            tools::PROMETHEUS,
        ])?;
    }
    tools::ensure(&[tools::BIRD])?;
    let mut tally = Tally::default();
    tally.check("format", || {
        show(&mut cargo(root, &["fmt", "--all", "--check"]))
    })?;
    tally.check("house rules", || tidy::run(root))?;
    tally.check("what is deployed", || deploy_check::run(root))?;
    tally.check("lints", || {
        let lints = ["clippy", "--locked", "--workspace", "--all-targets"];
        show(cargo(root, &lints).args(["--", "-D", "warnings"]))
    })?;
    tally.check("documentation", || {
        let docs = ["doc", "--locked", "--workspace", "--no-deps"];
        show(cargo(root, &docs).env("RUSTDOCFLAGS", "-D warnings"))
    })?;
    let all_but_outside = ["--workspace", "--exclude", "tidegate-tests"];
    tally.suite(
        "unit, property and simulation tests",
        cargo(root, &["test", "--locked", "--no-fail-fast"]).args(all_but_outside),
    )?;
    tally.check("accuracy of limits", || {
        accuracy::run(root, &accuracy::Args::short())
    })?;
    if !args.quick {
        from_outside(root, &mut tally)?;
    }
    Ok(tally.close())
}

fn from_outside(root: &Path, tally: &mut Tally) -> Result<(), String> {
    let built = tally.check("release build", || {
        show(&mut cargo(
            root,
            &["build", "--locked", "--release", "--package", "tidegate"],
        ))
    })?;
    if !built {
        return Ok(());
    }
    let figures = root.join("target/figures.md");
    if figures.exists() {
        std::fs::remove_file(&figures).map_err(|error| error.to_string())?;
    }
    let python = tools::ensure_python(root)?;
    let provider = tools::ensure_node(root)?;
    let e2e = |threads: &str| {
        let test = [
            "test",
            "--locked",
            "--package",
            "tidegate-tests",
            "--test",
            "e2e",
            "--",
        ];
        let mut command = cargo(root, &test);
        command
            .env("TIDEGATE_BIN", root.join("target/release/tidegate"))
            .env("TIDEGATE_REPORT", &figures)
            .env("TIDEGATE_TEST_VENV", &python)
            .env("TIDEGATE_TEST_NODE", &provider)
            .args(["--test-threads", threads]);
        command
    };
    let skip_alone = ALONE.iter().flat_map(|name| ["--skip", name]);
    tally.suite("end-to-end tests", e2e("2").args(skip_alone))?;
    tally.suite("end-to-end tests that measure", e2e("1").args(ALONE))?;
    if let Ok(figures) = std::fs::read_to_string(&figures) {
        println!("\n== figures of this run (target/figures.md)\n{figures}");
    }
    Ok(())
}

impl Tally {
    /// One thing that holds or does not. Returns whether it does.
    fn check(
        &mut self,
        name: &str,
        run: impl FnOnce() -> Result<bool, String>,
    ) -> Result<bool, String> {
        println!("\n== {name}");
        let begun = Instant::now();
        let good = run()?;
        if good {
            self.passed += 1;
        } else {
            self.failed += 1;
            self.failures.push(name.to_owned());
        }
        finished(name, begun);
        Ok(good)
    }

    /// A run of `cargo test`, each test counted.
    fn suite(&mut self, name: &str, command: &mut Command) -> Result<(), String> {
        println!("\n== {name}");
        let begun = Instant::now();
        let failed_before = self.failed;
        let good = watch(command, |line| {
            if let Some((passed, failed)) = result(line) {
                self.passed += passed;
                self.failed += failed;
            } else if let Some(test) = failure(line) {
                self.failures.push(test.to_owned());
            }
        })?;
        if !good && self.failed == failed_before {
            // Nothing was counted: it was not even built.
            self.failed += 1;
            self.failures.push(name.to_owned());
        }
        finished(name, begun);
        Ok(())
    }

    fn close(self) -> bool {
        println!();
        for failure in &self.failures {
            println!("failed: {failure}");
        }
        println!("{} passed, {} failed", self.passed, self.failed);
        self.failed == 0
    }
}

fn finished(name: &str, begun: Instant) {
    println!("== {name}: {} s", begun.elapsed().as_secs());
}

/// `test result: ok. 12 passed; 0 failed; ...`
fn result(line: &str) -> Option<(u64, u64)> {
    let rest = line.strip_prefix("test result: ")?;
    let number = |word: &str| {
        let before = rest.split(word).next()?;
        before.rsplit(' ').next()?.parse().ok()
    };
    Some((number(" passed;")?, number(" failed;")?))
}

/// `test name ... FAILED`
fn failure(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("test ")?;
    Some(rest.strip_suffix(" ... FAILED")?.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_read() {
        let line = "test result: ok. 31 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out";
        assert_eq!(result(line), Some((31, 2)));
        assert_eq!(result("running 31 tests"), None);
        assert_eq!(failure("test table::full ... FAILED"), Some("table::full"));
        assert_eq!(failure("test table::full ... ok"), None);
    }
}
