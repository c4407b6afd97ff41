//! The table of `cargo xtask accuracy`: how far off each counter is, workload by workload.
//!
//! `accuracy short|long SEEDS [WORD]...`: rows whose names have all words. Exit code 1 if a bound
//! is broken, 2 if it was called wrongly.

use std::io::{IsTerminal, Write as _};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use tidegate_model::Seed;
use tidegate_sim::accuracy::{
    Bounds, COUNTERS, Counter, Expected, STRICT, Summary, Waits, Workload, measure, workloads,
};

const NOTE: &str = "\
Three regions of ten nodes, 40, 75 and 110 ms apart; windows of SEEDS seeds, without the first two.
over, max: admitted beyond what is right, in % of the limit, on average and in the worst window.
under: admitted short of it, in %. wrong: refused in windows in which nobody had to be. Right is what
one counter admits that knows every request at once. naive: a G-counter, told on the same ways.
sketch: what the design's sketch of the rule admitted beyond the limit.";

const NOTE_STRICT: &str = "\
mode: strict. over: beyond the limit; none is allowed. wait: how long admitted requests waited for rights,
in ms: on average, and the longest.";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (form, seeds, only) = match &args[..] {
        [form, seeds, only @ ..] => (form.as_str(), seeds.parse().unwrap_or(0), only),
        _ => ("", 0, &[][..]),
    };
    let form = ["short", "long"].iter().position(|known| *known == form);
    let (Some(form), 1_u64..) = (form, seeds) else {
        eprintln!("usage: accuracy short|long SEEDS [WORD]...");
        return ExitCode::from(2);
    };
    let mut rows = workloads();
    let title = |row: &Workload| format!("{} {}", row.name, asked(row));
    rows.retain(|row| only.iter().all(|word| title(row).contains(word.as_str())));
    if rows.is_empty() {
        eprintln!("no row has all of these words: {}", only.join(" "));
        return ExitCode::from(2);
    }
    let played = play(&rows, COUNTERS, form, seeds);
    let mut broken = print(&rows, &played);
    println!("\n{}\n", NOTE.replace("SEEDS", &seeds.to_string()));
    // It holds in every run or is broken: the short form need not repeat it.
    let seeds = if form == 0 { 1 } else { seeds };
    broken.extend(print_strict(&rows, &play(&rows, &[STRICT], form, seeds)));
    println!("\n{NOTE_STRICT}");
    for complaint in &broken {
        println!("broken: {complaint}");
    }
    if broken.is_empty() {
        println!("All bounds hold that are not marked as missed.");
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// One run: a row, a counter, a seed.
struct Job {
    row: usize,
    counter: usize,
    seed: u64,
}

/// Plays all there is to play, on all cores. Returns the errors of each row and counter.
fn play(rows: &[Workload], columns: &[Counter], form: usize, seeds: u64) -> Vec<Vec<Played>> {
    let counters = 0..columns.len();
    let jobs: Vec<Job> = (0..rows.len())
        .flat_map(|row| counters.clone().map(move |counter| (row, counter)))
        .flat_map(|(row, counter)| (1..=seeds).map(move |seed| Job { row, counter, seed }))
        .collect();
    let next = AtomicUsize::new(0);
    let played = Mutex::new((0, vec![(Vec::new(), Waits::default()); jobs.len()]));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                while let Some((at, job)) = jobs
                    .iter()
                    .enumerate()
                    .nth(next.fetch_add(1, Ordering::Relaxed))
                {
                    let row = &rows[job.row];
                    let errors = measure(
                        row,
                        columns[job.counter],
                        row.judged[form],
                        Seed::new(job.seed),
                    );
                    let mut played = played.lock().expect("nobody panics with it");
                    played.0 += 1;
                    played.1[at] = errors;
                    progress(played.0, jobs.len(), row.name);
                }
            });
        }
    });
    let (_, errors) = played.into_inner().expect("all threads are done");
    let of = |row, counter| -> Played {
        let runs = jobs.iter().zip(&errors);
        let runs = runs.filter(|(job, _)| (job.row, job.counter) == (row, counter));
        let (mut all, mut waits) = (Vec::new(), Waits::default());
        for (_, (errors, waited)) in runs {
            all.extend(errors.iter().copied());
            waits.admitted += waited.admitted;
            waits.total += waited.total;
            waits.longest = waits.longest.max(waited.longest);
        }
        (Summary::of(&all), waits)
    };
    (0..rows.len())
        .map(|row| counters.clone().map(|counter| of(row, counter)).collect())
        .collect()
}

/// What became of a row with a counter.
type Played = (Summary, Waits);

