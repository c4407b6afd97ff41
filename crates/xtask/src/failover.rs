//! `cargo xtask failover`: how long failover takes through real routers. Each fault is played so
//! many times in the small internet of `tidegate up --anycast`, and `tidegate lab report` tells
//! what clients saw.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::command::{cargo, output, show};
use crate::tools;

/// Until clients have their own region back.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(clap::Args)]
pub(crate) struct Args {
    /// How often each fault is played.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    runs: u32,
    /// The profile of the binary: `release` or `debug`.
    #[arg(long, default_value = "release")]
    profile: String,
    /// Put regions as far apart as on the globe.
    #[arg(long)]
    wan: bool,
    /// Write the table to a file too, in place of the one that has the same heading.
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// Only faults whose names have one of these words.
    #[arg(value_name = "WORD")]
    words: Vec<String>,
}

/// A fault, where it is, how long it stands, and how soon no request may fail any more. Without a
/// bound no request may fail at all.
struct Fault {
    name: &'static str,
    place: &'static str,
    stands: Duration,
    goal_ms: Option<u64>,
}

const fn fault(name: &'static str, place: &'static str, stands_ms: u64, goal_ms: u64) -> Fault {
    Fault {
        name,
        place,
        stands: Duration::from_millis(stands_ms),
        goal_ms: if goal_ms == 0 { None } else { Some(goal_ms) },
    }
}

const REGION: &str = "us-east-1";
const FAULTS: [Fault; 7] = [
    fault("drain", "us-east-1/b", 2_000, 0),
    fault("drain", REGION, 2_000, 0),
    fault("kill-region", REGION, 2_000, 250),
    fault("cut-link", REGION, 2_000, 250),
    fault("blackhole", REGION, 2_500, 500),
    fault("freeze", REGION, 4_000, 2_000),
    fault("kill-daemon", REGION, 2_000, 250),
];
/// What distance may add.
const WAN_MS: u64 = 200;

pub(crate) fn run(root: &Path, args: &Args) -> Result<bool, String> {
    tools::ensure(&[tools::CC, tools::BIRD, tools::IP, tools::SYSCTL])?;
    let mut build = vec!["build", "--locked", "--package", "tidegate"];
    if args.profile == "release" {
        build.push("--release");
    }
    if !show(&mut cargo(root, &build))? {
        return Ok(false);
    }
    let lab = Lab::start(root, args)?;
    let mut table = heading(args);
    let mut all_good = true;
    for fault in FAULTS.iter().filter(|fault| args.wants(fault)) {
        let runs = (0..args.runs)
            .map(|_| lab.play(fault))
            .collect::<Result<Vec<_>, _>>()?;
        let goal = fault
            .goal_ms
            .map(|goal| goal + if args.wan { WAN_MS } else { 0 });
        let row = Row::of(fault, &runs);
        all_good &= row.is_within(goal);
        let line = row.line(goal);
        println!("{line}");
        table.push_str(&line);
        table.push('\n');
    }
    println!("\n{table}");
    if let Some(file) = &args.write {
        write_in(&root.join(file), &table)?;
    }
    Ok(all_good)
}

impl Args {
    fn wants(&self, fault: &Fault) -> bool {
        let name = format!("{} {}", fault.name, fault.place);
        self.words.is_empty() || self.words.iter().any(|word| name.contains(word))
    }

    /// What to type for the same again.
    fn spelled(&self) -> String {
        let wan = if self.wan { " --wan" } else { "" };
        let runs = self.runs;
        format!(
            "cargo xtask failover --runs {runs} --profile {}{wan}",
            self.profile
        )
    }
}

fn heading(args: &Args) -> String {
    let distance = if args.wan {
        "as far apart as on the globe"
    } else {
        "without distance"
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!(
        "## Regions {distance}\n\n`{}`, {cores} cores\n\n\
         | fault | detect | routers agree | last error, median | last error, most | goal | failed requests | asked |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | --- | ---: |\n",
        args.spelled()
    )
}

/// A world of `up --anycast`. It ends when this is dropped.
struct Lab {
    binary: PathBuf,
    data: PathBuf,
}

impl Lab {
    fn start(root: &Path, args: &Args) -> Result<Self, String> {
        let lab = Self {
            binary: root.join("target").join(&args.profile).join("tidegate"),
            data: root.join("target/failover"),
        };
        let mut up = lab.command("up");
        up.arg("--regions").arg(root.join("regions"));
        up.args(["--anycast", "--detach", "--probe-every", "20ms"]);
        if args.wan {
            up.arg("--wan");
        }
        output(&mut up)?;
        lab.wait_until_well()?;
        Ok(lab)
    }

    fn command(&self, subcommand: &str) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .args(subcommand.split(' '))
            .arg("--data")
            .arg(&self.data);
        command
    }

    /// Plays a fault once. What came of it.
    fn play(&self, fault: &Fault) -> Result<Value, String> {
        let order = format!("lab fault {} {}", fault.name, fault.place);
        output(&mut self.command(&order))?;
        std::thread::sleep(fault.stands);
        let report = output(&mut self.command("lab report --json --last 1"))?;
        output(&mut self.command(&format!("{order} --undo")))?;
        self.wait_until_well()?;
        let report: Value = serde_json::from_str(&report).map_err(|error| error.to_string())?;
        Ok(report[0].clone())
    }

    /// Waits until clients near each region are served by all of its nodes, and nothing fails.
    fn wait_until_well(&self) -> Result<(), String> {
        let begun = Instant::now();
        loop {
            let status = output(&mut self.command("lab status --json"))?;
            let status: Value = serde_json::from_str(&status).map_err(|error| error.to_string())?;
            let regions = status["regions"].as_array().cloned().unwrap_or_default();
            if regions.iter().all(is_well) {
                return Ok(());
            }
            if begun.elapsed() > PATIENCE {
                return Err(format!("clients do not get their region back: {status}"));
            }
            std::thread::sleep(Duration::from_millis(500));
        }
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if let Err(error) = output(&mut self.command("down")) {
            eprintln!("error: {error}");
        }
    }
}

