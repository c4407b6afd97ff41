//! `tidegate graph`: who leads to whom, as the configuration says or as it is at the moment.

mod dot;
mod drawing;
mod mermaid;
mod svg;

use std::path::PathBuf;
use std::process::ExitCode;

use hyper::Method;

use super::client::Target;
use super::{Outcome, block_on};
use crate::files::load_folder;
use crate::topology::Topology;
use crate::watch::WorldDocument;
use drawing::Drawing;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    /// The folder with world.yaml and a file for each region. With --live it may be left out: then
    /// the node tells of its own region.
    #[arg(value_name = "DIR")]
    regions: Option<PathBuf>,
    /// With what a node tells at the moment: rates, health, how old the last words of regions are.
    #[arg(long)]
    live: bool,
    /// What is written.
    #[arg(long, default_value = "mermaid", value_name = "FORMAT")]
    format: Format,
    /// The file to write to, instead of standard output.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Format {
    Mermaid,
    Svg,
    Dot,
}

pub(crate) fn run(args: &Args) -> Outcome {
    let world: Option<WorldDocument> = match args.live {
        true => {
            let answer = block_on(args.target.ask(Method::GET, "/world", None))?;
            Some(answer.document()?)
        }
        false => None,
    };
    let folder = match (&args.regions, args.live) {
        (Some(folder), _) => Some(folder.clone()),
        (None, false) => Some("regions".into()),
        (None, true) => None,
    };
    let topology = match (folder, &world) {
        (Some(folder), _) => {
            let (loaded, _) = load_folder(&folder).map_err(|refused| refused.text(true))?;
            Topology::of(&loaded)
        }
        (None, Some(world)) => (*world.topology).clone(),
        (None, None) => unreachable!("without a node there is a folder"),
    };
    let drawing = Drawing::of(&topology, world.as_ref());
    let text = match args.format {
        Format::Mermaid => mermaid::text(&drawing),
        Format::Svg => svg::text(&drawing),
        Format::Dot => dot::text(&drawing),
    };
    match &args.output {
        Some(path) => std::fs::write(path, text)
            .map_err(|error| format!("{} cannot be written: {error}", path.display()))?,
        None => anstream::print!("{text}"),
    }
    Ok(ExitCode::SUCCESS)
}
