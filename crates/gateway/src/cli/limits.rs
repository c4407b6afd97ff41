//! `tidegate limits`: which subjects are in demand, one of them closely, and starting it anew.

use std::fmt::Write;
use std::io::IsTerminal;
use std::process::ExitCode;

use comfy_table::{CellAlignment, Table};
use hyper::Method;
use tidegate_limit::{SubjectKey, SubjectView};
use tidegate_model::Wall;

use super::client::Target;
use super::live::{EVERY, Frame};
use super::{Outcome, block_on, columns};
use crate::limits::{ResetDocument, SubjectDocument, TopDocument, TopRow};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show the subjects that are in demand most, in all regions, redrawn every second.
    ///
    /// Subjects are shown by their hash. ASKED/S is what they ask for at the moment, ADMITTED and
    /// REFUSED are of the window that runs, FULL is the part of the amount that is taken. Without a
    /// terminal the table is shown once.
    Top(TopArgs),
    /// Show all that a node knows of one subject: what each node told of it, and what is left.
    Show {
        #[command(flatten)]
        subject: SubjectArgs,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Let a subject start from nothing, in all regions.
    ///
    /// It counts under a fresh name for the rest of this window and two more; every node hears of
    /// it as fast as news travels. What was admitted before is not counted any more.
    Reset {
        #[command(flatten)]
        subject: SubjectArgs,
    },
}

#[derive(Debug, clap::Args)]
struct TopArgs {
    /// Only subjects of this limit.
    #[arg(long, value_name = "NAME")]
    limit: Option<String>,
    /// What comes first.
    #[arg(long, value_enum, default_value_t = Sort::Refused)]
    by: Sort,
    /// How many.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=100))]
    rows: u16,
    /// Name subjects of limits by key, consumer and route. Others stay hashes.
    #[arg(long)]
    names: bool,
    /// Once, instead of every second.
    #[arg(long)]
    once: bool,
    /// Once, as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Sort {
    /// Requests refused in this window.
    Refused,
    /// Requests asked for a second.
    Asked,
}

/// A subject by its hash, or by limit and values.
#[derive(Debug, clap::Args)]
struct SubjectArgs {
    /// The subject's hash, as `limits top` shows it; with --limit, whose requests: a value for each
    /// thing that the limit counts by, such as a key's identifier or an address.
    #[arg(value_name = "SUBJECT|VALUE", num_args = 0..=4)]
    values: Vec<String>,
    /// The limit, to name a subject by values instead of its hash.
    #[arg(long, value_name = "NAME")]
    limit: Option<String>,
}

pub(crate) fn run(args: Args) -> Outcome {
    let Args { target, command } = args;
    match command {
        Command::Top(args) => top(&target, &args)?,
        Command::Show { subject, json } => {
            let path = subject.path("")?;
            let answer = block_on(target.ask(Method::GET, &path, None))?;
            if json {
                print_json(answer.document()?)?;
            } else {
                anstream::println!("{}", sheet(&answer.document()?));
            }
        }
        Command::Reset { subject } => {
            let path = subject.path("/reset")?;
            let answer = block_on(target.ask(Method::POST, &path, None))?;
            anstream::println!("{}", told(&answer.document()?));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn print_json(document: serde_json::Value) -> Result<(), String> {
    let text = serde_json::to_string_pretty(&document).map_err(|error| error.to_string())?;
    anstream::println!("{text}");
    Ok(())
}

impl SubjectArgs {
    /// Where the admin door has this subject.
    fn path(&self, verb: &str) -> Result<String, String> {
        match (&self.limit, self.values.as_slice()) {
            (None, [hash]) => {
                let subject = hash.parse::<SubjectKey>().map_err(|error| {
                    format!("{error}; to name it by whose it is: --limit NAME VALUE...")
                })?;
                Ok(format!("/limits/subjects/{subject}{verb}"))
            }
            (None, _) => Err(
                "name one subject: its hash from `limits top`, or --limit NAME VALUE...".to_owned(),
            ),
            (Some(limit), values) => {
                let mut query = String::new();
                for (i, value) in values.iter().enumerate() {
                    let mark = if i == 0 { '?' } else { '&' };
                    write!(query, "{mark}value={}", escaped(value)).expect(STRING);
                }
                Ok(format!("/limits/{}/subject{verb}{query}", escaped(limit)))
            }
        }
    }
}

const STRING: &str = "a String takes everything";

/// Text for a URI: all but unreserved characters escaped (RFC 3986 section 2.1).
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            escaped.push(char::from(byte));
        } else {
            write!(escaped, "%{byte:02X}").expect(STRING);
        }
    }
    escaped
}

