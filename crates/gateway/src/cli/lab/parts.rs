//! Processes that `up` starts beside nodes.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use tidegate_lab::internet::relay;
use tidegate_lab::upstream::Behaviour;
use tidegate_lab::{director, probe, upstream};
use tidegate_model::Period;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::sync::{oneshot, watch};

use super::super::{Outcome, block_on};

/// How often a client asks at most.
const EVERY_MIN: Period = Period::from_millis(1);

#[derive(Debug, clap::Subcommand)]
pub(super) enum Part {
    /// The stand-in for anycast.
    #[command(hide = true)]
    Director {
        /// Its plan, as JSON.
        #[arg(long)]
        plan: PathBuf,
        #[arg(long)]
        lifeline: bool,
    },
    /// A stand-in for a service. It behaves as its standard input says: `well`, `sick`, `slow MS`.
    #[command(hide = true)]
    Upstream {
        #[arg(long)]
        listen: SocketAddr,
        #[arg(long)]
        name: String,
        #[arg(long)]
        lifeline: bool,
    },
    /// A long line between two namespaces.
    #[command(hide = true)]
    Line {
        /// What it connects, as JSON.
        line: String,
        #[arg(long)]
        lifeline: bool,
    },
}

/// Clients that never stop asking.
#[derive(Debug, clap::Args)]
pub(super) struct Probe {
    /// Whom to ask.
    #[arg(value_name = "ADDRESS:PORT")]
    at: SocketAddr,
    /// For what.
    #[arg(value_name = "PATH", default_value = "/")]
    path: String,
    /// Where the client is; written beside each request.
    #[arg(long, value_name = "PLACE", default_value = "here")]
    from: String,
    /// How often, for each kind of client: with a connection for each request, with one that is
    /// kept, and with one of HTTP/2.
    #[arg(long, value_name = "DURATION", default_value = "50ms")]
    every: Period,
    /// Until a request is given up.
    #[arg(long, value_name = "DURATION", default_value = "1s")]
    patience: Period,
    /// Where requests are written down, a line of JSON each. It keeps the last 64 to 128 MiB.
    #[arg(long, value_name = "FILE")]
    timeline: PathBuf,
    #[arg(long, hide = true)]
    lifeline: bool,
}

pub(super) fn probe(args: Probe) -> Outcome {
    if args.every < EVERY_MIN {
        return Err("--every: once a millisecond is the most".to_owned());
    }
    if !args.path.starts_with('/') {
        return Err("the path begins with a slash".to_owned());
    }
    let plan = probe::Plan {
        at: args.at,
        path: args.path,
        from: args.from,
        every: args.every.get(),
        patience: args.patience.get(),
        timeline: args.timeline,
    };
    block_on(until_alone(args.lifeline, |_| {}, probe::run(plan)))
}

pub(super) fn run(part: Part) -> Outcome {
    match part {
        Part::Director { plan, lifeline } => {
            let text = std::fs::read(&plan)
                .map_err(|error| format!("{} cannot be read: {error}", plan.display()))?;
            let plan = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
            block_on(until_alone(lifeline, |_| {}, director::serve(plan)))
        }
        Part::Upstream {
            listen,
            name,
            lifeline,
        } => {
            let (told, behaviour) = watch::channel(Behaviour::default());
            let tell = move |line: &str| {
                if let Some(behaviour) = Behaviour::read(line) {
                    told.send_replace(behaviour);
                }
            };
            block_on(until_alone(
                lifeline,
                tell,
                upstream::serve(listen, name, behaviour),
            ))
        }
        Part::Line { line, lifeline } => {
            let line = serde_json::from_str(&line).map_err(|error| error.to_string())?;
            // It waits for frames in threads of its own, which end with the process.
            let (sender, ended) = oneshot::channel();
            std::thread::spawn(move || {
                // Nobody hears the end of a line that was to end.
                let _gone = sender.send(relay::carry(&line));
            });
            let carried = async { ended.await.map_err(|error| error.to_string())? };
            block_on(until_alone(lifeline, |_| {}, carried))
        }
    }
}

/// Runs a part until whoever started it is gone. What that one says goes to `hear`, by lines.
async fn until_alone(
    lifeline: bool,
    hear: impl Fn(&str),
    task: impl Future<Output = Result<(), String>>,
) -> Outcome {
    let alone = async {
        if lifeline {
            let mut lines = BufReader::new(tokio::io::stdin()).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                hear(&line);
            }
        } else {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        ended = task => ended.map(|()| ExitCode::SUCCESS),
        () = alone => Ok(ExitCode::SUCCESS),
    }
}
