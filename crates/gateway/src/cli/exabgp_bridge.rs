//! `tidegate exabgp-bridge`: the process that ExaBGP starts, so that a node can speak to it.

use std::path::PathBuf;
use std::process::ExitCode;

use tidegate_anycast::bridge;

use super::{Outcome, block_on};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The socket for the node, as `anycast.exabgp.socket` names it.
    #[arg(long, default_value = "/run/tidegate/exabgp.sock", value_name = "FILE")]
    socket: PathBuf,
}

pub(crate) fn run(args: &Args) -> Outcome {
    // A node sees by this that ExaBGP was started anew.
    let life = tidegate_runtime::seed().value();
    let started = format!("tidegate exabgp-bridge {life:016x}");
    block_on(async {
        let (input, output) = (tokio::io::stdin(), tokio::io::stdout());
        bridge(&args.socket, &started, input, output)
            .await
            .map_err(|error| format!("{}: {error}", args.socket.display()))
    })?;
    Ok(ExitCode::SUCCESS)
}
