//! `tidegate lab`: break and mend a world that `up` started, and see what came of it.

mod fault;
mod parts;
mod report;
mod status;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use hyper::Method;
use tidegate_lab::State;
use tidegate_model::RegionId;

use super::client::{order as give, world};
use super::{Outcome, block_on};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Kill a node, or all nodes of a region, on the spot (kill -9).
    Kill(Victim),
    /// Start what was killed again.
    Start(Victim),
    /// Cut a region's mesh links to all other regions.
    Cut(Link),
    /// Mend them.
    Heal(Link),
    /// Break something in a world of `up --anycast`, and write down when; or undo it.
    Fault(fault::Args),
    /// Show ways, faults and requests of the last second in a world of `up --anycast`.
    Status(status::Args),
    /// Tell what each fault did: when it was noticed, when routers agreed, which requests failed.
    Report(report::Args),
    /// Ask an address without end, and write down what comes of each request.
    Probe(parts::Probe),
    #[command(flatten)]
    Part(parts::Part),
}

#[derive(Debug, clap::Args)]
struct Victim {
    /// A node (us-east-1/a), a region (us-east-1), or a demo service (echo-1.us-east-1).
    #[arg(value_name = "NAME")]
    name: String,
    /// The data folder of the world.
    #[arg(long, default_value = "data", value_name = "DIR")]
    data: PathBuf,
}

#[derive(Debug, clap::Args)]
struct Link {
    /// The region.
    #[arg(value_name = "REGION")]
    region: RegionId,
    /// The data folder of the world.
    #[arg(long, default_value = "data", value_name = "DIR")]
    data: PathBuf,
}

pub(crate) fn run(args: Args) -> Outcome {
    match args.command {
        Command::Kill(victim) => order(&victim.data, &format!("kill {}", victim.name)),
        Command::Start(victim) => order(&victim.data, &format!("start {}", victim.name)),
        Command::Cut(link) => block_on(set_cut(&link, true)),
        Command::Heal(link) => block_on(set_cut(&link, false)),
        Command::Fault(args) => fault::run(&args),
        Command::Status(args) => status::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Probe(probe) => parts::probe(probe),
        Command::Part(part) => parts::run(part),
    }
}

fn running(data: &Path) -> Result<State, String> {
    world(data).ok_or_else(|| {
        format!(
            "no world runs in {} (`tidegate up` starts one)",
            data.display()
        )
    })
}

fn order(data: &Path, order: &str) -> Outcome {
    running(data)?;
    let answer = block_on(async {
        tidegate_lab::ask(data, order)
            .await
            .map_err(|error| error.to_string())
    })?;
    match answer.strip_prefix("error: ") {
        Some(error) => Err(error.trim().to_owned()),
        None => {
            anstream::print!("{answer}");
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Tells every node on both sides of the region's links.
async fn set_cut(link: &Link, cut: bool) -> Outcome {
    let state = running(&link.data)?;
    let regions: Vec<&RegionId> = state.fronts.keys().collect();
    if !regions.contains(&&link.region) {
        return Err(format!(
            "there is no region `{}` in this world",
            link.region
        ));
    }
    let mut told = 0;
    for (node, addr) in &state.admins {
        let others: Vec<&RegionId> = if node.region == link.region {
            regions
                .iter()
                .filter(|region| ***region != link.region)
                .copied()
                .collect()
        } else {
            vec![&link.region]
        };
        for region in others {
            let body = serde_json::json!({ "region": region, "cut": cut }).to_string();
            // A dead node needs no telling.
            if let Ok(answer) = give(*addr, Method::PUT, "/lab/links", Some(body), &link.data).await
            {
                answer.good()?;
                told += 1;
            }
        }
    }
    let what = if cut { "cut off" } else { "connected again" };
    anstream::println!("{} is {what} ({told} links changed).", link.region);
    Ok(ExitCode::SUCCESS)
}
