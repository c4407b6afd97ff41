//! `cargo xtask anycast`: how long failover takes through real routers. The measuring itself is in
//! `tests/e2e/anycast.rs`.

use std::collections::BTreeMap;
use std::path::Path;

use crate::command::{cargo, show, watch};
use crate::tools;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// How often each fault is played.
    #[arg(long, default_value_t = 10)]
    runs: u32,
    /// The profile of the binary: `release` or `debug`.
    #[arg(long, default_value = "release")]
    profile: String,
}

pub(crate) fn run(root: &Path, args: &Args) -> Result<bool, String> {
    tools::ensure(&[tools::CC, tools::BIRD, tools::IP])?;
    let mut build = vec!["build", "--locked", "--package", "tidegate"];
    if args.profile == "release" {
        build.push("--release");
    }
    if !show(&mut cargo(root, &build))? {
        return Ok(false);
    }
    let mut faults: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    let mut all_good = true;
    for _ in 0..args.runs {
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
            .env(
                "TIDEGATE_BIN",
                root.join("target").join(&args.profile).join("tidegate"),
            )
            .args(["anycast::", "--nocapture", "--test-threads", "1"]);
        all_good &= watch(&mut command, |line| {
            if let Some((fault, ms)) = figure(line) {
                faults.entry(fault.to_owned()).or_default().push(ms);
            }
        })?;
    }
    println!("\nFrom the fault to the begin of the last request that failed:\n");
    println!("| fault | median | most | runs |\n| --- | ---: | ---: | ---: |");
    for (fault, mut ms) in faults {
        ms.sort_unstable();
        let (median, most) = (ms[ms.len() / 2], ms[ms.len() - 1]);
        println!("| {fault} | {median} ms | {most} ms | {} |", ms.len());
    }
    Ok(all_good)
}

/// `... anycast, FAULT: the last failed request began N ms after it ...`
fn figure(line: &str) -> Option<(&str, u64)> {
    let (before, after) = line.split_once(": the last failed request began ")?;
    let (_, fault) = before.rsplit_once("anycast, ")?;
    Some((fault, after.split(' ').next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read() {
        let line = "test a ... anycast, link cut: the last failed request began 20 ms after it (goal: 250 ms); 1 requests";
        assert_eq!(figure(line), Some(("link cut", 20)));
        assert_eq!(figure("test a ... ok"), None);
    }
}
