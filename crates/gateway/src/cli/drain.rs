//! `tidegate drain` and `undrain`.

use std::net::SocketAddr;
use std::process::ExitCode;

use hyper::Method;
use tidegate_model::RegionId;

use super::client::{Target, ask, world};
use super::{Outcome, block_on};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    /// All nodes of a region of the world that `up` started.
    #[arg(long, value_name = "REGION", conflicts_with = "admin")]
    region: Option<RegionId>,
    /// One node of that world: REGION/NAME.
    #[arg(long, value_name = "NODE", conflicts_with_all = ["admin", "region"])]
    node: Option<tidegate_model::NodeId>,
}

pub(crate) fn run(args: &Args, drain: bool) -> Outcome {
    let doors = doors(args)?;
    block_on(async {
        let method = if drain { Method::PUT } else { Method::DELETE };
        // All at once: drained one after the other, each would send its clients to the next.
        let asking = doors.into_iter().map(|addr| {
            let method = method.clone();
            tokio::spawn(async move { ask(addr, method, "/drain", None).await?.good() })
        });
        for asked in asking.collect::<Vec<_>>() {
            asked.await.map_err(|error| error.to_string())??;
        }
        Ok(())
    })?;
    anstream::println!("{}", if drain { "Drained." } else { "Back." });
    Ok(ExitCode::SUCCESS)
}

fn doors(args: &Args) -> Result<Vec<SocketAddr>, String> {
    if let Some(admin) = args.target.admin {
        return Ok(vec![admin]);
    }
    if args.region.is_none() && args.node.is_none() {
        return Err("say what: --region, --node, or a node's --admin door".to_owned());
    }
    let state = world(&args.target.data).ok_or("no world runs here: name a node with --admin")?;
    let wanted = |id: &tidegate_model::NodeId| {
        args.region.as_ref() == Some(&id.region) || args.node.as_ref() == Some(id)
    };
    let admins = state.admins.into_iter();
    let doors: Vec<_> = admins
        .filter(|(id, _)| wanted(id))
        .map(|(_, addr)| addr)
        .collect();
    if doors.is_empty() {
        return Err("this world has no such node or region".to_owned());
    }
    Ok(doors)
}
