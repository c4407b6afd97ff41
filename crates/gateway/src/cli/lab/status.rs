//! `tidegate lab status`: where packets go at the moment, and what clients get.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::ExitCode;

use serde::Serialize;
use tidegate_lab::internet::{Inside, Topology, VIP, routes};
use tidegate_lab::timeline::{Asked, now_us, read_lines};

use super::super::up::STANDING;
use super::super::{Outcome, block_on, columns};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// As JSON.
    #[arg(long)]
    json: bool,
    /// The data folder of the world.
    #[arg(long, default_value = "data", value_name = "DIR")]
    data: PathBuf,
}

/// What counts as now, in microseconds.
const NOW: u64 = 1_000_000;

/// What clients near a region get.
#[derive(Debug, Serialize)]
struct Near {
    region: String,
    /// Where the region's router sends packets for the anycast address.
    ways: Vec<String>,
    /// Requests that ended within the last second.
    asked: usize,
    failed: usize,
    /// Who answered them.
    by: Vec<String>,
    slowest_us: u64,
}

pub(super) fn run(args: &Args) -> Outcome {
    super::running(&args.data)?;
    let inside = Inside::read(&args.data);
    let inside =
        inside.ok_or("this world has no routers: `tidegate up --anycast` makes one that has")?;
    let sites = 0..inside.internet.sites.len();
    let regions = sites
        .map(|site| near(&inside, site))
        .collect::<Result<Vec<_>, _>>()?;
    let standing = block_on(async {
        let asked = tidegate_lab::ask(&args.data, STANDING).await;
        asked.map_err(|error| error.to_string())
    })?;
    let broken: Vec<&str> = standing.lines().collect();
    if args.json {
        let document = serde_json::json!({ "regions": regions, "broken": broken });
        anstream::println!("{document:#}");
    } else {
        print(&regions, &broken);
    }
    Ok(ExitCode::SUCCESS)
}

fn near(inside: &Inside, site: usize) -> Result<Near, String> {
    let now = now_us();
    let asked: Vec<Asked> = read_lines(&inside.asked(site));
    let recent: Vec<&Asked> = asked
        .iter()
        .filter(|asked| asked.end() + NOW >= now)
        .collect();
    let mut by: Vec<String> = recent.iter().filter_map(|asked| asked.by.clone()).collect();
    by.sort_unstable();
    by.dedup();
    Ok(Near {
        region: inside.internet.sites[site].region.to_string(),
        ways: ways(&inside.internet, site)?,
        asked: recent.len(),
        failed: recent.iter().filter(|asked| asked.error.is_some()).count(),
        by,
        slowest_us: recent
            .iter()
            .map(|asked| asked.took)
            .max()
            .unwrap_or_default(),
    })
}

fn print(regions: &[Near], broken: &[&str]) {
    let header = [
        "CLIENTS NEAR",
        "ROUTER SENDS TO",
        "ASKED",
        "FAILED",
        "ANSWERED BY",
        "SLOWEST",
    ];
    let mut table = columns(header);
    for near in regions {
        let ways = match near.ways.join("\n") {
            none if none.is_empty() => "nobody".to_owned(),
            ways => ways,
        };
        table.add_row([
            near.region.clone(),
            ways,
            near.asked.to_string(),
            near.failed.to_string(),
            near.by.join("\n"),
            format!("{:.1} ms", near.slowest_us as f64 / 1_000.0),
        ]);
    }
    anstream::println!("{table}");
    if broken.is_empty() {
        anstream::println!("\nNothing is broken.");
    } else {
        anstream::println!("\nBroken:\n  {}", broken.join("\n  "));
    }
}

/// Where the router of a region sends packets for the anycast address.
fn ways(internet: &Topology, site: usize) -> Result<Vec<String>, String> {
    let hops = routes(&internet.router(site), VIP);
    let hops = hops.map_err(|error| format!("{error} (it takes root)"))?;
    let name = |hop: Ipv4Addr| {
        let machine = internet
            .machines()
            .find(|(site, at)| internet.addr(*site, *at) == hop);
        if let Some((site, at)) = machine {
            return internet.sites[site].machines[at].node.to_string();
        }
        let line = internet.lines().find_map(|(from, to, link)| match hop {
            hop if hop == link.a.addr => Some(from),
            hop if hop == link.b.addr => Some(to),
            _ => None,
        });
        line.map_or_else(
            || hop.to_string(),
            |site| internet.sites[site].region.to_string(),
        )
    };
    Ok(hops.into_iter().map(name).collect())
}
