//! How many times faster than time the simulator is, on one core, and what memory it takes.
//!
//! `cargo xtask sim-speed`, or with words of the worlds' names: `-- idle`.

use std::path::PathBuf;
use std::time::Instant;

use tidegate_config::Source;
use tidegate_model::Seed;
use tidegate_sim::{Plan, run};

/// Name, nodes in each region, keys, the exponent of Zipf's law, requests a second, seconds played.
const WORLDS: [(&str, u16, u32, f64, u32, u32); 5] = [
    ("30 nodes, idle", 10, 1, 0.0, 0, 120),
    (
        "30 nodes, 10,000 requests a second, 1,000 keys far from their limits",
        10,
        1_000,
        0.0,
        10_000,
        60,
    ),
    (
        "30 nodes, 10,000 requests a second, 1,000 keys, twenty beyond their limits",
        10,
        1_000,
        1.0,
        10_000,
        60,
    ),
    (
        "30 nodes, 10,000 requests a second, one key",
        10,
        1,
        0.0,
        10_000,
        60,
    ),
    (
        "99 nodes, 50,000 requests a second, 1,000,000 keys",
        33,
        1_000_000,
        1.0,
        50_000,
        20,
    ),
];

fn plan(nodes: u16, keys: u32, zipf: f64, per_second: u32, secs: u32) -> Plan {
    let text = format!(
        "about: \"speed\"\nnodes: {nodes}\nlimit: {{ amount: 1000, window: 10s }}\nrun_for: {secs}s\n\
         keys: {{}}\nclients:\n  - {{ key: k, keys: {keys}, zipf: {zipf}, per_second: {per_second}, from: everywhere, start: 3s }}\n\
         expect: {{}}\n"
    );
    let source = Source::new(PathBuf::from("speed"), &text);
    Plan::read(&source).unwrap_or_else(|problems| panic!("{text}{problems:?}"))
}

/// The most memory that this process has had, in MiB.
#[expect(
    clippy::disallowed_methods,
    reason = "an example measures; the crate does not"
)]
fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) / 1_024
}

#[expect(
    clippy::disallowed_methods,
    reason = "an example measures; the crate does not"
)]
fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    for (name, nodes, keys, zipf, per_second, secs) in WORLDS {
        if !wanted.iter().all(|word| name.contains(word.as_str())) {
            continue;
        }
        let plan = plan(nodes, keys, zipf, per_second, secs);
        let began = Instant::now();
        let outcome = run(&plan, Seed::new(1));
        let took = began.elapsed().as_secs_f64();
        let (answered, not) = outcome.requests;
        println!(
            "{name}: {:.0} times as fast as time ({secs} s in {took:.2} s); {:.2} M events and {:.2} M requests a second; \
             {not} not answered; at most {} MiB",
            f64::from(secs) / took,
            outcome.events as f64 / took / 1e6,
            (answered + not) as f64 / took / 1e6,
            peak_mib(),
        );
    }
}
