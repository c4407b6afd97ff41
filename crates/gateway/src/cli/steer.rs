//! `tidegate steer`: why a node is announced or not.

use hyper::Method;

use super::client::ask;
use super::drain::code;
use super::which::{Chosen, Which, order};
use super::{Outcome, block_on};
use crate::admin::StatusDocument;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    which: Which,
}

#[derive(Clone, Copy, Debug, clap::Subcommand)]
enum Command {
    /// Why nodes are announced or not, what forbids a change, and what would change it.
    Explain,
    /// Hold what is announced as it is, whatever checks say. A restart of the node ends it.
    Hold,
    /// Let checks decide again.
    Release,
}

pub(crate) fn run(args: &Args) -> Outcome {
    let hold = "/steer/hold";
    let well = match args.command {
        Command::Explain => explain(&args.which.chosen_or_all()?)?,
        Command::Hold => {
            let well = order(
                args.which.chosen()?,
                args.which.data(),
                &Method::PUT,
                hold,
                "is held as it is.",
            )?;
            let release = args.which.spelled("steer release");
            anstream::println!("`{release}` lets checks decide again.");
            well
        }
        Command::Release => {
            let done = "is released: checks decide again.";
            let (chosen, data) = (args.which.chosen()?, args.which.data());
            order(chosen, data, &Method::DELETE, hold, done)?
        }
    };
    Ok(code(well))
}

/// Whether all answered.
fn explain(chosen: &[Chosen]) -> Result<bool, String> {
    block_on(async {
        let mut all_answer = true;
        for node in chosen {
            match ask(node.admin, "/status").await {
                Ok(answer) => print(&answer.document()?),
                Err(error) => {
                    all_answer = false;
                    anstream::eprintln!("{} does not answer: {error}", node.label);
                }
            }
        }
        Ok(all_answer)
    })
}

fn print(status: &StatusDocument) {
    anstream::println!("{}:", status.cluster.node);
    for line in &status.cluster.explanation {
        anstream::println!("  {line}");
    }
    if let Some(trouble) = &status.anycast_trouble {
        anstream::println!("  What it wants is not what routers do: {trouble}.");
    }
}
