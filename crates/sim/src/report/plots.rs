//! What a run looked like, one picture a question.

use super::Plot;
use super::chart::{Chart, clock, colour};
use crate::recording::{Event, EventKind, Recording, RegionStep, Window};

/// Rows that one picture holds: whoever has more nodes sees the first.
const ROWS_MAX: usize = 60;
/// Limits and keys that one picture holds, those with the most demand.
const KEYS_MAX: usize = 4;
const HEIGHT: f64 = 190.0;

pub(super) fn all(recording: &Recording) -> Vec<Plot> {
    let plot = |name, title, svg| Plot { name, title, svg };
    let mut plots = vec![
        plot("requests", "What became of requests", requests(recording)),
        plot("served", "Which region served them", served(recording)),
        plot("announced", "Who is announced", announced(recording)),
        plot("limits", "Admitted against allowed", limits(recording)),
        plot("heard", "How old word from elsewhere is", heard(recording)),
        plot("nodes", "Nodes, and what they believe", nodes(recording)),
    ];
    if recording
        .steps
        .iter()
        .any(|step| step.regions.iter().any(|r| r.busy > 0))
    {
        plots.insert(3, plot("busy", "How busy regions are", busy(recording)));
    }
    plots
}

fn end(recording: &Recording) -> u64 {
    recording.step_ms * recording.steps.len() as u64
}

/// Faults and their ends, upright through a picture.
fn marks(chart: &mut Chart, recording: &Recording) {
    for event in &recording.events {
        let class = match event.kind {
            EventKind::Fault | EventKind::Broken => "mark",
            EventKind::Mended => "mended",
            EventKind::Route | EventKind::Order => continue,
        };
        chart.mark(class, event.at_ms, &sentence(event));
    }
}

pub(super) fn sentence(event: &Event) -> String {
    let at = clock(event.at_ms as f64);
    match event.place.is_empty() {
        true => format!("{at} {}", event.what),
        // A fault names its place once more.
        false => {
            let what = event.what.strip_suffix(&event.place).unwrap_or(&event.what);
            let what = what.trim_end_matches(": ").replace('_', " ");
            format!("{at} {}: {what}", event.place)
        }
    }
}

/// How many a second, of what `count` picks out of each step, all regions together.
fn rates(recording: &Recording, count: impl Fn(&RegionStep) -> u64) -> Vec<f64> {
    let per_second = 1_000.0 / recording.step_ms.max(1) as f64;
    let sum = |regions: &[RegionStep]| regions.iter().map(&count).sum::<u64>() as f64;
    let steps = recording.steps.iter();
    steps.map(|step| sum(&step.regions) * per_second).collect()
}

/// Values of steps as points in the middle of each.
fn points(recording: &Recording, values: &[f64]) -> Vec<(u64, f64)> {
    let at = |i: usize| recording.step_ms * i as u64 + recording.step_ms / 2;
    (0..).map(at).zip(values.iter().copied()).collect()
}

/// How it looks, what it is called, and what is counted.
type Kind = (&'static str, &'static str, fn(&RegionStep) -> u64);

fn requests(recording: &Recording) -> String {
    let kinds: [Kind; 4] = [
        ("good", "good", |r| r.good),
        ("limited", "limited (429)", |r| r.limited),
        ("refused", "refused otherwise", |r| r.refused),
        ("failed", "failed", |r| r.failed),
    ];
    let series: Vec<Vec<f64>> = kinds
        .iter()
        .map(|(.., count)| rates(recording, count))
        .collect();
    stacked(
        "Requests a second, by what became of them",
        recording,
        &series,
        &kinds.map(|(class, name, _)| (class.to_owned(), name.to_owned())),
    )
}

fn served(recording: &Recording) -> String {
    let per_second = 1_000.0 / recording.step_ms.max(1) as f64;
    let of = |region: usize| {
        let steps = recording.steps.iter();
        let count = steps.map(|step| {
            let flows = step.flows.iter().filter_map(|to| to.get(region));
            flows.sum::<u64>() as f64 * per_second
        });
        count.collect::<Vec<f64>>()
    };
    let series: Vec<Vec<f64>> = (0..recording.regions.len()).map(of).collect();
    let names: Vec<(String, String)> = (recording.regions.iter().enumerate())
        .map(|(i, place)| (colour(i), place.name.clone()))
        .collect();
    stacked(
        "Requests a second, by the region that took them",
        recording,
        &series,
        &names,
    )
}

