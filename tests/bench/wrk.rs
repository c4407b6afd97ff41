//! One turn of load.

use std::time::Duration;

use crate::peer::Pin;

/// What the kernel counts CPU time in, on all of Linux's platforms.
const TICK: Duration = Duration::from_millis(10);

/// Where load goes, and whose CPU time is counted.
pub(crate) struct Target {
    url: String,
    header: Option<String>,
    pid: u32,
}

/// What came of a turn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn {
    /// CPU time a request, in microseconds.
    pub(crate) cpu_us: f64,
    /// Requests answered each second.
    pub(crate) per_s: f64,
    /// Memory of the process after it.
    pub(crate) rss_mib: f64,
}

impl Target {
    pub(crate) const fn new(url: String, header: Option<String>, pid: u32) -> Self {
        Self { url, header, pid }
    }

    /// Sends requests over 64 connections for so long.
    pub(crate) fn run(&self, secs: u32) -> Turn {
        let before = cpu(self.pid);
        let mut command = Pin::Load.command("wrk");
        command.args(["--threads", "1", "--connections", "64"]);
        command.args(["--duration", &format!("{secs}s")]);
        if let Some(header) = &self.header {
            command.args(["--header", header]);
        }
        let output = command.arg(&self.url).output().expect("wrk is installed");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && !said.contains("Non-2xx") && !said.contains("Socket errors"),
            "{}: {said}",
            self.url
        );
        let spent = cpu(self.pid) - before;
        let requests = number(&said, " requests in ");
        assert!(requests > 0.0, "{}: {said}", self.url);
        Turn {
            cpu_us: spent.as_secs_f64() * 1e6 / requests,
            per_s: requests / f64::from(secs),
            rss_mib: rss_kib(self.pid) / 1_024.0,
        }
    }
}

/// The number before some words.
fn number(said: &str, words: &str) -> f64 {
    let before = said.split(words).next().unwrap_or_default();
    let last = before.rsplit([' ', '\n']).next().unwrap_or_default();
    last.parse()
        .unwrap_or_else(|_| panic!("wrk says nothing of{words}: {said}"))
}

/// User and system time of a process so far.
fn cpu(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("a running process");
    // The name in brackets may hold spaces; the fields behind it begin with the third.
    let fields = stat.rsplit_once(')').expect("a name in brackets").1;
    let ticks: u32 = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|field| field.parse::<u32>().expect("a number of ticks"))
        .sum();
    TICK * ticks
}

fn rss_kib(pid: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a running process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let line = line
        .unwrap_or_else(|| panic!("a process that lives: {status}"))
        .trim()
        .trim_end_matches(" kB");
    line.parse().expect("a number")
}