/// Prints the table of strict limits. Returns which exceeded their amount.
fn print_strict(rows: &[Workload], played: &[Vec<Played>]) -> Vec<String> {
    let mut broken = Vec::new();
    println!(
        "{:NAME$}  {:ASKED$}  {:>6} {:>6} {:>6} {:>9} {:>9}",
        "workload", "asked for", "over", "under", "wrong", "wait mean", "wait max"
    );
    for (row, (summary, waits)) in rows.iter().zip(played.iter().map(|row| row[0])) {
        let asked = asked(row);
        let mean = waits.total.as_secs_f64() * 1_000.0 / waits.admitted.max(1) as f64;
        println!(
            "{:NAME$}  {asked:ASKED$}  {:>6.2} {:>6.2} {:>6} {mean:>9.2} {:>9}",
            row.name,
            summary.over_max * 100.0,
            summary.under_mean * 100.0,
            summary.refused_wrongly,
            waits.longest.as_millis(),
        );
        if summary.over_max > 0.0 {
            broken.push(format!(
                "strict, {}, {asked}: more than the limit",
                row.name
            ));
        }
    }
    broken
}

/// Says how far it is: in place on a terminal, else now and then.
fn progress(played: usize, all: usize, name: &str) {
    let mut err = std::io::stderr().lock();
    let line = format!("{played:>4} of {all} runs: {name}");
    // Whoever reads along may have gone; the work goes on.
    let _shown = if !err.is_terminal() {
        if played.is_multiple_of(all.div_ceil(8)) {
            writeln!(err, "{line}")
        } else {
            Ok(())
        }
    } else if played == all {
        write!(err, "\r{:79}\r", "")
    } else {
        write!(err, "\r{line:79.79}")
    };
}

/// Prints the table. Returns which bounds are broken.
fn print(rows: &[Workload], played: &[Vec<Played>]) -> Vec<String> {
    let mut broken = Vec::new();
    let groups: String = COUNTERS
        .iter()
        .map(|counter| format!("  {:-^1$}", format!(" {} ", counter.name()), FIGURES))
        .collect();
    println!("{:1$}{groups}", "", WORDS);
    let figures = format!("  {:>6} {:>6} {:>6} {:>5}", "over", "max", "under", "wrong");
    let heads = figures.repeat(COUNTERS.len());
    println!(
        "{:NAME$}  {:ASKED$}{heads}  expected",
        "workload", "asked for"
    );
    for (row, played) in rows.iter().zip(played) {
        let figures: String = played
            .iter()
            .map(|(summary, _)| figures_of(summary))
            .collect();
        let asked = asked(row);
        let judgement = judge(row, &played[0].0);
        let line = format!(
            "{:NAME$}  {asked:ASKED$}{figures}  {}",
            row.name, judgement.cell
        );
        println!("{}", line.trim_end());
        let title = format!("{}, {asked}", row.name);
        broken.extend(
            judgement
                .broken
                .iter()
                .map(|what| format!("{title}: {what}")),
        );
    }
    broken
}

/// Widths of the first columns, of both together, and of one counter's figures.
const NAME: usize = 33;
const ASKED: usize = 22;
const WORDS: usize = NAME + 2 + ASKED;
const FIGURES: usize = 26;

fn asked(row: &Workload) -> String {
    let window = match row.window_s {
        1 => "s".to_owned(),
        secs => format!("{secs} s"),
    };
    let sliding = match row.algorithm {
        "fixed" => "",
        _ => " sliding",
    };
    format!("{} of {}/{window}{sliding}", row.demand, row.amount)
}

fn figures_of(summary: &Summary) -> String {
    let percent = |part: f64| format!("{:.2}", part * 100.0);
    format!(
        "  {:>6} {:>6} {:>6} {:>5}",
        percent(summary.over_mean),
        percent(summary.over_max),
        percent(summary.under_mean),
        summary.refused_wrongly
    )
}

struct Judgement {
    cell: String,
    broken: Vec<String>,
}

/// Compares what was seen with what is expected.
fn judge(row: &Workload, seen: &Summary) -> Judgement {
    let mut broken = Vec::new();
    let mut cells = Vec::new();
    match row.expected {
        Expected::Bounds(bounds) => {
            for (name, bound, seen) in checks(&bounds, seen) {
                let Some(bound) = bound else { continue };
                let bound = 100.0 * bound;
                cells.push(format!("{name} {bound}"));
                if 100.0 * seen > bound {
                    broken.push(format!(
                        "{name} is {:.2} %, the bound is {bound} %",
                        100.0 * seen
                    ));
                }
            }
        }
        Expected::Sketch(over) => {
            let worse = seen.over_mean > over;
            let word = if worse { "worse" } else { "better" };
            cells.push(format!("sketch {}: {word}", 100.0 * over));
        }
    }
    if row.is_whole() && seen.refused_wrongly > 0 {
        if row.refuses_wrongly {
            cells.push("wrong 0: missed".to_owned());
        } else {
            broken.push(format!("{} refused wrongly", seen.refused_wrongly));
        }
    }
    if !broken.is_empty() {
        cells.push("BROKEN".to_owned());
    }
    Judgement {
        cell: cells.join(", "),
        broken,
    }
}

fn checks(bounds: &Bounds, seen: &Summary) -> [(&'static str, Option<f64>, f64); 3] {
    [
        ("over", bounds.over_mean, seen.over_mean),
        ("max", bounds.over_max, seen.over_max),
        ("under", bounds.under_mean, seen.under_mean),
    ]
}
