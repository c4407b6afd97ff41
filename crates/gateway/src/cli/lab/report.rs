//! `tidegate lab report`: what each fault did.

use std::path::PathBuf;
use std::process::ExitCode;

use comfy_table::CellAlignment;
use tidegate_lab::report::{Episode, Evidence, episodes, picture};

use super::super::{Outcome, columns};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// As JSON.
    #[arg(long)]
    json: bool,
    /// Draw it too.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// The last N faults and ends of faults only.
    #[arg(long, value_name = "N")]
    last: Option<usize>,
    /// The data folder of the world. It need not run any more.
    #[arg(long, default_value = "data", value_name = "DIR")]
    data: PathBuf,
}

pub(super) fn run(args: &Args) -> Outcome {
    let evidence = Evidence::read(&args.data).ok_or_else(|| {
        format!(
            "no world of `tidegate up --anycast` was in {}",
            args.data.display()
        )
    })?;
    let all = episodes(&evidence);
    let shown = &all[all.len().saturating_sub(args.last.unwrap_or(all.len()))..];
    if args.json {
        let text = serde_json::to_string_pretty(shown).map_err(|error| error.to_string())?;
        anstream::println!("{text}");
    } else {
        print(shown);
    }
    if let Some(file) = &args.svg {
        std::fs::write(file, picture(&evidence, shown))
            .map_err(|error| format!("{} cannot be written: {error}", file.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn print(episodes: &[Episode]) {
    if episodes.is_empty() {
        anstream::println!("Nothing was broken yet (`tidegate lab fault` does it).");
        return;
    }
    let mut table = columns([
        "FAULT",
        "DETECT",
        "DECIDE",
        "WITHDRAW",
        "CONVERGE",
        "FIRST ERROR",
        "LAST ERROR",
        "FAILED",
        "TRANSITIONS",
    ]);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    for episode in episodes {
        let back = if episode.undo { "  its end" } else { "" };
        table.add_row([
            if episode.undo {
                back.to_owned()
            } else {
                episode.what.clone()
            },
            spelled(episode.detect_us),
            spelled(episode.decide_us),
            spelled(episode.withdraw_us),
            spelled(episode.converge_us),
            spelled(episode.first_error_us),
            spelled(episode.last_error_us),
            format!("{} of {}", episode.failed, episode.asked),
            episode.transitions.to_string(),
        ]);
    }
    anstream::println!("{table}");
    anstream::println!(
        "\nTimes are after the fault: when anybody noticed, when a node or watchdog decided, when a router was told by a\n\
         neighbour, when the last router had changed where packets go, and when the first and last request that\n\
         failed were begun."
    );
}

fn spelled(us: Option<u64>) -> String {
    us.map_or_else(
        || "-".to_owned(),
        |us| format!("{:.1} ms", us as f64 / 1_000.0),
    )
}
