//! `tidegate drain` and `undrain`.

use std::process::ExitCode;

use hyper::Method;
use tidegate_cluster::{ClusterStatus, NodeStatus, RegionStatus};

use super::client::ask;
use super::which::{Chosen, Which, order};
use super::{Outcome, block_on};
use crate::admin::StatusDocument;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    which: Which,
    /// Even if nobody is left to serve, others have no room, or have not let it go.
    #[arg(long)]
    force: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct BackArgs {
    #[command(flatten)]
    which: Which,
}

pub(crate) fn run(args: &Args) -> Outcome {
    let chosen = args.which.chosen()?;
    if !args.force {
        see_that_others_stay(&chosen)?;
    }
    let done = "is drained: no longer announced, and it serves what still comes.";
    let path = if args.force {
        "/drain?force=true"
    } else {
        "/drain"
    };
    let well = order(chosen, args.which.data(), &Method::PUT, path, done)?;
    if well {
        anstream::println!("`{}` brings it back.", args.which.spelled("undrain"));
    }
    Ok(code(well))
}

pub(crate) fn back(args: &BackArgs) -> Outcome {
    let done = "is ready again: good checks announce it.";
    let well = order(
        args.which.chosen()?,
        args.which.data(),
        &Method::DELETE,
        "/drain",
        done,
    )?;
    Ok(code(well))
}

pub(super) fn code(well: bool) -> ExitCode {
    if well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// An order that leaves the world without an announced node is more often a slip than a wish.
fn see_that_others_stay(chosen: &[Chosen]) -> Result<(), String> {
    let statuses = block_on(async {
        let mut statuses = Vec::new();
        let mut trouble = String::new();
        for node in chosen {
            match ask(node.admin, "/status").await {
                Ok(answer) => statuses.push(answer.document::<StatusDocument>()?.cluster),
                Err(error) => trouble = format!("{} does not answer: {error}", node.label),
            }
        }
        // Those that are dead need no drain; one that lives tells of the others.
        if statuses.is_empty() {
            return Err(trouble);
        }
        Ok(statuses)
    })?;
    if leaves_nobody(&statuses) {
        return Err(
            "no other node is announced: without this one nobody serves (--force does it all the same)"
                .to_owned(),
        );
    }
    Ok(())
}

/// Whether the speakers are the last that are announced, as the first of them sees it.
fn leaves_nobody(leaving: &[ClusterStatus]) -> bool {
    let Some(status) = leaving.first() else {
        return false;
    };
    let leaves = |node: &NodeStatus| leaving.iter().any(|status| status.node == node.node);
    let serves = |node: &&NodeStatus| node.alive && node.facts.announced;
    // Routing knows sooner than reports of nodes, which may be a second old.
    let stays = |region: &RegionStatus| match region.announced {
        Some(false) => false,
        Some(true) if !region.nodes.iter().any(leaves) => true,
        _ => region.nodes.iter().filter(serves).any(|node| !leaves(node)),
    };
    let nodes = status.regions.iter().flat_map(|region| &region.nodes);
    let goes = nodes.filter(serves).any(leaves);
    goes && !status.regions.iter().any(stays)
}
