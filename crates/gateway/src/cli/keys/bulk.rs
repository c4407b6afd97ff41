//! `tidegate keys import` and `export`: many keys at a time, as CSV or JSON lines.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use hyper::Method;
use tidegate_model::Wall;
use tidegate_runtime::Clock;

use crate::cli::client::Target;
use crate::cli::{Outcome, block_on};
use crate::key_lines::{COLUMNS, Imported, KnownKey, LINES_MAX, Line, from_columns, to_columns};

/// Bytes of lines that go to a node at a time: it takes 64 KiB.
const BATCH_BYTES_MAX: usize = 48 * 1_024;
/// Refused lines that are shown one by one.
const REFUSED_SHOWN_MAX: usize = 100;

/// How keys are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(super) enum Format {
    /// One JSON object a line.
    Jsonl,
    /// A line of column names, then a line a key.
    Csv,
}

impl Format {
    /// As the file's name says, if it is not given.
    fn of(given: Option<Self>, path: Option<&Path>) -> Self {
        let csv = path.is_some_and(|path| path.extension().is_some_and(|e| e == "csv"));
        given.unwrap_or(if csv { Self::Csv } else { Self::Jsonl })
    }
}

/// A line of the file: its number, and what it says or why it says nothing.
type Numbered = (u64, Result<Line, String>);

/// Lines of a file, one after the other, so that a large file is never held as a whole.
fn lines(
    from: Box<dyn Read>,
    format: Format,
    now: Wall,
) -> Box<dyn Iterator<Item = Result<Numbered, String>>> {
    match format {
        Format::Jsonl => {
            let lines = BufReader::new(from).lines().enumerate();
            let full = |line: &(usize, io::Result<String>)| {
                line.1.as_ref().map_or(true, |text| !text.trim().is_empty())
            };
            Box::new(lines.filter(full).map(|(at, text)| {
                let text = text.map_err(|error| error.to_string())?;
                let line = serde_json::from_str(&text).map_err(|error| error.to_string());
                Ok((at as u64 + 1, line))
            }))
        }
        Format::Csv => Box::new(csv_lines(from, now)),
    }
}

fn csv_lines(from: Box<dyn Read>, now: Wall) -> impl Iterator<Item = Result<Numbered, String>> {
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .trim(csv::Trim::Headers)
        .from_reader(from);
    let names = reader
        .headers()
        .map(|names| names.iter().map(str::to_owned).collect::<Vec<_>>());
    let known =
        |names: Vec<String>| match names.iter().find(|name| !COLUMNS.contains(&name.as_str())) {
            Some(name) => Err(format!(
                "line 1: there is no column `{}`: there are {}",
                name.escape_debug(),
                COLUMNS.join(", ")
            )),
            None => Ok(names),
        };
    let names = names.map_err(|error| error.to_string()).and_then(known);
    let (names, wrong) = match names {
        Ok(names) => (names, None),
        Err(why) => (Vec::new(), Some(Err(why))),
    };
    let stopped = wrong.is_some();
    let mut records = reader.into_records();
    let records = std::iter::from_fn(move || {
        let record = records.next().filter(|_| !stopped)?;
        let after = records.reader().position().line();
        Some(record.map_err(|error| error.to_string()).map(|record| {
            let at = line_of(&record, after);
            if record.len() != names.len() {
                let why = format!("{} columns instead of {}", record.len(), names.len());
                return (at, Err(why));
            }
            let values = record.iter().map(|value| value.trim().to_owned());
            let columns: BTreeMap<String, String> = names.iter().cloned().zip(values).collect();
            (at, from_columns(&columns, now))
        }))
    });
    wrong.into_iter().chain(records)
}

/// The line that a record begins at. The reader says where it was before empty lines that it passed
/// over, and `after` where it is now.
fn line_of(record: &csv::StringRecord, after: u64) -> u64 {
    let before = record.position().map_or(0, csv::Position::line);
    let breaks = record.iter().flat_map(str::chars).filter(|c| *c == '\n');
    let own = 1 + breaks.count() as u64;
    before + (after - before).saturating_sub(own)
}

