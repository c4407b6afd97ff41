//! `tidegate status`: every region and node, as one node sees them.

use std::process::ExitCode;

use comfy_table::{CellAlignment, Table};
use hyper::Method;
use tidegate_cluster::{NodeStatus, RegionStatus};

use super::client::Target;
use super::{Outcome, block_on, columns};
use crate::admin::StatusDocument;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Outcome {
    let answer = block_on(args.target.ask(Method::GET, "/status", None))?;
    if args.json {
        let document: serde_json::Value = answer.document()?;
        let text = serde_json::to_string_pretty(&document).map_err(|error| error.to_string())?;
        anstream::println!("{text}");
    } else {
        let document: StatusDocument = answer.document()?;
        anstream::println!("{}", table(&document));
        anstream::println!("{}", footer(&document));
    }
    Ok(ExitCode::SUCCESS)
}

/// One row a region, and below it one a node.
pub(crate) fn table(status: &StatusDocument) -> Table {
    let mut table = columns([
        "REGION",
        "STATE",
        "HEARD",
        "REQ/S",
        "ADMITTED/S",
        "LIMITED/S",
        "GENERATION",
    ]);
    for at in 2..6 {
        if let Some(column) = table.column_mut(at) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for region in &status.cluster.regions {
        table.add_row(region_row(region));
        for node in &region.nodes {
            table.add_row(node_row(node));
        }
    }
    table
}

fn region_row(region: &RegionStatus) -> [String; 7] {
    let alive = || {
        region
            .nodes
            .iter()
            .filter(|node| node.alive)
            .map(|node| &node.facts)
    };
    let announced = match region.announced {
        Some(announced) => announced,
        None => alive().any(|facts| facts.announced),
    };
    let state = match (announced, region.presence.as_str()) {
        (true, "silent") => "announced, SILENT",
        (true, _) => "announced",
        (false, "withdrawn") => "WITHDRAWN, silent",
        (false, _) => "WITHDRAWN",
    };
    let sum =
        |read: fn(&tidegate_cluster::NodeFacts) -> u32| alive().map(read).sum::<u32>().to_string();
    [
        region.region.to_string(),
        state.to_owned(),
        match region.staleness_ms {
            _ if region.home => "here".to_owned(),
            Some(ms) => age(ms),
            None => "-".to_owned(),
        },
        sum(|facts| facts.requests_per_s),
        sum(|facts| facts.admitted_per_s),
        sum(|facts| facts.limited_per_s),
        String::new(),
    ]
}

fn node_row(node: &NodeStatus) -> [String; 7] {
    let facts = &node.facts;
    let state = match (node.alive, facts.ready, facts.announced, facts.fit) {
        (false, ..) => "DEAD",
        (true, false, _, _) => "not ready",
        (true, true, true, true) => "announced",
        (true, true, true, false) => "announced, ILL",
        (true, true, false, true) => "ready",
        (true, true, false, false) => "ILL",
    };
    let border = if facts.border { " (border)" } else { "" };
    let figure = |n: u32| {
        if node.alive {
            n.to_string()
        } else {
            "-".to_owned()
        }
    };
    [
        format!("  {}", node.node.name()),
        format!("{state}{border}"),
        age(node.age_ms),
        figure(facts.requests_per_s),
        figure(facts.admitted_per_s),
        figure(facts.limited_per_s),
        facts.generation.to_string(),
    ]
}

pub(crate) fn age(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..100_000 => format!("{:.1} s", ms as f64 / 1_000.0),
        _ => format!("{} min", ms / 60_000),
    }
}

pub(crate) fn footer(status: &StatusDocument) -> String {
    let cluster = &status.cluster;
    let mut lines = vec![format!(
        "\nAs {} sees it, up for {} s: {}.\nSubjects of limits known: {} (in demand: {}), keys cached: {}.",
        cluster.node,
        status.uptime_secs,
        cluster.steering,
        cluster.subjects,
        cluster.subjects_hot,
        status.keys_cached
    )];
    if let Some(trouble) = &cluster.trouble {
        lines.push(format!("It is ill: {trouble}."));
    }
    if let Some(veto) = &cluster.veto {
        lines.push(format!("It {veto}."));
    }
    if cluster.held {
        lines.push("An operator holds what it announces as it is.".to_owned());
    }
    if let Some(trouble) = &status.anycast_trouble {
        lines.push(format!("What it wants is not what routers do: {trouble}."));
    }
    lines.join("\n")
}
