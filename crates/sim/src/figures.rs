//! A run in a handful of numbers, and two runs side by side.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Outcome;
use crate::recording::{EventKind, Recording};
use Better::{Less, More, Neither};

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
        let (good, limited, refused) = outcome.fates;
        let (over, under) = outcome.over_under;
        let routes = recording.events.iter();
        let routes = routes.filter(|event| event.kind == EventKind::Route);
        let regions = recording.steps.iter().flat_map(|step| &step.regions);
        let busiest = regions.map(|region| region.busy).max().unwrap_or(0);
        let ms = |time: Duration| time.as_millis() as f64;
        let figures = [
            ("expectations broken", outcome.broken.len() as f64, "", Less),
            ("availability", 100.0 * outcome.availability(), "%", More),
            ("requests answered well", good as f64, "", More),
            ("requests limited", limited as f64, "", Neither),
            (
                "requests refused for their key",
                refused as f64,
                "",
                Neither,
            ),
            ("requests failed", outcome.requests.1 as f64, "", Less),
            ("longest outage", ms(outcome.outage), "ms", Less),
            (
                "last failure after a fault",
                ms(outcome.last_bad),
                "ms",
                Less,
            ),
            ("over the limit, worst window", 100.0 * over, "%", Less),
            ("under the limit, worst window", 100.0 * under, "%", Less),
            ("refused wrongly", outcome.false_refusals as f64, "", Less),
            (
                "a revoked key let through",
                ms(outcome.revocation),
                "ms",
                Less,
            ),
            ("changes of routes", routes.count() as f64, "", Less),
            (
                "sessions broken by routes",
                outcome.broken_sessions as f64,
                "",
                Less,
            ),
            (
                "busiest region at its worst",
                busiest as f64 / 10.0,
                "%",
                Less,
            ),
            ("bytes between regions", outcome.bytes.0 as f64, "", Less),
            ("bytes within regions", outcome.bytes.1 as f64, "", Less),
        ];
        let figure = |(name, value, unit, better): (&str, f64, &str, Better)| Figure {
            name: name.to_owned(),
            value,
            unit: unit.to_owned(),
            better,
        };
        Self {
            plan: recording.plan.clone(),
            seed: recording.seed,
            figures: figures.into_iter().map(figure).collect(),
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
        (Neither, _) => "",
        (Less, true) | (More, false) => " better",
        (Less, false) | (More, true) => " worse",
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
            (10.0, 5.0, Less, "-50.0 % better"),
            (10.0, 15.0, Less, "+50.0 % worse"),
            (10.0, 15.0, More, "+50.0 % better"),
            (10.0, 5.0, More, "-50.0 % worse"),
            (10.0, 5.0, Neither, "-50.0 %"),
            (0.0, 5.0, Less, "from none worse"),
            (5.0, 5.0, Less, "the same"),
        ] {
            let table = compare(&figures(a, better), &figures(b, better));
            let line = table.lines().nth(1).expect("one figure");
            assert!(line.ends_with(&format!("  {told}")), "{line}");
        }
    }
}
