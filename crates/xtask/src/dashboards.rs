//! `cargo xtask dashboards`: Grafana's dashboards, written from code.
//!
//! Panels say what they show and by which query; where they stand and how Grafana wants it written
//! is done here. Every metric of a query must stand in the catalogue or be a recording rule, with
//! labels that it has: a panel that can never show anything is found without a Prometheus.
//! `tests/e2e/dashboards.rs` runs every query on a world that is alive.

mod boards;
mod catalog;
mod grafana;
mod query;

use std::path::Path;

use boards::{BOARDS, Board, Panel, Shape};
use catalog::Catalog;
use query::wrong;

/// Where they are kept.
pub(crate) const FOLDER: &str = "deploy/grafana/dashboards";

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Write nothing: say what would change.
    #[arg(long)]
    check: bool,
}

/// Writes all dashboards. Whether nothing is wrong.
pub(crate) fn run(root: &Path, args: &Args) -> Result<bool, String> {
    let wrong = match args.check {
        true => problems(root)?,
        false => {
            for board in BOARDS {
                let path = root.join(FOLDER).join(board.file());
                std::fs::create_dir_all(root.join(FOLDER)).map_err(|error| error.to_string())?;
                std::fs::write(&path, board.json())
                    .map_err(|error| format!("{}: {error}", path.display()))?;
            }
            problems(root)?
        }
    };
    for problem in &wrong {
        println!("error: {problem}");
    }
    println!("{} dashboards, {} problems", BOARDS.len(), wrong.len());
    Ok(wrong.is_empty())
}

/// What is wrong with dashboards, rules and alerts: queries that name what there is not, and files
/// that are not what the code says.
pub(crate) fn problems(root: &Path) -> Result<Vec<String>, String> {
    let read = |path: &str| {
        std::fs::read_to_string(root.join(path)).map_err(|error| format!("{path}: {error}"))
    };
    let catalog = Catalog::read(
        &read("crates/telemetry/src/catalog/all.rs")?,
        &read("deploy/prometheus/rules/recording.yml")?,
    );
    let mut problems = Vec::new();
    for board in BOARDS {
        for panel in board.panels {
            for (query, _) in panel.queries {
                for why in wrong(query, &catalog) {
                    problems.push(format!(
                        "dashboard {}, panel `{}`: {why}",
                        board.title, panel.title
                    ));
                }
            }
        }
        let path = format!("{FOLDER}/{}", board.file());
        if read(&path).ok().as_deref() != Some(&board.json()) {
            problems.push(format!(
                "{path} is not what the code says: run `cargo xtask dashboards`"
            ));
        }
    }
    for path in [
        "deploy/prometheus/rules/recording.yml",
        "deploy/prometheus/rules/alerts.yml",
    ] {
        for (at, query) in query::of_rules(&read(path)?) {
            for why in wrong(&query, &catalog) {
                problems.push(format!("{path}:{at}: {why}"));
            }
        }
    }
    Ok(problems)
}
