//! `tidegate certs`: what nodes prove themselves with.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use tidegate_mesh::{Issued, init_certs};
use tidegate_model::NodeId;
use tidegate_runtime::Clock;

use super::Outcome;
use crate::data::{DataFolder, make_folder};
use crate::files::load_folder;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Make the cluster's authority, a certificate for each node, and the shared pepper. What is
    /// there already is kept.
    Init {
        /// The folder with world.yaml and a file for each region: their nodes get certificates.
        #[arg(long, default_value = "regions", value_name = "DIR")]
        regions: PathBuf,
        /// The data folder that they are written to.
        #[arg(long, default_value = "data", value_name = "DIR")]
        data: PathBuf,
        /// Another node that gets a certificate. May be repeated.
        #[arg(long = "node", value_name = "REGION/NAME")]
        nodes: Vec<NodeId>,
        /// A host that gets a certificate for a door, signed by the same authority. May be
        /// repeated.
        #[arg(long = "host", value_name = "HOST")]
        hosts: Vec<String>,
    },
}

pub(crate) fn run(args: &Args) -> Outcome {
    let Command::Init {
        regions,
        data,
        nodes,
        hosts,
    } = &args.command;
    let (loaded, _) = load_folder(regions).map_err(|refused| refused.text(true))?;
    let listed = loaded
        .regions
        .iter()
        .flat_map(|region| region.spec.nodes.keys().map(|name| region.node(name)));
    let all: Vec<NodeId> = listed.flatten().chain(nodes.iter().cloned()).collect();
    let (issued, pepper) = init(data, &all, hosts)?;
    for path in issued.made.iter().chain(&pepper) {
        anstream::println!("made {}", path.display());
    }
    if issued.kept > 0 {
        anstream::println!("kept {} that were there already", issued.kept);
    }
    if !issued.made.is_empty() {
        let folder = data.display();
        anstream::println!(
            "Each node needs {folder}/certs/ca.pem, its own certificate and key, and {folder}/secrets. \
             Keep {folder}/certs/ca-key.pem away from nodes."
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// Makes what is missing of certificates and secrets.
pub(crate) fn init(
    data: &Path,
    nodes: &[NodeId],
    hosts: &[String],
) -> Result<(Issued, Option<PathBuf>), String> {
    make_folder(data)?;
    let folder = DataFolder::new(data.to_owned());
    let issued = init_certs(&folder.certs(), nodes, hosts, Clock::start().now().wall)
        .map_err(|error| error.to_string())?;
    let pepper = folder.init_pepper()?;
    folder.admin_token()?;
    Ok((issued, pepper))
}
