//! Mermaid's flowchart: what many places that show Markdown draw by themselves.

use std::fmt::Write;

use super::drawing::{Drawing, Health, Kind};

const STRING: &str = "a String takes all that is written to it";

pub(super) fn text(drawing: &Drawing) -> String {
    let mut out = format!("---\ntitle: {}\n---\nflowchart LR\n", drawing.title);
    for (at, it) in drawing.boxes.iter().enumerate() {
        let label = it
            .texts
            .iter()
            .map(|text| quoted(text))
            .collect::<Vec<_>>()
            .join("<br>");
        let (open, close) = match it.kind {
            Kind::Store => ("[(", ")]"),
            Kind::Clients => ("([", "])"),
            Kind::Steering => ("{{", "}}"),
            Kind::Region | Kind::Phase | Kind::Route | Kind::Service => ("[", "]"),
        };
        writeln!(out, "  n{at}{open}\"{label}\"{close}").expect(STRING);
    }
    for line in &drawing.lines {
        let arrow = match line.event {
            true => "-.->",
            false => "-->",
        };
        let label = match line.label.is_empty() {
            true => String::new(),
            false => format!("|\"{}\"|", quoted(&line.label)),
        };
        writeln!(out, "  n{} {arrow}{label} n{}", line.from, line.to).expect(STRING);
    }
    for (health, style) in [
        (Health::Well, "stroke:#0a7d4f"),
        (Health::Ill, "stroke:#c02b2b,stroke-width:3px"),
    ] {
        let all = drawing
            .boxes
            .iter()
            .enumerate()
            .filter(|(_, it)| it.health == health);
        for (at, _) in all {
            writeln!(out, "  style n{at} {style}").expect(STRING);
        }
        let all = drawing
            .lines
            .iter()
            .enumerate()
            .filter(|(_, line)| line.health == health);
        for (at, _) in all {
            writeln!(out, "  linkStyle {at} {style}").expect(STRING);
        }
    }
    out
}

fn quoted(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('"', "&quot;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
