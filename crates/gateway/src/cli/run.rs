//! `tidegate run`: one node.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use tidegate_telemetry::{LogFormat, init_log};

use super::Outcome;
use crate::boot::start;
use crate::logs::MainLog;
use crate::options::Options;
use crate::shutdown::run_until_stopped;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The region's file; world.yaml stands beside it.
    #[arg(long, value_name = "FILE")]
    region: PathBuf,
    /// The node's name in that file, or a new name for a node that the file does not list.
    #[arg(long, value_name = "NAME")]
    node: String,
    /// The data folder: certificates, secrets, keys.
    #[arg(long, default_value = "data", value_name = "DIR")]
    data: PathBuf,
    /// Where the mesh door is (UDP), if not where the file says.
    #[arg(long, value_name = "ADDRESS:PORT")]
    mesh: Option<SocketAddr>,
    /// Where the admin door is, if not where the file says.
    #[arg(long, value_name = "ADDRESS:PORT")]
    admin: Option<SocketAddr>,
    /// Where a door for clients is, if not where the file says. May be repeated.
    #[arg(long = "door", value_name = "NAME=ADDRESS:PORT", value_parser = door)]
    doors: Vec<(String, SocketAddr)>,
    /// Cores that serve requests, if not as many as the file says.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: Option<u16>,
    /// Where the access log goes: `stdout`, `none`, or a file.
    #[arg(long, default_value = "stdout", value_name = "WHERE", value_parser = destination)]
    access_log: MainLog,
    /// How the node's own log looks, on standard error.
    #[arg(long, default_value = "text", value_name = "FORMAT")]
    log_format: LogLook,
    /// What the node's own log holds: a level, or a list like `info,tidegate_mesh=debug`.
    #[arg(
        long,
        env = "TIDEGATE_LOG",
        default_value = "info",
        value_name = "FILTER"
    )]
    log: String,
    /// Stop when standard input ends: for whoever starts nodes and may end without stopping them.
    #[arg(long)]
    lifeline: bool,
    /// Let the admin door cut links to other regions.
    #[arg(long)]
    lab: bool,
    /// Make links to other regions as long as they are on the globe. Includes --lab.
    #[arg(long)]
    wan: bool,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum LogLook {
    Text,
    Json,
}

fn door(text: &str) -> Result<(String, SocketAddr), String> {
    let (name, addr) = text.split_once('=').ok_or("write NAME=ADDRESS:PORT")?;
    Ok((
        name.to_owned(),
        addr.parse().map_err(|error| format!("{addr}: {error}"))?,
    ))
}

#[expect(clippy::unnecessary_wraps, reason = "clap wants a Result")]
fn destination(text: &str) -> Result<MainLog, String> {
    Ok(match text {
        "stdout" => MainLog::Stdout,
        "none" => MainLog::None,
        path => MainLog::File(path.into()),
    })
}

pub(crate) fn run(args: Args) -> Outcome {
    let format = match args.log_format {
        LogLook::Text => LogFormat::Text,
        LogLook::Json => LogFormat::Json,
    };
    init_log(format, &args.log).map_err(|error| format!("--log: {error}"))?;
    let running = start(Options {
        region_file: args.region,
        node: args.node,
        data: args.data,
        mesh: args.mesh,
        admin: args.admin,
        doors: args.doors,
        workers: args.workers.map(usize::from),
        access_log: args.access_log,
        lab: args.lab,
        wan: args.wan,
    })?;
    let well = run_until_stopped(running, args.lifeline)?;
    Ok(if well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
