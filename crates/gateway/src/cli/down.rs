//! `tidegate down`: ends a world that `up` started.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use tidegate_lab::internet::Spaces;
use tidegate_lab::{State, freeze, kill, terminate};

use super::{Outcome, block_on};

/// Until a world has ended by itself.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The data folder of the world.
    #[arg(long, default_value = "data", value_name = "DIR")]
    data: PathBuf,
}

pub(crate) fn run(args: &Args) -> Outcome {
    let Some(state) = State::read(&args.data) else {
        anstream::println!("No world runs in {}.", args.data.display());
        return Ok(ExitCode::SUCCESS);
    };
    block_on(async {
        end(&args.data, &state).await;
        Ok(())
    })?;
    anstream::println!("Stopped.");
    Ok(ExitCode::SUCCESS)
}

/// Ends all processes of a world: the one that holds it together first, then whatever it left
/// behind.
pub(crate) async fn end(data: &Path, state: &State) {
    if state.supervisor.runs() {
        terminate(state.supervisor.pid);
    }
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let running = || {
        state
            .members
            .values()
            .chain([&state.supervisor])
            .filter(|member| member.runs())
    };
    while running().next().is_some() && tokio::time::Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(50)).await;
        // Without the one that holds them, the others end by themselves; those that were frozen do
        // not.
        if !state.supervisor.runs() {
            running().for_each(|member| {
                freeze(member.pid, false);
                terminate(member.pid);
            });
        }
    }
    running().for_each(|member| kill(member.pid));
    // Routing daemons outlive whoever started them, and namespaces everybody.
    Spaces(state.spaces.clone()).remove();
    State::remove(data);
}
