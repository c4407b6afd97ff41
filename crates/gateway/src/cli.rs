//! The command line: a file a subcommand.

mod certs;
mod check;
mod client;
mod down;
mod drain;
mod exabgp_bridge;
mod graph;
mod keys;
mod lab;
mod limits;
mod live;
mod run;
mod sheet;
mod sim;
mod status;
mod steer;
mod top;
mod trace;
mod up;
mod watchdog;
mod which;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use comfy_table::{ContentArrangement, Table, presets};

/// What a subcommand ends with: an exit code, or a sentence that says what is wrong.
pub(crate) type Outcome = Result<ExitCode, String>;

/// The whole command line.
#[derive(Debug, Parser)]
#[command(
    name = "tidegate",
    version,
    about = "An active-active edge gateway for several regions",
    max_term_width = 100
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start three regions on this machine, with demo services and a stand-in for anycast.
    Up(up::Args),
    /// Stop what `up --detach` started, or what an `up` left behind that was killed.
    Down(down::Args),
    /// Show every region and node, as one node sees them.
    Status(status::Args),
    /// Show live what goes on, as one node sees it: what its console shows.
    Top(top::Args),
    /// Show full traces of requests that match, as they end, for a minute.
    Trace(trace::Args),
    /// Take a node or a region out of service without losing a request.
    Drain(drain::Args),
    /// Bring it back.
    Undrain(drain::BackArgs),
    /// Say why a node is announced or not; hold that as it is.
    Steer(steer::Args),
    /// Withdraw a node that is dead or frozen: runs beside it.
    Watchdog(watchdog::Args),
    /// The process that ExaBGP starts, so that a node can speak to it.
    ExabgpBridge(exabgp_bridge::Args),
    /// Draw who leads to whom: clients, regions, phases, routes, services, stores.
    Graph(graph::Args),
    /// Check a configuration and report every problem.
    Check(check::Args),
    /// Start one node.
    Run(run::Args),
    /// Make, list and revoke API keys.
    Keys(keys::Args),
    /// Show which subjects of limits are in demand, look at one, start it anew.
    Limits(limits::Args),
    /// Make the cluster's private authority, certificates and shared secrets.
    Certs(certs::Args),
    /// Break and mend a world that `up` started.
    Lab(lab::Args),
    /// Play a plan under a virtual clock.
    Sim(sim::Args),
}

impl Cli {
    pub(crate) fn run(self) -> Outcome {
        match self.command {
            Command::Up(args) => up::run(args),
            Command::Down(args) => down::run(&args),
            Command::Status(args) => status::run(&args),
            Command::Top(args) => top::run(&args),
            Command::Trace(args) => trace::run(&args),
            Command::Drain(args) => drain::run(&args),
            Command::Undrain(args) => drain::back(&args),
            Command::Steer(args) => steer::run(&args),
            Command::Watchdog(args) => watchdog::run(&args),
            Command::ExabgpBridge(args) => exabgp_bridge::run(&args),
            Command::Graph(args) => graph::run(&args),
            Command::Check(args) => check::run(&args),
            Command::Run(args) => run::run(args),
            Command::Keys(args) => keys::run(args),
            Command::Limits(args) => limits::run(args),
            Command::Certs(args) => certs::run(&args),
            Command::Lab(args) => lab::run(args),
            Command::Sim(args) => sim::run(&args),
        }
    }
}

/// A small runtime for subcommands that talk to a node and end.
pub(crate) fn block_on<T>(task: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("no runtime can be started: {error}"))?
        .block_on(task)
}

/// A table without lines, as wide as its content.
pub(crate) fn columns<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header);
    table
}