fn top(target: &Target, args: &TopArgs) -> Result<(), String> {
    let by = match args.by {
        Sort::Refused => "refused",
        Sort::Asked => "asked",
    };
    let of = args.limit.as_deref().map(escaped);
    let of = of.map(|limit| format!("/{limit}")).unwrap_or_default();
    let path = format!(
        "/limits{of}/subjects?top={}&by={by}&names={}",
        args.rows, args.names
    );
    let ask = || block_on(target.ask(Method::GET, &path, None));
    if args.json {
        return print_json(ask()?.document()?);
    }
    let first = table(&ask()?.document()?);
    if args.once || !std::io::stdout().is_terminal() {
        anstream::println!("{first}");
        return Ok(());
    }
    let mut frame = Frame::default();
    frame.redraw(&first);
    loop {
        block_on(async {
            tokio::time::sleep(EVERY).await;
            Ok(())
        })?;
        // A node that is away for a moment is waited for.
        match ask().and_then(|answer| answer.document()) {
            Ok(document) => frame.redraw(&table(&document)),
            Err(error) => frame.redraw(&error),
        }
    }
}

fn right(table: &mut Table, columns: std::ops::Range<usize>) {
    for at in columns {
        if let Some(column) = table.column_mut(at) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

fn table(top: &TopDocument) -> String {
    let TopDocument {
        node,
        subjects_hot,
        subjects_looked_at,
        redis_up,
        subjects,
    } = top;
    if subjects.is_empty() {
        return format!("No subject of a limit is in demand, as {node} sees it.");
    }
    let mut table = columns([
        "LIMIT", "SUBJECT", "AMOUNT", "ASKED/S", "ADMITTED", "REFUSED", "FULL", "FROM",
    ]);
    right(&mut table, 2..7);
    for row in subjects {
        table.add_row(cells(row));
    }
    let partly = if subjects_looked_at < subjects_hot {
        format!(", of which {subjects_looked_at} were looked at")
    } else {
        String::new()
    };
    let verb = if *subjects_hot == 1 {
        "subject is"
    } else {
        "subjects are"
    };
    let redis = match redis_up {
        Some(false) => " Redis does not answer: limits in it go by `on_store_down`.",
        Some(true) | None => "",
    };
    format!("{table}\n\nAs {node} sees it: {subjects_hot} {verb} in demand{partly}.{redis}")
}

fn cells(row: &TopRow) -> [String; 8] {
    let view = &row.view;
    let from = view.regions.iter();
    let from: Vec<String> = from
        .map(|part| format!("{} {:.0}/s", part.region, part.asked_per_s))
        .collect();
    [
        row.limit.clone(),
        row.name.clone().unwrap_or_else(|| view.subject.to_string()),
        view.amount.to_string(),
        format!("{:.0}", view.asked_per_s),
        view.admitted.to_string(),
        view.refused.to_string(),
        format!("{:.0} %", view.full * 100.0),
        from.join(", "),
    ]
}

fn sheet(document: &SubjectDocument) -> String {
    let SubjectDocument { node, terms, seen } = document;
    let mut text = format!(
        "Subject {} of the limit {}, as {node} sees it\n",
        seen.subject, terms.limit
    );
    let by = match terms.per.as_slice() {
        [] => "all requests together".to_owned(),
        per => format!("by {}", per.join(", ")),
    };
    let window = match terms.window.as_str() {
        "" => "at a time".to_owned(),
        window => format!("in {window}"),
    };
    let shadow = if terms.shadow { ", in shadow mode" } else { "" };
    let lines = [
        (
            "limit",
            format!(
                "{} {window}, {}, scope {}, {by}{shadow}",
                seen.amount, terms.algorithm, terms.scope
            ),
        ),
        ("asked for", format!("{:.0} a second", seen.asked_per_s)),
        (
            "this window",
            format!(
                "{} admitted, {} refused; it ends in {:.1} s",
                seen.window.admitted,
                seen.window.refused,
                seen.ends_in_ms as f64 / 1_000.0
            ),
        ),
        (
            "the one before",
            format!(
                "{} admitted, {} refused{}",
                seen.window_before.admitted,
                seen.window_before.refused,
                weighs(document)
            ),
        ),
        (
            "under way",
            format!(
                "{} are taken to have been admitted since the last words",
                seen.in_flight
            ),
        ),
        ("left", left(seen)),
    ];
    for (name, value) in lines {
        writeln!(text, "  {name:<15} {value}").expect(STRING);
    }
    if !seen.silent.is_empty() {
        let silent: Vec<String> = seen.silent.iter().map(ToString::to_string).collect();
        writeln!(
            text,
            "  {:<15} {} cannot be heard and may be serving; on_partition: {} takes {} more for \
             spent there",
            "SILENT",
            silent.join(", "),
            terms.on_partition,
            seen.assumed
        )
        .expect(STRING);
    }
    if terms.store != "mesh" {
        let line = match terms.decided_by == terms.store {
            true => "it decides; nodes keep the count above, to take over".to_owned(),
            false => format!("it does not answer: {} applies", terms.decided_by),
        };
        writeln!(text, "  {:<15} {line}", terms.store).expect(STRING);
    }
    if seen.counted_as.is_some() {
        writeln!(text, "  {:<15} it counts under a fresh name", "was reset").expect(STRING);
    }
    format!("{text}\n{}", words(seen))
}

fn weighs(document: &SubjectDocument) -> String {
    match document.terms.algorithm.as_str() {
        "sliding" => format!("; {} of it still weigh", document.seen.carried),
        _ => String::new(),
    }
}

fn left(seen: &SubjectView) -> String {
    match seen.left {
        0 => "nothing: the next request is refused".to_owned(),
        left => format!("{left} of {}", seen.amount),
    }
}

fn words(seen: &SubjectView) -> Table {
    let mut table = columns([
        "NODE", "LIFE", "HEARD", "ASKED/S", "ADMITTED", "REFUSED", "BEFORE",
    ]);
    right(&mut table, 2..7);
    for word in &seen.nodes {
        let age = word
            .age_ms
            .map_or_else(|| "-".to_owned(), super::status::age);
        table.add_row([
            word.node.to_string(),
            word.epoch.to_string(),
            age,
            format!("{:.0}", word.asked_per_s),
            word.window.admitted.to_string(),
            word.window.refused.to_string(),
            word.window_before.admitted.to_string(),
        ]);
    }
    table
}

fn told(reset: &ResetDocument) -> String {
    let nodes = |n: usize| {
        if n == 1 {
            "1 node".to_owned()
        } else {
            format!("{n} nodes")
        }
    };
    let others = match (reset.sent_to_mates, reset.sent_to_regions) {
        (0, 0) => "no other node is known at the moment; those that come are told".to_owned(),
        (0, far) => format!(
            "sent to {} of other regions, which tell the rest",
            nodes(far)
        ),
        (mates, 0) => format!("sent to {}, which tell the rest", nodes(mates)),
        (mates, far) => format!(
            "sent to {} of this region and {} elsewhere, which tell the rest",
            nodes(mates),
            nodes(far)
        ),
    };
    format!(
        "Subject {} of the limit {} starts from nothing: on {} now, {others}.\nIt counts under a \
         fresh name until {}.",
        reset.subject,
        reset.limit,
        reset.node,
        Wall::from_unix_secs(reset.until_unix_secs)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_asked_for_by_hash_or_by_values() {
        let args = |limit: Option<&str>, values: &[&str]| SubjectArgs {
            values: values.iter().map(|value| (*value).to_owned()).collect(),
            limit: limit.map(str::to_owned),
        };
        let path = |limit, values: &[&str]| args(limit, values).path("/reset");
        let good = |text: &str| Ok(text.to_owned());
        assert_eq!(
            path(None, &["00000000000000AB"]),
            good("/limits/subjects/00000000000000ab/reset")
        );
        assert_eq!(path(Some("all"), &[]), good("/limits/all/subject/reset"));
        assert_eq!(
            path(Some("l"), &["a b", "2001:db8::1"]),
            good("/limits/l/subject/reset?value=a%20b&value=2001%3Adb8%3A%3A1")
        );
        let refused = path(None, &["acme"]).expect_err("no hash");
        assert!(refused.contains("--limit NAME VALUE"), "{refused}");
        assert!(path(None, &[]).is_err());
    }
}