/// Both of its nodes have their clients.
fn is_well(region: &Value) -> bool {
    let own = |list: &Value| {
        let name = region["region"].as_str().unwrap_or_default();
        let list = list.as_array().map_or(&[] as &[Value], Vec::as_slice);
        let own = list
            .iter()
            .filter(|by| by.as_str().is_some_and(|by| by.starts_with(name)));
        own.count() == list.len() && list.len() == 2
    };
    own(&region["ways"]) && own(&region["by"]) && region["failed"] == 0
}

/// A line of the table.
struct Row {
    name: String,
    detect_us: Vec<u64>,
    converge_us: Vec<u64>,
    last_us: Vec<u64>,
    failed: Vec<u64>,
    asked: u64,
}

impl Row {
    fn of(fault: &Fault, runs: &[Value]) -> Self {
        let all = |key: &str| {
            let mut all: Vec<u64> = runs.iter().filter_map(|run| run[key].as_u64()).collect();
            all.sort_unstable();
            all
        };
        let mut last_us = all("last_error_us");
        // A run in which nothing failed.
        last_us.splice(0..0, std::iter::repeat_n(0, runs.len() - last_us.len()));
        let part = match fault.name {
            "kill-region" => "",
            _ if fault.place == REGION => " of a region",
            _ => " of a node",
        };
        Self {
            name: format!("{}{part}", fault.name),
            detect_us: all("detect_us"),
            converge_us: all("converge_us"),
            last_us,
            failed: all("failed"),
            asked: all("asked").iter().sum(),
        }
    }

    fn is_within(&self, goal_ms: Option<u64>) -> bool {
        match goal_ms {
            Some(goal) => self.last_us.last().is_some_and(|us| us / 1_000 <= goal),
            None => self.failed.iter().all(|failed| *failed == 0),
        }
    }

    fn line(&self, goal_ms: Option<u64>) -> String {
        let goal = goal_ms.map_or_else(|| "none fails".to_owned(), |goal| format!("{goal} ms"));
        let mut failed = String::new();
        if let (Some(least), Some(most)) = (self.failed.first(), self.failed.last()) {
            let middle = self.failed[self.failed.len() / 2];
            write!(failed, "{least} to {most}, median {middle}")
                .expect("a String takes everything");
        }
        format!(
            "| {} | {} | {} | {} | {} | {goal} | {failed} | {} |",
            self.name,
            median(&self.detect_us),
            median(&self.converge_us),
            median(&self.last_us),
            spelled(self.last_us.last()),
            self.asked
        )
    }
}

fn median(sorted: &[u64]) -> String {
    spelled(sorted.get(sorted.len() / 2))
}

fn spelled(us: Option<&u64>) -> String {
    us.map_or_else(|| "-".to_owned(), |us| format!("{} ms", (us + 500) / 1_000))
}

/// Puts a section into a file in place of the one with the same heading.
fn write_in(file: &Path, section: &str) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", file.display());
    let text = std::fs::read_to_string(file).unwrap_or_default();
    std::fs::write(file, replaced(&text, section)).map_err(failed)
}

fn replaced(text: &str, section: &str) -> String {
    let heading = section.lines().next().unwrap_or_default();
    let Some(at) = text.find(heading) else {
        return format!("{}\n\n{section}", text.trim_end());
    };
    let rest = &text[at + heading.len()..];
    let end = rest.find("\n## ").map_or("", |end| &rest[end..]);
    format!("{}{section}{end}", &text[..at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_takes_the_place_of_its_predecessor() {
        let text = "# T\n\n## A\n\nold\n\n## B\n\nstays\n";
        assert_eq!(
            replaced(text, "## A\n\nnew\n"),
            "# T\n\n## A\n\nnew\n\n## B\n\nstays\n"
        );
        assert_eq!(replaced("# T\n", "## A\n"), "# T\n\n## A\n");
    }

    #[test]
    fn a_run_in_which_nothing_failed_counts_as_the_best() {
        let runs =
            [10_000, 20_000].map(|us| serde_json::json!({ "last_error_us": us, "failed": 1 }));
        let none = serde_json::json!({ "last_error_us": null, "failed": 0 });
        let row = Row::of(&FAULTS[2], &[runs[0].clone(), none, runs[1].clone()]);
        assert_eq!(row.last_us, [0, 10_000, 20_000]);
        assert!(row.is_within(Some(20)) && !row.is_within(Some(19)) && !row.is_within(None));
    }
}
