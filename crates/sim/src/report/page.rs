//! The page: one file, no network, a slider through time.

use super::chart::text;
use super::{Plot, land, plots};
use crate::Outcome;
use crate::recording::Recording;

const STYLE: &str = include_str!("page/page.css");
const SCRIPT: &str = include_str!("page/page.js");

pub(super) fn html(recording: &Recording, outcome: &Outcome, again: &str) -> String {
    let title = text(&recording.plan);
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width,initial-scale=1\"><title>{title}: a simulation of Tidegate</title>\n\
         <style>{STYLE}</style></head>\n<body>\n<header><h1>{title}</h1>{verdict}</header>\n{about}\
         <p class=\"again\">Repeat it: <code>{again}</code> <span>trace {trace:016x}</span></p>\n\
         {figures}{stage}{plots}<script type=\"application/json\" id=\"recording\">{data}</script>\n\
         <script>{SCRIPT}</script>\n</body></html>\n",
        verdict = verdict(outcome),
        about = about(recording),
        again = text(again),
        trace = outcome.trace,
        figures = figures(outcome),
        stage = stage(recording),
        plots = figure_list(&plots::all(recording)),
        data = data(recording),
    )
}

fn verdict(outcome: &Outcome) -> String {
    if outcome.broken.is_empty() {
        return "<p class=\"verdict holds\">All that was expected holds</p>".to_owned();
    }
    let items: String = outcome
        .broken
        .iter()
        .map(|finding| format!("<li>{}</li>", text(&finding.to_string())))
        .collect();
    format!(
        "<div class=\"verdict broken\"><p>{} expectations broken</p><ul>{items}</ul></div>",
        outcome.broken.len()
    )
}

fn about(recording: &Recording) -> String {
    let paragraphs = recording.about.trim().split("\n\n");
    paragraphs
        .map(|paragraph| format!("<p class=\"about\">{}</p>\n", text(paragraph)))
        .collect()
}

fn figures(outcome: &Outcome) -> String {
    let (over, under) = outcome.over_under;
    let (answered, failed) = outcome.requests;
    let all = [
        ("requests answered", answered.to_string()),
        ("failed", failed.to_string()),
        ("over, worst window", format!("{:.2} %", over * 100.0)),
        ("under, worst window", format!("{:.2} %", under * 100.0)),
        ("refused wrongly", outcome.false_refusals.to_string()),
        (
            "longest outage",
            format!("{} ms", outcome.outage.as_millis()),
        ),
    ];
    let items: String = all
        .iter()
        .map(|(name, value)| format!("<div><dt>{name}</dt><dd>{value}</dd></div>"))
        .collect();
    format!("<dl class=\"figures\">{items}</dl>\n")
}

/// The map, the slider, and what is at the chosen moment. The script fills it in.
fn stage(recording: &Recording) -> String {
    let last = recording.steps.len().saturating_sub(1);
    format!(
        "<section class=\"stage\" aria-label=\"The world at a moment\">\n\
         <div class=\"time\"><button id=\"play\" type=\"button\" aria-pressed=\"false\">Play</button>\
         <input id=\"at\" type=\"range\" min=\"0\" max=\"{last}\" value=\"0\" aria-label=\"Moment of the run\">\
         <output id=\"clock\" for=\"at\">0:00</output></div>\n\
         <div class=\"world\"><svg id=\"map\" viewBox=\"0 0 {w} {h}\" role=\"img\" aria-label=\"Map of regions\">\
         <path class=\"land\" d=\"{land}\"/><g id=\"ways\"></g><g id=\"places\"></g></svg>\n\
         <aside><h2>What happens</h2><ol id=\"events\"></ol></aside></div>\n\
         <div class=\"tables\"><table id=\"regions\"><caption>Regions at this moment</caption></table>\
         <table id=\"nodes\"><caption>Nodes, and what each believes</caption></table></div></section>\n",
        w = land::WIDTH,
        h = land::HEIGHT,
        land = land::path(),
    )
}

fn figure_list(plots: &[Plot]) -> String {
    let figure = |plot: &Plot| format!("<figure id=\"plot-{}\">{}</figure>\n", plot.name, plot.svg);
    let all: String = plots.iter().map(figure).collect();
    format!("<section class=\"plots\" aria-label=\"Over the whole run\">{all}</section>\n")
}

/// The recording, and where its regions are on the map, as JSON that may stand in HTML.
fn data(recording: &Recording) -> String {
    let points: Vec<(f64, f64)> = recording
        .regions
        .iter()
        .map(|place| land::point(place.latitude, place.longitude))
        .collect();
    let sentences: Vec<String> = recording.events.iter().map(plots::sentence).collect();
    let whole = serde_json::json!({ "points": points, "sentences": sentences, "run": recording });
    whole.to_string().replace('<', "\\u003c")
}
