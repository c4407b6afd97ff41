//! What a run looked like, for people and their tools.
//!
//! All of it is drawn from a [`Recording`] and nothing else: a page that needs no network, plots
//! for a post-mortem, JSON, and OpenMetrics text with which a Prometheus can be filled, so that
//! the dashboards of a real world show a simulated one.

mod chart;
mod land;
mod metrics;
mod page;
mod plots;

use crate::figures::Figures;
use crate::recording::Recording;
use crate::{Finding, Outcome};

/// A picture, and what to call it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plot {
    /// A name for its file, such as `requests`.
    pub name: &'static str,
    /// What it shows.
    pub title: &'static str,
    /// The picture.
    pub svg: String,
}

/// The plots of a run, each a whole SVG.
#[must_use]
pub fn plots(recording: &Recording) -> Vec<Plot> {
    plots::all(recording)
}

/// The whole run on one page of HTML. `again` is the command that repeats it.
#[must_use]
pub fn html(recording: &Recording, outcome: &Outcome, again: &str) -> String {
    page::html(recording, outcome, again)
}

/// The run as OpenMetrics text with times, as `promtool tsdb create-blocks-from openmetrics` takes
/// it. The names are those of a real world.
#[must_use]
pub fn open_metrics(recording: &Recording) -> String {
    metrics::text(recording)
}

/// The run as JSON: the recording, and what was found.
///
/// # Errors
/// None that is known: there is no key that is not text.
pub fn json(recording: &Recording, outcome: &Outcome) -> Result<String, serde_json::Error> {
    let findings: Vec<String> = outcome.broken.iter().map(Finding::to_string).collect();
    let whole = serde_json::json!({
        "holds": outcome.broken.is_empty(),
        "trace": format!("{:016x}", outcome.trace),
        "broken": findings,
        "figures": Figures::of(recording, outcome),
        "recording": recording,
    });
    serde_json::to_string_pretty(&whole)
}

#[cfg(test)]
mod tests;
