//! An SVG with a layout of our own: a column for each step of a request, lines as gentle curves.
//!
//! It needs nothing but a browser, and follows its light or dark look.

use std::fmt::Write;

use super::drawing::{Drawing, Health, Kind, Line};

const STRING: &str = "a String takes all that is written to it";
const COLUMNS: usize = 6;
/// Between columns, between boxes, around all of it.
const GAP_X: f64 = 108.0;
const GAP_Y: f64 = 26.0;
const MARGIN: f64 = 28.0;
const TOP: f64 = 64.0;
const LINE: f64 = 17.0;
/// About how wide a letter is.
const LETTER: f64 = 7.1;

/// Where a box is.
#[derive(Clone, Copy, Default)]
struct Area {
    x: f64,
    y: f64,
    width: f64,
    height: f64,
}

// Plain colours and no variables: viewers that are no browsers know nothing of those.
const STYLE: &str = "\
svg { background: #f4f6f8 }
text { font: 12px system-ui, 'DejaVu Sans', sans-serif; fill: #576574 }
.name { font-weight: 600; fill: #16202b; font-size: 13px } .title { font-size: 15px; font-weight: 600; fill: #16202b }
.label { font-size: 11px; paint-order: stroke; stroke: #f4f6f8; stroke-width: 4px }
.box { fill: #fff; stroke: #8c99a6 }
.flow { fill: none; stroke: #8c99a6; stroke-width: 1.5 }
.event { fill: none; stroke: #7a3fb8; stroke-width: 1.5; stroke-dasharray: 5 4 }
.well { stroke: #0a7d4f } .ill { stroke: #c02b2b; stroke-width: 2.5 }
.tip { fill: #8c99a6 } .event-tip { fill: #7a3fb8 }
@media (prefers-color-scheme: dark) {
svg { background: #0f151c } text { fill: #9aa9b8 } .name, .title { fill: #e6ecf2 } .label { stroke: #0f151c }
.box { fill: #18212b; stroke: #66788a } .flow { stroke: #66788a } .event { stroke: #c49bff }
.well { stroke: #3ecf8e } .ill { stroke: #ff7b72 } .tip { fill: #66788a } .event-tip { fill: #c49bff }
}
";

pub(super) fn text(drawing: &Drawing) -> String {
    let (areas, width, height) = layout(drawing);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" \
         height=\"{height:.0}\" role=\"img\" aria-label=\"{}\">\n<style>\n{STYLE}</style>\n",
        escaped(&drawing.title)
    );
    for (id, class) in [("tip", "tip"), ("event-tip", "event-tip")] {
        writeln!(
            out,
            "<marker id=\"{id}\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" \
             markerUnits=\"userSpaceOnUse\" orient=\"auto-start-reverse\"><path class=\"{class}\" d=\"M0 0l8 4l-8 4z\"/></marker>"
        )
        .expect(STRING);
    }
    writeln!(
        out,
        "<text class=\"title\" x=\"{MARGIN}\" y=\"26\">{}</text>",
        escaped(&drawing.title)
    )
    .expect(STRING);
    out.push_str(&legend());
    for line in &drawing.lines {
        draw_line(&mut out, drawing, line, &areas);
    }
    for (it, area) in drawing.boxes.iter().zip(&areas) {
        draw_box(&mut out, it, *area);
    }
    out.push_str("</svg>\n");
    out
}

fn legend() -> String {
    let (a, b) = (MARGIN, MARGIN + 210.0);
    format!(
        "<path class=\"flow\" d=\"M{a} 44h34\" marker-end=\"url(#tip)\"/><text x=\"{}\" y=\"48\">a request waits for it</text>\n\
         <path class=\"event\" d=\"M{b} 44h34\" marker-end=\"url(#event-tip)\"/><text x=\"{}\" y=\"48\">told, nobody waits</text>\n",
        a + 42.0,
        b + 42.0
    )
}

/// Each box's place, and the size of all.
fn layout(drawing: &Drawing) -> (Vec<Area>, f64, f64) {
    let size = |texts: &[String]| {
        let longest = texts
            .iter()
            .map(|text| text.chars().count())
            .max()
            .unwrap_or(1);
        (
            longest as f64 * LETTER + 24.0,
            texts.len() as f64 * LINE + 14.0,
        )
    };
    let mut areas = vec![Area::default(); drawing.boxes.len()];
    let mut heights = [0.0_f64; COLUMNS];
    let mut widths = [0.0_f64; COLUMNS];
    for (area, it) in areas.iter_mut().zip(&drawing.boxes) {
        (area.width, area.height) = size(&it.texts);
        let column = it.kind.column();
        heights[column] += area.height + gap(it.kind);
        widths[column] = widths[column].max(area.width);
    }
    let tallest = heights.iter().copied().fold(0.0, f64::max);
    let mut x = MARGIN;
    for (column, width) in widths.iter().enumerate() {
        let mut y = TOP + (tallest - heights[column]) / 2.0 + GAP_Y / 2.0;
        // Routes above stores, whatever the order they were found in.
        let mut order: Vec<usize> = (0..areas.len()).collect();
        order.retain(|at| drawing.boxes[*at].kind.column() == column);
        order.sort_by_key(|at| drawing.boxes[*at].kind);
        for at in order {
            areas[at].x = x + (width - areas[at].width) / 2.0;
            areas[at].y = y;
            y += areas[at].height + gap(drawing.boxes[at].kind);
        }
        if *width > 0.0 {
            let words = column == Kind::Region.column();
            x += width + if words { GAP_X * 1.7 } else { GAP_X };
        }
    }
    (areas, x - GAP_X + MARGIN, TOP + tallest + MARGIN)
}

/// Regions tell each other something: their lines need room for words.
const fn gap(kind: Kind) -> f64 {
    match kind {
        Kind::Region => GAP_Y * 2.2,
        _ => GAP_Y,
    }
}

fn draw_box(out: &mut String, it: &super::drawing::Box, area: Area) {
    let Area {
        x,
        y,
        width,
        height,
    } = area;
    let round = match it.kind {
        Kind::Clients | Kind::Steering => height / 2.0,
        Kind::Store => 2.0,
        Kind::Region | Kind::Phase | Kind::Route | Kind::Service => 7.0,
    };
    let class = health(it.health);
    writeln!(
        out,
        "<rect class=\"box {class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"{round:.1}\"/>"
    )
    .expect(STRING);
    let middle = x + width / 2.0;
    for (row, text) in it.texts.iter().enumerate() {
        let class = if row == 0 { " class=\"name\"" } else { "" };
        let y = y + 20.0 + row as f64 * LINE;
        let text = escaped(text);
        writeln!(
            out,
            "<text{class} x=\"{middle:.1}\" y=\"{y:.1}\" text-anchor=\"middle\">{text}</text>"
        )
        .expect(STRING);
    }
}

fn draw_line(out: &mut String, drawing: &Drawing, line: &Line, areas: &[Area]) {
    let (a, b) = (areas[line.from], areas[line.to]);
    let (from, to) = (drawing.boxes[line.from].kind, drawing.boxes[line.to].kind);
    let (path, at) = match (from.column() == to.column(), line.event) {
        // From one phase to the next: straight down.
        (true, false) => {
            let x = a.x + a.width / 2.0;
            let (y, end) = (a.y + a.height, b.y);
            (
                format!("M{x:.1} {y:.1}V{end:.1}"),
                (x, f64::midpoint(y, end)),
            )
        }
        // Between regions: a bow on the right side, wider the farther they are.
        (true, true) => {
            let x = (a.x + a.width).max(b.x + b.width);
            // Below where requests go out, so that both can be told apart.
            let (y, end) = (a.y + a.height * 0.75, b.y + b.height * 0.75);
            let bend = 14.0 + (end - y).abs() * 0.3;
            let path = format!(
                "M{:.1} {y:.1}C{:.1} {y:.1} {:.1} {end:.1} {:.1} {end:.1}",
                a.x + a.width,
                x + bend,
                x + bend,
                b.x + b.width
            );
            (path, (x + bend * 0.75, f64::midpoint(y, end)))
        }
        (false, _) => {
            let forward = from.column() < to.column();
            let (start, end) = match forward {
                true => (a.x + a.width, b.x),
                false => (a.x, b.x + b.width),
            };
            // What flows back runs beside what flows forth.
            let shift = if forward { 0.0 } else { 12.0 };
            let (y, last) = (a.y + a.height / 2.0 + shift, b.y + b.height / 2.0 + shift);
            let half = f64::midpoint(start, end);
            let path = format!(
                "M{start:.1} {y:.1}C{half:.1} {y:.1} {half:.1} {last:.1} {end:.1} {last:.1}"
            );
            // Words stand nearer to where the line ends, where lines of one box are apart.
            let near = (start + (end - start) * 0.68, y + (last - y) * 0.78);
            (path, near)
        }
    };
    let (class, tip) = match line.event {
        true => ("event", "event-tip"),
        false => ("flow", "tip"),
    };
    let both = match from == Kind::Region && to == Kind::Region {
        true => format!(" marker-start=\"url(#{tip})\""),
        false => String::new(),
    };
    let state = health(line.health);
    writeln!(
        out,
        "<path class=\"{class} {state}\" d=\"{path}\" marker-end=\"url(#{tip})\"{both}/>"
    )
    .expect(STRING);
    if !line.label.is_empty() {
        let (x, y) = at;
        let label = escaped(&line.label);
        writeln!(
            out,
            "<text class=\"label\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{label}</text>",
            y - 4.0
        )
        .expect(STRING);
    }
}

const fn health(health: Health) -> &'static str {
    match health {
        Health::Unknown => "",
        Health::Well => "well",
        Health::Ill => "ill",
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
