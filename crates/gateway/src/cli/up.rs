//! `tidegate up`: three regions on this machine.

mod crew;
mod faults;
mod stage;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use hyper::Method;
use tidegate_config::Loaded;
use tidegate_lab::internet::Spaces;
use tidegate_lab::{Control, State};
use tidegate_model::{NodeId, Period};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use super::client::order;
use super::live::{EVERY, Live};
use super::sheet::spelled;
use super::{Outcome, block_on, certs, down};
use crew::Crew;
pub(super) use faults::STANDING;
use stage::Stage;

use crate::files::load_folder;

/// The order for the sheet with addresses and the demo key.
const SHEET: &str = "sheet";

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder with world.yaml and a file for each region.
    #[arg(long, default_value = "regions", value_name = "DIR")]
    regions: PathBuf,
    /// Nodes in each region, if not as many as its file lists.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=16))]
    nodes: Option<u8>,
    /// Where everything is kept: certificates, keys, logs.
    #[arg(long, default_value = "data", value_name = "DIR")]
    data: PathBuf,
    /// Return once everything runs; `tidegate down` stops it.
    #[arg(long)]
    detach: bool,
    /// Make traffic between regions take as long as on the globe.
    #[arg(long)]
    wan: bool,
    /// Make a small internet of network namespaces with real routers (BIRD), and clients that never
    /// stop asking. Linux, root. `tidegate lab fault` breaks it, `tidegate lab report` tells what
    /// clients saw.
    #[arg(long)]
    anycast: bool,
    /// How often clients near each region ask, for each of their three kinds.
    #[arg(
        long,
        default_value = "50ms",
        value_name = "DURATION",
        requires = "anycast"
    )]
    probe_every: Period,
    /// Say nothing, and tell the addresses to whoever asks first: what `--detach` starts.
    #[arg(long, hide = true)]
    background: bool,
}

pub(crate) fn run(args: Args) -> Outcome {
    let (loaded, report) = load_folder(&args.regions).map_err(|refused| refused.text(true))?;
    if !report.problems.is_empty() {
        anstream::eprint!("{}", report.render(true));
    }
    if args.anycast {
        Spaces::fit().map_err(|error| error.to_string())?;
    }
    if let Some(state) = State::read(&args.data) {
        if state.runs() {
            return Err(format!(
                "a world runs already in {} (`{}` stops it)",
                args.data.display(),
                spelled("down", &args.data)
            ));
        }
        // Its holder was killed; what it left behind would be in the way.
        block_on(async {
            down::end(&args.data, &state).await;
            Ok(())
        })?;
    }
    if args.detach {
        detach(&args)
    } else {
        block_on(hold(args, loaded))
    }
}

/// Starts the same again in the background and waits until it is ready.
fn detach(args: &Args) -> Outcome {
    crate::data::make_folder(&args.data)?;
    let log = args.data.join("up.log");
    let failed =
        |error: std::io::Error| format!("the world cannot be started in the background: {error}");
    let out = fs::File::create(&log).map_err(failed)?;
    let itself = std::env::current_exe().map_err(failed)?;
    let mut command = std::process::Command::new(itself);
    command.arg("up").arg("--background");
    command
        .arg("--regions")
        .arg(&args.regions)
        .arg("--data")
        .arg(&args.data);
    if let Some(nodes) = args.nodes {
        command.arg("--nodes").arg(nodes.to_string());
    }
    if args.wan {
        command.arg("--wan");
    }
    if args.anycast {
        let every = args.probe_every.to_string();
        command.args(["--anycast", "--probe-every", &every]);
    }
    command
        .stdin(Stdio::null())
        .stdout(out.try_clone().map_err(failed)?)
        .stderr(out);
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut child = command.spawn().map_err(failed)?;
    let sheet = block_on(async {
        loop {
            // Orders wait until everything runs, so an answer means that it does.
            if let Ok(sheet) = tidegate_lab::ask(&args.data, SHEET).await
                && !sheet.is_empty()
            {
                return Ok(sheet);
            }
            if child.try_wait().map_err(failed)?.is_some() {
                let said = fs::read_to_string(&log).unwrap_or_default();
                let last = said.lines().rfind(|line| line.starts_with("error: "));
                let last = last.unwrap_or("it ended without a word");
                return Err(last.trim_start_matches("error: ").to_owned());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })?;
    anstream::print!("{sheet}");
    anstream::println!(
        "\nIt runs in the background; `{}` stops it.",
        spelled("down", &args.data)
    );
    Ok(ExitCode::SUCCESS)
}

/// Starts everything, shows how it is, and stops everything at the end.
async fn hold(args: Args, loaded: Loaded) -> Outcome {
    crate::data::make_folder(&args.data)?;
    let stage = Stage::set(&args, &loaded)?;
    let ids: Vec<NodeId> = stage
        .cast()
        .nodes
        .iter()
        .map(|(id, _)| id.clone())
        .collect();
    certs::init(&args.data, &ids, &["localhost".to_owned()])?;
    let mut signals =
        Signals::listen().map_err(|error| format!("signals cannot be heard: {error}"))?;
    let (_socket, mut orders) = Control::listen(&args.data).map_err(|error| {
        format!(
            "the data folder {} cannot be used: {error}",
            args.data.display()
        )
    })?;
    let mut crew = Crew::new(&args.data, stage.cast().clone())?;
    let mut stage = stage;
    let started = tokio::select! {
        started = stage.start(&mut crew) => started,
        () = signals.stop() => Err("stopped while starting".to_owned()),
    };
    let key = match started {
        Ok(()) => demo_key(crew.admins(), &args.data).await,
        Err(error) => Err(error),
    };
    let key = match key {
        Ok(key) => key,
        Err(error) => {
            crew.stop_all().await;
            return Err(error);
        }
    };
    let mut sheet = Some(stage.sheet(&loaded, &args, &key));
    if !args.background
        && let Some(sheet) = sheet.take()
    {
        anstream::println!("{sheet}");
    }
    let mut live = Live::new();
    let mut ticks = tokio::time::interval(EVERY);
    loop {
        tokio::select! {
            () = signals.stop() => break,
            Some((order, answer)) = orders.recv() => {
                let text = match order.as_str() {
                    // It holds a key, which is shown once.
                    SHEET => sheet.take().unwrap_or_default(),
                    order => stage.obey(order, &mut crew).await.unwrap_or_else(|error| format!("error: {error}\n")),
                };
                let _gone: Result<(), String> = oneshot::Sender::send(answer, text);
            }
            () = stage.due() => stage.go_on(&mut crew).await,
            _ = ticks.tick() => {
                let status = crew.status().await;
                live.draw(status.as_ref(), &crew.note());
            }
        }
    }
    anstream::println!("Stopping.");
    crew.stop_all().await;
    Ok(ExitCode::SUCCESS)
}

struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hang_up: tokio::signal::unix::Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            // A terminal that closes ends what it shows, as Ctrl-C does.
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    async fn stop(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hang_up.recv() => {}
        }
    }
}

async fn demo_key(
    mut admins: impl Iterator<Item = SocketAddr>,
    data: &Path,
) -> Result<String, String> {
    let admin = admins.next().ok_or("there is no node")?;
    let wish = serde_json::json!({ "consumer": "demo" }).to_string();
    let document: serde_json::Value = order(admin, Method::POST, "/keys", Some(wish), data)
        .await?
        .document()?;
    document["key"]
        .as_str()
        .map(str::to_owned)
        .ok_or_else(|| "the node made no key".to_owned())
}
