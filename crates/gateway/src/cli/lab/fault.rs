//! `tidegate lab fault`.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use tidegate_lab::internet::{Fault, FaultOrder, Kind, Target};
use tidegate_model::Period;

use super::super::Outcome;

/// What each kind of fault is.
const KINDS: &str = "\
Faults:
  kill-node      kill a node (kill -9)
  kill-region    kill all nodes of a region
  freeze         stop a node from running, and leave it there (SIGSTOP)
  kill-daemon    kill the routing daemon beside a node
  cut-link       take the link between machine and router down
  blackhole      lose every packet on it, while it looks sound
  flap           make the machine's services sick and well in turn, each for --pace
  slow-upstream  make them answer --pace late
  sick-upstream  make them answer with errors
  partition      lose every packet between a region and the others
  drain          take nodes out of service in a planned way";

#[derive(Debug, clap::Args)]
#[command(after_help = KINDS)]
pub(super) struct Args {
    /// What to break.
    #[arg(value_name = "FAULT", value_parser = kind())]
    kind: Kind,
    /// Where: REGION/NODE, a whole REGION, or `all`.
    #[arg(value_name = "WHERE")]
    target: String,
    /// Undo it.
    #[arg(long)]
    undo: bool,
    /// Let it undo itself after so long.
    #[arg(long = "for", value_name = "DURATION", conflicts_with = "undo")]
    lasts: Option<Period>,
    /// How late `slow-upstream` answers; how long `flap` is sick, and well.
    #[arg(long, value_name = "DURATION", default_value = "2s")]
    pace: Period,
    /// The data folder of the world.
    #[arg(long, default_value = "data", value_name = "DIR")]
    data: PathBuf,
}

fn kind() -> impl TypedValueParser<Value = Kind> {
    let find = |name: String| Kind::ALL.into_iter().find(|kind| kind.name() == name);
    PossibleValuesParser::new(Kind::ALL.map(Kind::name))
        .map(move |name| find(name).expect("one of the possible values"))
}

pub(super) fn run(args: &Args) -> Outcome {
    if args.pace.get().as_millis() < 50 {
        return Err("--pace: 50ms is the least".to_owned());
    }
    let millis = |period: Period| u64::try_from(period.get().as_millis()).unwrap_or(u64::MAX);
    let order = FaultOrder {
        fault: Fault {
            kind: args.kind,
            target: Target::read(&args.target),
            pace: args.pace.get(),
        },
        undo: args.undo,
        lasts_ms: args.lasts.map(millis),
    };
    let order = serde_json::to_string(&order).map_err(|error| error.to_string())?;
    super::order(&args.data, &order)
}
