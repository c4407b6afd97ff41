//! Chores: `cargo xtask test`, `tidy`, `accuracy`, `sync-volume`, `sim-speed`, `fidelity`,
//! `dashboards`, `failover` and `bench`.

mod accuracy;
mod bench;
mod command;
mod dashboards;
mod deploy_check;
mod failover;
mod fidelity;
mod sim_speed;
mod sync_volume;
mod test;
mod tidy;
mod tools;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Tidegate's chores")]
enum Chore {
    /// Run everything that must hold: format, lints, house rules, and all tests.
    Test(test::Args),
    /// Check the rules of the house that the compiler does not know.
    Tidy,
    /// Measure how far limits are off, on traffic of every kind, in a simulated world.
    Accuracy(accuracy::Args),
    /// Write Grafana's dashboards anew, from code.
    Dashboards(dashboards::Args),
    /// Look at what operators deploy with the programs that will take it.
    DeployCheck,
    /// Play the same plans with real processes and in the simulator, side by side.
    Fidelity(fidelity::Args),
    /// Measure how long failover takes through real routers.
    Failover(failover::Args),
    /// Measure how many bytes limits cost between nodes, in a simulated world with a million keys.
    SyncVolume(sync_volume::Args),
    /// Measure how many times faster than time the simulator is.
    SimSpeed(sim_speed::Args),
    /// Measure CPU per request beside nginx.
    Bench(bench::Args),
}

fn main() -> ExitCode {
    let good = match Chore::parse() {
        Chore::Test(args) => test::run(&root(), &args),
        Chore::Tidy => tidy::run(&root()),
        Chore::Accuracy(args) => accuracy::run(&root(), &args),
        Chore::Dashboards(args) => dashboards::run(&root(), &args),
        Chore::DeployCheck => deploy_check::run(&root()),
        Chore::Fidelity(args) => fidelity::run(&root(), &args),
        Chore::Failover(args) => failover::run(&root(), &args),
        Chore::SyncVolume(args) => sync_volume::run(&root(), &args),
        Chore::SimSpeed(args) => sim_speed::run(&root(), &args),
        Chore::Bench(args) => bench::run(&root(), &args),
    };
    match good {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The folder of the workspace.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = here.ancestors().nth(2);
    root.expect("this package is two folders down").to_owned()
}
