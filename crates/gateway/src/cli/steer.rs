//! `tidegate steer`: why a node is announced or not.

use std::process::ExitCode;

use hyper::Method;

use super::client::Target;
use super::{Outcome, block_on};
use crate::admin::StatusDocument;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    target: Target,
}

#[derive(Clone, Copy, Debug, clap::Subcommand)]
enum Command {
    /// Why it is announced or not, what forbids a change, and what would change it.
    Explain,
    /// Hold what is announced as it is, whatever checks say.
    Hold,
    /// Let checks decide again.
    Release,
}

pub(crate) fn run(args: &Args) -> Outcome {
    let (method, path) = match args.command {
        Command::Explain => (Method::GET, "/status"),
        Command::Hold => (Method::PUT, "/steer/hold"),
        Command::Release => (Method::DELETE, "/steer/hold"),
    };
    let answer = block_on(args.target.ask(method, path, None))?;
    if !matches!(args.command, Command::Explain) {
        answer.good()?;
        return Ok(ExitCode::SUCCESS);
    }
    let status: StatusDocument = answer.document()?;
    anstream::println!("{}:", status.cluster.node);
    for line in &status.cluster.explanation {
        anstream::println!("  {line}");
    }
    if let Some(trouble) = &status.anycast_trouble {
        anstream::println!("  What it wants is not what routers do: {trouble}.");
    }
    Ok(ExitCode::SUCCESS)
}