/// What came of an import so far.
#[derive(Default)]
struct Tally {
    taken: u64,
    refused: Vec<(u64, String)>,
    refused_more: u64,
    bytes: u64,
}

impl Tally {
    fn refuse(&mut self, at: u64, why: String) {
        if self.refused.len() < REFUSED_SHOWN_MAX {
            self.refused.push((at, why));
        } else {
            self.refused_more += 1;
        }
    }

    fn refused(&self) -> u64 {
        self.refused.len() as u64 + self.refused_more
    }

    /// Shows how far it is, if somebody watches.
    fn show(&self) {
        if io::stderr().is_terminal() {
            anstream::eprint!(
                "\r{} keys taken, {} lines refused",
                self.taken,
                self.refused()
            );
        }
    }

    fn close(self) -> ExitCode {
        if io::stderr().is_terminal() {
            anstream::eprintln!();
        }
        for (at, why) in &self.refused {
            anstream::eprintln!("line {at}: {why}");
        }
        if self.refused_more > 0 {
            anstream::eprintln!("and {} lines more", self.refused_more);
        }
        let refused = self.refused();
        anstream::eprintln!("{} keys were taken, {refused} lines refused.", self.taken);
        ExitCode::from(u8::from(refused > 0))
    }
}

/// Takes keys in. New ones are written to standard output, as CSV: line, identifier, key.
pub(super) fn import(target: &Target, path: &Path, format: Option<Format>) -> Outcome {
    let from: Box<dyn Read> = match path.as_os_str() == "-" {
        true => Box::new(io::stdin()),
        false => Box::new(
            File::open(path)
                .map_err(|error| format!("{} cannot be read: {error}", path.display()))?,
        ),
    };
    let now = Clock::start().now().wall;
    let (mut tally, mut batch) = (Tally::default(), Vec::new());
    let mut out = csv::Writer::from_writer(io::stdout());
    for numbered in lines(from, Format::of(format, Some(path)), now) {
        let (at, line) = match numbered {
            Ok(numbered) => numbered,
            Err(why) => {
                tally.close();
                return Err(format!("{} cannot be read: {why}", path.display()));
            }
        };
        match line {
            Err(why) => tally.refuse(at, why),
            Ok(line) => {
                let text = serde_json::to_string(&line).map_err(|error| error.to_string())?;
                let full = batch.len() >= LINES_MAX
                    || tally.bytes + text.len() as u64 > BATCH_BYTES_MAX as u64;
                if full {
                    send(target, &mut batch, &mut tally, &mut out)?;
                }
                tally.bytes += text.len() as u64 + 1;
                batch.push((at, text));
            }
        }
    }
    send(target, &mut batch, &mut tally, &mut out)?;
    Ok(tally.close())
}

fn send(
    target: &Target,
    batch: &mut Vec<(u64, String)>,
    tally: &mut Tally,
    out: &mut csv::Writer<io::Stdout>,
) -> Result<(), String> {
    let batch = std::mem::take(batch);
    tally.bytes = 0;
    if batch.is_empty() {
        return Ok(());
    }
    let lines: Vec<&str> = batch.iter().map(|(_, text)| text.as_str()).collect();
    let body = format!("[{}]", lines.join(","));
    let answer = block_on(target.ask(Method::POST, "/keys/import", Some(body)));
    let came = answer.and_then(|answer| answer.document::<Vec<Imported>>());
    let came = came.map_err(|why| {
        let first = batch[0].0;
        format!(
            "stopped at line {first}: {why}. {} keys before it were taken",
            tally.taken
        )
    })?;
    for ((at, _), one) in batch.into_iter().zip(came) {
        match one {
            Imported::Refused(why) => tally.refuse(at, why),
            Imported::Taken { kid, key } => {
                tally.taken += 1;
                if let Some(key) = key {
                    out.write_record([at.to_string(), kid.to_string(), key])
                        .map_err(|error| error.to_string())?;
                }
            }
        }
    }
    out.flush().map_err(|error| error.to_string())?;
    tally.show();
    Ok(())
}