/// Areas on top of each other.
fn stacked(
    title: &str,
    recording: &Recording,
    series: &[Vec<f64>],
    names: &[(String, String)],
) -> String {
    let steps = recording.steps.len();
    let total = |i: usize| series.iter().map(|values| values[i]).sum::<f64>();
    let most = (0..steps).map(total).fold(0.0, f64::max);
    let mut chart = Chart::new(title, HEIGHT, end(recording), most, "/s");
    let mut low = vec![0.0; steps];
    for (values, (class, _)) in series.iter().zip(names) {
        let high: Vec<f64> = low.iter().zip(values).map(|(a, b)| a + b).collect();
        if values.iter().any(|value| *value > 0.0) {
            chart.area(class, &points(recording, &low), &points(recording, &high));
        }
        low = high;
    }
    marks(&mut chart, recording);
    let legend: Vec<(&str, &str)> = names
        .iter()
        .map(|(a, b)| (a.as_str(), b.as_str()))
        .collect();
    chart.legend(&legend);
    chart.finish()
}

/// Rows of blocks: one block for as long as `state` stays the same.
fn blocks(
    chart: &mut Chart,
    row: usize,
    recording: &Recording,
    state: impl Fn(usize) -> (&'static str, String),
) {
    let step = recording.step_ms;
    let mut from = 0;
    let mut shown = match recording.steps.is_empty() {
        true => return,
        false => state(0),
    };
    for i in 1..=recording.steps.len() {
        let next = (i < recording.steps.len()).then(|| state(i));
        if next.as_ref() != Some(&shown) {
            chart.block(shown.0, row, from * step, i as u64 * step, &shown.1);
            from = i as u64;
            if let Some(next) = next {
                shown = next;
            }
        }
    }
}

fn announced(recording: &Recording) -> String {
    let names: Vec<&str> = recording
        .regions
        .iter()
        .map(|place| place.name.as_str())
        .collect();
    let title = "Regions: announced (green), without a node on the air (red)";
    let mut chart = Chart::rows(title, &names, end(recording));
    for (row, name) in names.iter().enumerate() {
        let all = recording
            .nodes
            .iter()
            .filter(|node| node.region == row)
            .count();
        blocks(&mut chart, row, recording, |i| {
            let step = &recording.steps[i].regions[row];
            let note = format!("{}: {} of {all} nodes announced", name, step.announced);
            (
                if step.announced == 0 {
                    "failed"
                } else {
                    "good"
                },
                note,
            )
        });
    }
    marks(&mut chart, recording);
    chart.finish()
}

fn busy(recording: &Recording) -> String {
    let of = |region: usize| {
        let steps = recording.steps.iter();
        steps
            .map(|step| step.regions[region].busy as f64 / 10.0)
            .collect::<Vec<f64>>()
    };
    let series: Vec<Vec<f64>> = (0..recording.regions.len()).map(of).collect();
    let most = series.iter().flatten().copied().fold(100.0, f64::max);
    let mut chart = Chart::new(
        "How busy each region is",
        HEIGHT,
        end(recording),
        most,
        " %",
    );
    let names: Vec<(String, &str)> = (recording.regions.iter().enumerate())
        .map(|(i, place)| (colour(i), place.name.as_str()))
        .collect();
    for (values, (class, _)) in series.iter().zip(&names) {
        let points = points(recording, values);
        let points: Vec<_> = points
            .into_iter()
            .map(|(ms, value)| (ms, Some(value)))
            .collect();
        chart.line(class, &points);
    }
    marks(&mut chart, recording);
    let legend: Vec<(&str, &str)> = names.iter().map(|(a, b)| (a.as_str(), *b)).collect();
    chart.legend(&legend);
    chart.finish()
}

/// Windows of the limits and keys with the most demand, as parts of what is allowed.
fn limits(recording: &Recording) -> String {
    let mut asked: std::collections::BTreeMap<(&str, &str), u64> =
        std::collections::BTreeMap::new();
    for window in &recording.windows {
        *asked.entry((&window.limit, &window.key)).or_default() += window.offered;
    }
    let mut keys: Vec<_> = asked.into_iter().collect();
    keys.sort_by_key(|(key, offered)| (std::cmp::Reverse(*offered), *key));
    keys.truncate(KEYS_MAX);
    let shown = |window: &&Window| {
        keys.iter()
            .any(|(key, _)| *key == (window.limit.as_str(), window.key.as_str()))
    };
    let windows: Vec<&Window> = recording.windows.iter().filter(shown).collect();
    let part = |window: &Window, n: f64| 100.0 * n / window.allowed.max(1) as f64;
    let most = windows
        .iter()
        .map(|w| part(w, w.admitted as f64))
        .fold(110.0, f64::max);
    let title = "Admitted, as a part of what each limit allows in its window; the error to expect as a band";
    let mut chart = Chart::new(title, HEIGHT, end(recording), most, " %");
    let mut names = Vec::new();
    for (i, ((limit, key), _)) in keys.iter().enumerate() {
        let of_key: Vec<&&Window> = windows
            .iter()
            .filter(|w| w.limit == *limit && w.key == *key)
            .collect();
        if i == 0 {
            let band = |sign: f64| {
                let edges = of_key.iter().flat_map(|w| {
                    let value = 100.0 + sign * part(w, w.expected_error);
                    [(w.from_ms, value), (w.from_ms + w.length_ms, value)]
                });
                edges.collect::<Vec<_>>()
            };
            chart.area("band", &band(-1.0), &band(1.0));
        }
        let steps = of_key.iter().flat_map(|w| {
            let value = Some(part(w, w.admitted as f64));
            [(w.from_ms, value), (w.from_ms + w.length_ms, value)]
        });
        let class = colour(i);
        chart.line(&class, &steps.collect::<Vec<_>>());
        names.push((class, (*key).to_owned()));
    }
    marks(&mut chart, recording);
    let legend: Vec<(&str, &str)> = names
        .iter()
        .map(|(a, b)| (a.as_str(), b.as_str()))
        .collect();
    chart.legend(&legend);
    chart.finish()
}

/// The oldest word that any region waits for, of each other region.
fn heard(recording: &Recording) -> String {
    let of = |region: usize| {
        let steps = recording.steps.iter().enumerate();
        let points = steps.map(|(i, step)| {
            let others = step
                .heard_ms
                .iter()
                .enumerate()
                .filter(|(by, _)| *by != region);
            let ages = others.filter_map(|(_, heard)| heard.get(region).copied().flatten());
            let at = recording.step_ms * i as u64 + recording.step_ms / 2;
            (at, ages.max().map(|ms| ms as f64 / 1_000.0))
        });
        points.collect::<Vec<_>>()
    };
    let series: Vec<Vec<(u64, Option<f64>)>> = (0..recording.regions.len()).map(of).collect();
    let most = series
        .iter()
        .flatten()
        .filter_map(|(_, value)| *value)
        .fold(1.0, f64::max);
    let title = "Age of the youngest word from each region, where it is oldest";
    let mut chart = Chart::new(title, HEIGHT, end(recording), most, " s");
    let names: Vec<(String, &str)> = (recording.regions.iter().enumerate())
        .map(|(i, place)| (colour(i), place.name.as_str()))
        .collect();
    for (points, (class, _)) in series.iter().zip(&names) {
        chart.line(class, points);
    }
    marks(&mut chart, recording);
    let legend: Vec<(&str, &str)> = names.iter().map(|(a, b)| (a.as_str(), *b)).collect();
    chart.legend(&legend);
    chart.finish()
}

fn nodes(recording: &Recording) -> String {
    let names: Vec<&str> = recording
        .nodes
        .iter()
        .map(|node| node.name.as_str())
        .take(ROWS_MAX)
        .collect();
    let all = recording.nodes.len() as u64;
    let title = "Nodes: announced (green), withdrawn (violet), misses members (yellow), dead (red)";
    let mut chart = Chart::rows(title, &names, end(recording));
    for (row, name) in names.iter().enumerate() {
        blocks(&mut chart, row, recording, |i| {
            let node = &recording.steps[i].nodes[row];
            let living = recording.steps[i].nodes.iter().filter(|n| n.alive).count() as u64;
            let class = match (node.alive, node.announced) {
                (false, _) => "failed",
                (true, false) => "refused",
                (true, true) if node.members < living => "limited",
                (true, true) => "good",
            };
            let why = if node.reason.is_empty() { "" } else { ": " };
            (
                class,
                format!(
                    "{}, sees {} of {all} nodes{why}{}",
                    name, node.members, node.reason
                ),
            )
        });
    }
    marks(&mut chart, recording);
    chart.finish()
}
