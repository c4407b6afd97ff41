use std::path::Path;

use super::*;
use crate::cli::graph::{dot, mermaid, svg};
use crate::files::load_folder;

fn drawing() -> Drawing {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../regions");
    let (loaded, _) = load_folder(&folder)
        .map_err(|refused| refused.text(false))
        .unwrap();
    Drawing::of(&Topology::of(&loaded), None)
}

#[test]
fn everything_that_the_configuration_names_is_drawn() {
    let drawing = drawing();
    let names: Vec<&str> = drawing
        .boxes
        .iter()
        .map(|it| it.texts[0].as_str())
        .collect();
    for name in [
        "clients",
        "anycast by director",
        "us-east-1",
        "eu-west-1",
        "ap-southeast-1",
        "arrive",
        "admit",
        "keys",
        "hello",
        "open",
        "echo",
    ] {
        assert!(names.contains(&name), "{name}: {names:?}");
    }
    let lines = |from: Kind, to: Kind, event: bool| {
        let lines = drawing.lines.iter().filter(|line| {
            let ends = (drawing.boxes[line.from].kind, drawing.boxes[line.to].kind);
            ends == (from, to) && line.event == event
        });
        lines.count()
    };
    assert_eq!(
        lines(Kind::Region, Kind::Region, true),
        3,
        "each pair of regions once"
    );
    assert_eq!(lines(Kind::Steering, Kind::Region, false), 3);
    assert_eq!(lines(Kind::Route, Kind::Service, false), 3);
    assert_eq!(lines(Kind::Phase, Kind::Phase, false), 4);
}

#[test]
fn all_formats_hold_all_boxes_and_tell_events_apart() {
    let drawing = drawing();
    let (lines, events) = (
        drawing.lines.len(),
        drawing.lines.iter().filter(|line| line.event).count(),
    );
    let mermaid = mermaid::text(&drawing);
    assert_eq!(mermaid.matches("-->").count(), lines - events);
    assert_eq!(mermaid.matches("-.->").count(), events);
    let dot = dot::text(&drawing);
    assert_eq!(dot.matches(" -> ").count(), lines);
    assert_eq!(dot.matches("style=dashed").count(), events);
    let svg = svg::text(&drawing);
    assert_eq!(
        svg.matches("<rect class=\"box").count(),
        drawing.boxes.len()
    );
    // The legend has one of each.
    assert_eq!(svg.matches("<path class=\"event").count(), events + 2);
}
