//! `tidegate top`: what goes on, live: what the console shows, in a terminal.

use std::fmt::Write;
use std::io::{IsTerminal, Write as _};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use comfy_table::{CellAlignment, Table};
use hyper::Method;

use super::client::Target;
use super::status::{age, footer, table as regions};
use super::{Outcome, block_on, columns};
use crate::watch::WorldDocument;

/// Lines of a terminal that does not tell how many it has.
const LINES: usize = 40;
/// Rows of each table but that of regions, and lines of the log.
const ROWS: usize = 6;
const STRING: &str = "a String takes all that is written to it";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    /// Show it once and end.
    #[arg(long)]
    once: bool,
    /// As JSON, once.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Outcome {
    let ask = || block_on(args.target.ask(Method::GET, "/world", None));
    if args.json {
        let document: serde_json::Value = ask()?.document()?;
        let text = serde_json::to_string_pretty(&document).map_err(|error| error.to_string())?;
        anstream::println!("{text}");
        return Ok(ExitCode::SUCCESS);
    }
    let first = screen(&ask()?.document()?);
    if args.once || !std::io::stdout().is_terminal() {
        anstream::println!("{first}");
        return Ok(ExitCode::SUCCESS);
    }
    live(&first, || ask().and_then(|answer| answer.document()))
}

/// Draws until it is interrupted.
fn live(first: &str, ask: impl Fn() -> Result<WorldDocument, String>) -> Outcome {
    draw(first)?;
    loop {
        block_on(async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok(())
        })?;
        // A node that is away for a moment is waited for.
        match ask() {
            Ok(world) => draw(&screen(&world))?,
            Err(error) => draw(&error)?,
        }
    }
}

/// Draws over what was there, as far as the terminal has lines.
fn draw(text: &str) -> Result<(), String> {
    let lines = lines().unwrap_or(LINES).max(2);
    // What is too wide is cut, so that each line takes one.
    let mut frame = String::from("\u{1b}[?7l\u{1b}[H");
    for line in text.lines().take(lines - 1) {
        frame.push_str(line);
        frame.push_str("\u{1b}[K\n");
    }
    frame.push_str("\u{1b}[J\u{1b}[?7h");
    let mut out = anstream::stdout();
    let drawn = out.write_all(frame.as_bytes()).and_then(|()| out.flush());
    drawn.map_err(|error| format!("the terminal is gone: {error}"))
}

/// How many lines the terminal has, as `stty` says: a system call of one's own would be unsafe
/// code.
fn lines() -> Option<usize> {
    let asked = Command::new("stty")
        .arg("size")
        .stdin(Stdio::inherit())
        .output();
    let said = String::from_utf8(asked.ok()?.stdout).ok()?;
    said.split_whitespace().next()?.parse().ok()
}

fn screen(world: &WorldDocument) -> String {
    let mut text = format!("{}\n", regions(&world.status));
    text.push_str(footer(&world.status).trim_start());
    text.push('\n');
    if world.drift {
        text.push_str("Nodes run different configurations.\n");
    }
    if let Some(why) = &world.key_store_trouble {
        writeln!(text, "The key store does not answer: {why}.").expect(STRING);
    }
    for table in [
        limits(world),
        hottest(world),
        routes(world),
        services(world),
    ] {
        if table.row_count() > 0 {
            writeln!(text, "\n{table}").expect(STRING);
        }
    }
    text.push_str("\n LOG\n");
    for entry in world.journal.iter().take(ROWS) {
        let ago = age(world.at_unix_ms.saturating_sub(entry.at_unix_ms));
        writeln!(text, " {ago:>7} ago  {}", entry.text).expect(STRING);
    }
    text.trim_end().to_owned()
}

fn limits(world: &WorldDocument) -> Table {
    let mut table = columns([
        "LIMIT",
        "ALLOWS",
        "ADMITTED/S",
        "REFUSED/S",
        "OVER",
        "USUAL ERROR",
    ]);
    right(&mut table, 2..6);
    for terms in world.limits.iter().take(ROWS) {
        let rates = world
            .rates
            .limits
            .iter()
            .find(|rates| rates.limit == terms.limit);
        let rates = rates.cloned().unwrap_or_default();
        let part = |of: f64| match rates.allowed > 0.0 {
            true => format!("{:.2} %", of / rates.allowed * 100.0),
            false => "-".to_owned(),
        };
        let window = match terms.window.is_empty() {
            true => " at a time".to_owned(),
            false => format!(" each {}", terms.window),
        };
        table.add_row([
            terms.limit.clone(),
            format!("{}{window}, {}", terms.amount, terms.scope),
            rate(rates.admitted_per_s),
            rate(rates.refused_per_s),
            part(rates.over),
            part(rates.expected),
        ]);
    }
    table
}

fn hottest(world: &WorldDocument) -> Table {
    let mut table = columns(["HOTTEST", "SUBJECT", "USED", "ASKED/S", "REFUSED"]);
    right(&mut table, 2..5);
    let subjects = world.hottest.iter().flat_map(|top| &top.subjects);
    for row in subjects.take(ROWS) {
        table.add_row([
            row.limit.clone(),
            row.view.subject.to_string(),
            format!("{:.0} %", row.view.full * 100.0),
            rate(row.view.asked_per_s),
            row.view.refused.to_string(),
        ]);
    }
    table
}

fn routes(world: &WorldDocument) -> Table {
    let mut table = columns(["ROUTE", "LEADS TO", "REQ/S", "4XX/S", "5XX/S", "P50", "P99"]);
    right(&mut table, 2..7);
    let mut busiest: Vec<_> = world.rates.routes.iter().collect();
    busiest.sort_by(|a, b| b.requests_per_s.total_cmp(&a.requests_per_s));
    for rates in busiest.into_iter().take(ROWS) {
        let known = world
            .topology
            .routes
            .iter()
            .find(|route| route.route == rates.route);
        let within =
            |ms: Option<f64>| ms.map_or_else(|| "-".to_owned(), |ms| format!("<= {ms} ms"));
        table.add_row([
            match rates.route.as_str() {
                "-" => "(none)".to_owned(),
                name => name.to_owned(),
            },
            known
                .map(|route| route.upstream.clone())
                .unwrap_or_default(),
            rate(rates.requests_per_s),
            rate(rates.refused_per_s),
            rate(rates.failed_per_s),
            within(rates.p50_ms),
            within(rates.p99_ms),
        ]);
    }
    table
}

fn services(world: &WorldDocument) -> Table {
    let mut table = columns(["SERVICE", "FIT", "FAILURES/S", "UNFIT"]);
    right(&mut table, 1..3);
    for pool in world.rates.upstreams.iter().take(ROWS) {
        let unfit = pool.endpoints.iter().filter(|(_, fit)| !**fit);
        let unfit: Vec<&str> = unfit.map(|(name, _)| name.as_str()).collect();
        let fit = pool.endpoints.len() - unfit.len();
        table.add_row([
            pool.upstream.clone(),
            format!("{fit} of {}", pool.endpoints.len()),
            rate(pool.failures_per_s),
            unfit.join(" "),
        ]);
    }
    table
}

fn rate(per_s: f64) -> String {
    match per_s {
        0.0 => "0".to_owned(),
        few if few < 10.0 => format!("{few:.1}"),
        many => format!("{many:.0}"),
    }
}

fn right(table: &mut Table, places: std::ops::Range<usize>) {
    for at in places {
        if let Some(column) = table.column_mut(at) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}
