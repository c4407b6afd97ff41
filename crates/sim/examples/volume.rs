//! The table of `cargo xtask sync-volume`: what limits cost between nodes, in bytes.
//!
//! `volume WARM_UP_S COUNTED_S LOSS LIMIT...`. Exit code 1 if a bound is broken, 2 if it was called
//! wrongly.

use std::process::ExitCode;
use std::time::Duration;

use tidegate_model::Seed;
use tidegate_sim::volume::{KINDS, Sent, Volume, volume};

/// What a node may send to its region, and a region to another, in bytes a second.
const NODE_MAX: f64 = 0.1e6;
const LINK_MAX: f64 = 1.0e6;

const RATE: f64 = 300_000.0;
const SUBJECTS: u32 = 1_000_000;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [warm_up, counted, loss, limits @ ..] = &args[..] else {
        return usage();
    };
    let (Ok(warm_up), Ok(counted), Ok(loss)) =
        (warm_up.parse(), counted.parse::<u64>(), loss.parse())
    else {
        return usage();
    };
    if counted == 0 || limits.is_empty() {
        return usage();
    }
    println!(
        "300,000 requests a second over 1,000,000 keys by Zipf's law, three regions of ten nodes, 40, 75 and 110 ms apart.\n\
         MB a second, sent in {counted} s after {warm_up} s, with QUIC, UDP and IP headers; loss between regions {loss}.\n"
    );
    println!("{:44}  {:>14}  {:>14}", "limit", "mean (bytes)", "most");
    let mut broken = false;
    for limit in limits {
        let played = Volume {
            limit: limit.clone(),
            rate: RATE,
            subjects: SUBJECTS,
            warm_up: Duration::from_secs(warm_up),
            counted: Duration::from_secs(counted),
            loss,
        };
        let traffic = volume(&played, Seed::new(1));
        println!("{limit}");
        let nodes: Vec<Sent> = traffic.nodes.into_values().collect();
        let links: Vec<Sent> = traffic.links.into_values().collect();
        broken |= print("a node within its region", &nodes, counted as f64, NODE_MAX);
        broken |= print("a link between regions", &links, counted as f64, LINK_MAX);
    }
    if broken {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

fn usage() -> ExitCode {
    eprintln!("usage: volume WARM_UP_S COUNTED_S LOSS LIMIT...");
    ExitCode::from(2)
}

/// Prints what was sent on ways of one kind. Returns whether it is more than it may be.
fn print(what: &str, ways: &[Sent], secs: f64, max: f64) -> bool {
    let mega = |bytes: u64| bytes as f64 / secs / 1e6;
    let count = ways.len().max(1) as f64;
    let mean = mega(ways.iter().map(|sent| sent.wire).sum()) / count;
    let payload = mega(ways.iter().map(|sent| sent.payload).sum()) / count;
    let most = mega(ways.iter().map(|sent| sent.wire).max().unwrap_or(0));
    let broken = mean * 1e6 > max;
    let verdict = if broken { "BROKEN" } else { "" };
    println!(
        "  {what:42}  {mean:>6.3} ({payload:.3})  {most:>14.3}  of {} {verdict}",
        max / 1e6
    );
    for (kind, name) in KINDS.iter().enumerate() {
        let mean = mega(ways.iter().map(|sent| sent.by_kind[kind]).sum()) / count;
        if mean >= 0.000_5 {
            println!("    {name:40}  {mean:>6.3}");
        }
    }
    broken
}