/// Writes all keys, without secrets.
pub(super) fn export(target: &Target, path: Option<PathBuf>, format: Option<Format>) -> Outcome {
    let format = Format::of(format, path.as_deref());
    let unwritable = |error: io::Error| format!("the keys cannot be written: {error}");
    let out: Box<dyn Write> = match &path {
        Some(path) => Box::new(io::BufWriter::new(File::create(path).map_err(unwritable)?)),
        None => Box::new(io::stdout().lock()),
    };
    let mut out = Writer::new(out, format).map_err(unwritable)?;
    let mut left_out = Vec::new();
    let answer = block_on(target.ask_long(Method::GET, "/keys/export"))?;
    answer.good()?;
    let mut count = 0_u64;
    for line in answer
        .body
        .split(|b| *b == b'\n')
        .filter(|line| !line.is_empty())
    {
        let key: KnownKey = serde_json::from_slice(line)
            .map_err(|error| format!("the node's answer cannot be read: {error}"))?;
        match out.write(&key).map_err(unwritable)? {
            true => count += 1,
            false => left_out.push(key.record.kid),
        }
    }
    out.close().map_err(unwritable)?;
    for kid in &left_out {
        anstream::eprintln!(
            "{kid} is left out: CSV cannot hold it; write JSON lines (--format jsonl)"
        );
    }
    anstream::eprintln!("{count} keys were written.");
    Ok(ExitCode::from(u8::from(!left_out.is_empty())))
}

enum Writer {
    Jsonl(Box<dyn Write>),
    Csv(Box<csv::Writer<Box<dyn Write>>>),
}

impl Writer {
    fn new(out: Box<dyn Write>, format: Format) -> io::Result<Self> {
        match format {
            Format::Jsonl => Ok(Self::Jsonl(out)),
            Format::Csv => {
                let mut out = csv::Writer::from_writer(out);
                out.write_record(COLUMNS)?;
                Ok(Self::Csv(Box::new(out)))
            }
        }
    }

    /// Whether the format can hold it.
    fn write(&mut self, key: &KnownKey) -> io::Result<bool> {
        match self {
            Self::Jsonl(out) => {
                serde_json::to_writer(&mut *out, key)?;
                out.write_all(b"\n")?;
                Ok(true)
            }
            Self::Csv(out) => match to_columns(key) {
                Some(columns) => out.write_record(columns).map(|()| true).map_err(Into::into),
                None => Ok(false),
            },
        }
    }

    fn close(self) -> io::Result<()> {
        match self {
            Self::Jsonl(mut out) => out.flush(),
            Self::Csv(mut out) => out.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &'static str, format: Format) -> Vec<(u64, bool)> {
        let now = Wall::from_unix_secs(1_795_000_000);
        lines(Box::new(text.as_bytes()), format, now)
            .map(|numbered| {
                numbered
                    .map(|(at, line)| (at, line.is_ok()))
                    .unwrap_or((0, false))
            })
            .collect()
    }

    #[test]
    fn lines_keep_their_numbers_whatever_stands_between() {
        let text = "{\"consumer\":\"a\"}\n\nnonsense\n{\"consumer\":\"b\",\"colour\":1}\n";
        assert_eq!(
            read(text, Format::Jsonl),
            [(1, true), (3, false), (4, false)]
        );
        let text = "consumer,expires\na,1d\n\n\"b\nc\",tomorrow\nd\ne,\n";
        assert_eq!(
            read(text, Format::Csv),
            [(2, true), (4, false), (6, false), (7, true)]
        );
        assert_eq!(read("consumer,colour\na,b\n", Format::Csv), [(0, false)]);
    }
}
