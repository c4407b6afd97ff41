//! `tidegate lab`: break and mend a world that `up` started.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use hyper::Method;
use tidegate_lab::{State, director, upstream};
use tidegate_model::RegionId;

use super::client::{ask, world};
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
    /// The stand-in for anycast; `up` starts it.
    #[command(hide = true)]
    Director {
        /// Its plan, as JSON.
        #[arg(long)]
        plan: PathBuf,
        #[arg(long)]
        lifeline: bool,
    },
    /// A stand-in for a service; `up` starts it.
    #[command(hide = true)]
    Upstream {
        #[arg(long)]
        listen: SocketAddr,
        #[arg(long)]
        name: String,
        #[arg(long)]
        lifeline: bool,
    },
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
        Command::Director { plan, lifeline } => {
            let text = std::fs::read(&plan)
                .map_err(|error| format!("{} cannot be read: {error}", plan.display()))?;
            let plan = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
            block_on(until_alone(lifeline, director::serve(plan)))
        }
        Command::Upstream {
            listen,
            name,
            lifeline,
        } => block_on(until_alone(lifeline, upstream::serve(listen, name))),
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
            if let Ok(answer) = ask(*addr, Method::PUT, "/lab/links", Some(body)).await {
                answer.good()?;
                told += 1;
            }
        }
    }
    let what = if cut { "cut off" } else { "connected again" };
    anstream::println!("{} is {what} ({told} links changed).", link.region);
    Ok(ExitCode::SUCCESS)
}

/// Runs a stand-in until whoever started it is gone.
async fn until_alone(lifeline: bool, task: impl Future<Output = Result<(), String>>) -> Outcome {
    let alone = async {
        if lifeline {
            let mut stdin = tokio::io::stdin();
            let mut byte = [0];
            while tokio::io::AsyncReadExt::read(&mut stdin, &mut byte)
                .await
                .is_ok_and(|n| n > 0)
            {}
        } else {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        ended = task => ended.map(|()| ExitCode::SUCCESS),
        () = alone => Ok(ExitCode::SUCCESS),
    }
}
