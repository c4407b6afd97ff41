//! A run in a handful of numbers, and two runs side by side.

use serde::{Deserialize, Serialize};

use crate::Outcome;
use crate::recording::{EventKind, Recording, RegionStep};

/// A run in a handful of numbers.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Figures {
    /// What was played.
    pub plan: String,
    /// With which seed.
    pub seed: u64,
    /// The numbers, in a fixed order.
    pub figures: Vec<Figure>,
}

/// One number.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Figure {
    /// What it is.
    pub name: String,
    /// How much.
    pub value: f64,
    /// Of what: `%`, `ms` or nothing for a count.
    pub unit: String,
    /// Whether less of it is better, more of it, or neither.
    pub better: Better,
}

/// Which way is better.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// The less the better.
    Less,
    /// The more the better.
    More,
    /// It depends.
    Neither,
}

impl Figures {
    /// The numbers of a run.
    #[must_use]
    pub fn of(recording: &Recording, outcome: &Outcome) -> Self {
        let regions = || recording.steps.iter().flat_map(|step| &step.regions);
        let total = |count: fn(&RegionStep) -> u64| regions().map(count).sum::<u64>() as f64;
        let (good, limited) = (total(|r| r.good), total(|r| r.limited));
        let (refused, failed) = (total(|r| r.refused), total(|r| r.failed));
        let asked = (good + limited + refused + failed).max(1.0);
        let routes = recording.events.iter();
        let routes = routes
            .filter(|event| event.kind == EventKind::Route)
            .count();
        let busiest = regions().map(|r| r.busy).max().unwrap_or(0);
        let (over, under) = outcome.over_under;
        let figure = |name: &str, value: f64, unit: &str, better| Figure {
            name: name.to_owned(),
            value,
            unit: unit.to_owned(),
            better,
        };
        Self {
            plan: recording.plan.clone(),
            seed: recording.seed,
            figures: vec![
                figure(
                    "expectations broken",
                    outcome.broken.len() as f64,
                    "",
                    Better::Less,
                ),
                figure(
                    "availability",
                    100.0 * (asked - failed) / asked,
                    "%",
                    Better::More,
                ),
                figure("requests answered well", good, "", Better::More),
                figure("requests limited", limited, "", Better::Neither),
                figure("requests refused otherwise", refused, "", Better::Neither),
                figure("requests failed", failed, "", Better::Less),
                figure(
                    "longest outage",
                    outcome.outage.as_millis() as f64,
                    "ms",
                    Better::Less,
                ),
                figure(
                    "over the limit, worst window",
                    100.0 * over,
                    "%",
                    Better::Less,
                ),
                figure(
                    "under the limit, worst window",
                    100.0 * under,
                    "%",
                    Better::Less,
                ),
                figure(
                    "refused wrongly",
                    outcome.false_refusals as f64,
                    "",
                    Better::Less,
                ),
                figure("changes of routes", routes as f64, "", Better::Less),
                figure(
                    "sessions broken by routes",
                    total(|r| r.broken_sessions),
                    "",
                    Better::Less,
                ),
                figure(
                    "busiest region at its worst",
                    busiest as f64 / 10.0,
                    "%",
                    Better::Less,
                ),
                figure(
                    "bytes between regions",
                    outcome.bytes.0 as f64,
                    "",
                    Better::Less,
                ),
                figure(
                    "bytes within regions",
                    outcome.bytes.1 as f64,
                    "",
                    Better::Less,
                ),
            ],
        }
    }
}

/// Two runs side by side, as a table of text. A figure that one of them lacks is left out.
#[must_use]
pub fn compare(a: &Figures, b: &Figures) -> String {
    let mut text = format!("{:32}{:>16}{:>16}  {}\n", "", "A", "B", "B beside A");
    for figure in &a.figures {
        let Some(other) = b.figures.iter().find(|other| other.name == figure.name) else {
            continue;
        };
        text.push_str(&format!(
            "{:32}{:>16}{:>16}  {}\n",
            figure.name,
            shown(figure),
            shown(other),
            verdict(figure, other)
        ));
    }
    text
}

fn shown(figure: &Figure) -> String {
    let number = match figure.unit.as_str() {
        "%" => format!("{:.2}", figure.value),
        _ => format!("{:.0}", figure.value),
    };
    match figure.unit.is_empty() {
        true => number,
        false => format!("{number} {}", figure.unit),
    }
}

fn verdict(a: &Figure, b: &Figure) -> String {
    // Whatever reads the same is the same.
    if shown(a) == shown(b) {
        return "the same".to_owned();
    }
    let word = match (a.better, b.value < a.value) {
        (Better::Neither, _) => "",
        (Better::Less, true) | (Better::More, false) => " better",
        (Better::Less, false) | (Better::More, true) => " worse",
    };
    match a.value {
        0.0 => format!("from none{word}"),
        value => format!("{:+.1} %{word}", 100.0 * (b.value - value) / value.abs()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(value: f64, better: Better) -> Figures {
        Figures {
            plan: "p".to_owned(),
            seed: 1,
            figures: vec![Figure {
                name: "something".to_owned(),
                value,
                unit: String::new(),
                better,
            }],
        }
    }

    #[test]
    fn what_is_better_depends_on_what_it_is() {
        for (a, b, better, told) in [
            (10.0, 5.0, Better::Less, "-50.0 % better"),
            (10.0, 15.0, Better::Less, "+50.0 % worse"),
            (10.0, 15.0, Better::More, "+50.0 % better"),
            (10.0, 5.0, Better::More, "-50.0 % worse"),
            (10.0, 5.0, Better::Neither, "-50.0 %"),
            (0.0, 5.0, Better::Less, "from none worse"),
            (5.0, 5.0, Better::Less, "the same"),
        ] {
            let table = compare(&figures(a, better), &figures(b, better));
            let line = table.lines().nth(1).expect("one figure");
            assert!(line.ends_with(&format!("  {told}")), "{line}");
        }
    }
}
