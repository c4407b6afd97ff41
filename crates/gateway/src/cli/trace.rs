//! `tidegate trace`: full traces of requests that match, from all nodes, for a minute.

mod waterfall;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use tidegate_model::Period;
use tidegate_trace::Match;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::Instant;

use super::client::{Target, stream};
use super::{Outcome, block_on};
use crate::admin::Wish;
use crate::traces::TraceDocument;
use waterfall::waterfall;

/// A trace is shown when no node has told more of it for so long.
const SETTLED: Duration = Duration::from_millis(500);
/// How often it is looked at what has settled.
const LOOK: Duration = Duration::from_millis(100);
/// Traces that wait to be joined.
const WAITING_MAX: usize = 256;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    /// Which requests: words that must all hold, of method, host, path, route, client (an address
    /// or a block), consumer, status (also >= and <=) and header.NAME. `*` stands for any text.
    #[arg(long = "match", value_name = "WORDS", default_value = "")]
    matches: Match,
    /// For how long; ten minutes at most.
    #[arg(long = "for", value_name = "DURATION", default_value = "60s")]
    time: Period,
    /// End after so many.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    count: u32,
    /// As JSON: a line for each trace, with what each node knows of it.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Outcome {
    block_on(watch(args))
}

async fn watch(args: &Args) -> Outcome {
    let wish = Wish {
        matches: args.matches.to_string(),
        for_ms: u64::try_from(args.time.get().as_millis()).unwrap_or(u64::MAX),
        count: args.count,
    };
    let wish = serde_json::to_string(&wish).map_err(|error| error.to_string())?;
    let (parts, told) = channel(WAITING_MAX);
    let mut watching = 0_usize;
    let mut last = String::from("there is no node to ask");
    for addr in args.target.doors() {
        match stream(addr, "/traces", wish.clone(), &args.target.data).await {
            Ok(body) => {
                tokio::spawn(read(addr, body, parts.clone()));
                watching += 1;
            }
            Err(error) => last = format!("{addr}: {error}"),
        }
    }
    drop(parts);
    if watching == 0 {
        return Err(last);
    }
    let nodes = if watching == 1 { "node" } else { "nodes" };
    anstream::eprintln!(
        "{watching} {nodes} watched for {} s or {} traces.",
        args.time.get().as_secs(),
        args.count
    );
    let shown = show(args, watching, told).await?;
    anstream::eprintln!("{shown} traces.");
    Ok(ExitCode::SUCCESS)
}

/// Hands on what a node tells, until it ends.
async fn read(addr: SocketAddr, mut body: Incoming, parts: Sender<TraceDocument>) {
    let mut text = Vec::new();
    while let Some(Ok(frame)) = body.frame().await {
        let Ok(bytes) = frame.into_data() else {
            continue;
        };
        text.extend_from_slice(&bytes);
        while let Some(end) = text.windows(2).position(|two| two == b"\n\n") {
            let event: Vec<u8> = text.drain(..end + 2).collect();
            let Some(data) = event.strip_prefix(b"data: ") else {
                continue;
            };
            match serde_json::from_slice(data) {
                Ok(part) => {
                    if parts.send(part).await.is_err() {
                        return;
                    }
                }
                Err(error) => anstream::eprintln!("{addr}: a trace cannot be read: {error}"),
            }
        }
    }
}

/// What is known of a trace so far.
struct Joined {
    parts: Vec<TraceDocument>,
    since: Instant,
}

/// Joins what nodes tell, and shows each trace when it has settled. Returns how many were shown.
async fn show(args: &Args, nodes: usize, mut told: Receiver<TraceDocument>) -> Result<u32, String> {
    let mut joined: BTreeMap<String, Joined> = BTreeMap::new();
    let mut shown = 0;
    let mut over = false;
    while shown < args.count && !(over && joined.is_empty()) {
        tokio::select! {
            part = told.recv(), if !over => match part {
                Some(part) => join(&mut joined, part),
                None => over = true,
            },
            () = tokio::time::sleep(LOOK) => {}
        }
        let now = Instant::now();
        let settled = joined.extract_if(.., |_, one| over || now - one.since >= SETTLED);
        // Who calls is not known where a request was relayed to: the node that it came to decides.
        let wanted = |one: &Joined| nodes == 1 || !one.parts.iter().all(TraceDocument::is_relayed);
        let settled = settled.map(|(_, one)| one);
        let mut settled: Vec<Joined> = settled.filter(wanted).collect();
        settled.sort_by_key(|one| one.since);
        for one in settled.into_iter().take((args.count - shown) as usize) {
            print(args, &one.parts)?;
            shown += 1;
        }
    }
    Ok(shown)
}

fn join(joined: &mut BTreeMap<String, Joined>, part: TraceDocument) {
    let since = Instant::now();
    let known = joined.entry(part.trace.clone()).or_insert_with(|| Joined {
        parts: Vec::new(),
        since,
    });
    known.parts.push(part);
    known.since = since;
}

fn print(args: &Args, parts: &[TraceDocument]) -> Result<(), String> {
    let text = match args.json {
        true => serde_json::to_string(parts).map_err(|error| error.to_string())?,
        false => waterfall(parts),
    };
    anstream::println!("{text}");
    Ok(())
}
