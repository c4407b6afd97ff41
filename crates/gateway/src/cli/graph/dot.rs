//! The language of Graphviz.

use std::fmt::Write;

use super::drawing::{Drawing, Health, Kind};

const STRING: &str = "a String takes all that is written to it";

pub(super) fn text(drawing: &Drawing) -> String {
    let mut out =
        String::from("digraph tidegate {\n  rankdir=LR; fontname=\"sans-serif\"; labelloc=t;\n");
    writeln!(out, "  label={};", quoted(&drawing.title)).expect(STRING);
    out.push_str("  node [shape=box, style=rounded, fontname=\"sans-serif\", fontsize=11];\n");
    out.push_str("  edge [fontname=\"sans-serif\", fontsize=9];\n");
    for it in &drawing.boxes {
        let shape = match it.kind {
            Kind::Store => ", shape=cylinder, style=solid",
            Kind::Clients => ", shape=oval",
            Kind::Steering => ", shape=hexagon",
            Kind::Region | Kind::Phase | Kind::Route | Kind::Service => "",
        };
        let label = quoted(&it.texts.join("\n"));
        writeln!(
            out,
            "  {} [label={label}{shape}{}];",
            quoted(&it.id),
            colour(it.health)
        )
        .expect(STRING);
    }
    for line in &drawing.lines {
        let ends = (&drawing.boxes[line.from].id, &drawing.boxes[line.to].id);
        let style = match line.event {
            true => ", style=dashed, constraint=false",
            false => "",
        };
        let label = quoted(&line.label);
        writeln!(
            out,
            "  {} -> {} [label={label}{style}{}];",
            quoted(ends.0),
            quoted(ends.1),
            colour(line.health)
        )
        .expect(STRING);
    }
    out.push_str("}\n");
    out
}

const fn colour(health: Health) -> &'static str {
    match health {
        Health::Unknown => "",
        Health::Well => ", color=\"#0a7d4f\"",
        Health::Ill => ", color=\"#c02b2b\", penwidth=2",
    }
}

fn quoted(text: &str) -> String {
    let text = text
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n");
    format!("\"{text}\"")
}
