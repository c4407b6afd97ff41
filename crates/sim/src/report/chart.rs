//! A chart over time, as SVG that stands alone: light on light pages, dark on dark ones.

pub(super) const WIDTH: f64 = 960.0;
const LEFT: f64 = 110.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 30.0;
const BOTTOM: f64 = 26.0;

/// What each kind of thing looks like, in every picture.
const STYLE: &str = "\
text{font:12px system-ui,sans-serif;fill:#444c56}.t{font-weight:600;font-size:13px;fill:#1f2328}\
.g{stroke:#d8dee4;stroke-width:1}.a{stroke:#8c959f;stroke-width:1}\
.good{fill:#2a8f83;stroke:#2a8f83}.limited{fill:#e0a526;stroke:#e0a526}.refused{fill:#7a6fd0;stroke:#7a6fd0}\
.failed{fill:#d1344b;stroke:#d1344b}.band{fill:#2a8f83;fill-opacity:.18;stroke:none}.off{fill:#d8dee4;stroke:none}\
.line{fill:none;stroke-width:1.6}.mark{stroke:#d1344b;stroke-dasharray:3 3}.mended{stroke:#2a8f83;stroke-dasharray:3 3}\
.c0{stroke:#0969da;fill:#0969da}.c1{stroke:#bc4c00;fill:#bc4c00}.c2{stroke:#1a7f37;fill:#1a7f37}\
.c3{stroke:#8250df;fill:#8250df}.c4{stroke:#bf3989;fill:#bf3989}.c5{stroke:#6e7781;fill:#6e7781}\
@media(prefers-color-scheme:dark){text{fill:#9ea7b3}.t{fill:#e6edf3}.g{stroke:#30363d}.a{stroke:#6e7681}.off{fill:#30363d}\
.c0{stroke:#58a6ff;fill:#58a6ff}.c1{stroke:#f0883e;fill:#f0883e}.c2{stroke:#3fb950;fill:#3fb950}\
.c3{stroke:#a371f7;fill:#a371f7}.c4{stroke:#db61a2;fill:#db61a2}}";
/// Kinds of lines that tell regions apart.
const COLOURS: usize = 6;

/// A chart that is being drawn.
pub(super) struct Chart {
    body: String,
    height: f64,
    end_ms: f64,
    top: f64,
}

impl Chart {
    /// A chart of a run of `end_ms`, whose values reach from 0 to `most`, in `height` pixels.
    pub(super) fn new(title: &str, height: f64, end_ms: u64, most: f64, unit: &str) -> Self {
        let top = nice(most);
        let mut chart = Self {
            body: String::new(),
            height,
            end_ms: (end_ms as f64).max(1.0),
            top,
        };
        chart.put(format_args!(
            "<text class=\"t\" x=\"{LEFT}\" y=\"18\">{}</text>",
            text(title)
        ));
        if top > 0.0 {
            chart.scale(unit);
        }
        chart.times();
        chart
    }

    /// A chart of so many rows, each with a name.
    pub(super) fn rows(title: &str, names: &[&str], end_ms: u64) -> Self {
        let mut chart = Self {
            body: String::new(),
            height: TOP + ROW * names.len() as f64 + BOTTOM,
            end_ms: (end_ms as f64).max(1.0),
            top: 0.0,
        };
        chart.put(format_args!(
            "<text class=\"t\" x=\"{LEFT}\" y=\"18\">{}</text>",
            text(title)
        ));
        for (row, name) in names.iter().enumerate() {
            // Long names keep their end: that is where they differ.
            let shown: String = match name.char_indices().rev().nth(14) {
                Some((at, _)) => format!("\u{2026}{}", &name[at..]),
                None => (*name).to_owned(),
            };
            chart.put(format_args!(
                "<text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\" font-size=\"11\">{}<title>{}</title></text>",
                LEFT - 6.0,
                TOP + ROW * row as f64 + ROW * 0.7,
                text(&shown),
                text(name)
            ));
        }
        chart.times();
        chart
    }

    fn put(&mut self, what: std::fmt::Arguments<'_>) {
        self.body.push_str(&what.to_string());
    }

    fn x(&self, ms: f64) -> f64 {
        LEFT + (WIDTH - LEFT - RIGHT) * (ms / self.end_ms).clamp(0.0, 1.0)
    }

    fn y(&self, value: f64) -> f64 {
        let part = if self.top > 0.0 {
            value / self.top
        } else {
            0.0
        };
        self.height - BOTTOM - (self.height - TOP - BOTTOM) * part.clamp(0.0, 1.0)
    }

    fn scale(&mut self, unit: &str) {
        for part in 0..=2 {
            let value = self.top * f64::from(part) / 2.0;
            let y = self.y(value);
            self.put(format_args!(
                "<path class=\"g\" d=\"M{LEFT} {y:.1}H{:.0}\"/><text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{}{}</text>",
                WIDTH - RIGHT,
                LEFT - 6.0,
                y + 4.0,
                short(value),
                if part == 2 { unit } else { "" }
            ));
        }
    }

    fn times(&mut self) {
        let step = time_step(self.end_ms);
        let mut ms = 0.0;
        while ms <= self.end_ms {
            let x = self.x(ms);
            self.put(format_args!(
                "<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                self.height - 8.0,
                clock(ms)
            ));
            ms += step;
        }
        let base = self.height - BOTTOM;
        self.put(format_args!(
            "<path class=\"a\" d=\"M{LEFT} {base:.1}H{:.0}\"/>",
            WIDTH - RIGHT
        ));
    }

    /// A filled area between two series of (time, value).
    pub(super) fn area(&mut self, class: &str, low: &[(u64, f64)], high: &[(u64, f64)]) {
        if high.is_empty() {
            return;
        }
        let mut path = String::new();
        let there = high.iter();
        let back = low.iter().rev();
        for (i, (ms, value)) in there.chain(back).enumerate() {
            let letter = if i == 0 { 'M' } else { 'L' };
            let (x, y) = (self.x(*ms as f64), self.y(*value));
            path.push_str(&format!("{letter}{x:.1} {y:.1}"));
        }
        self.put(format_args!(
            "<path class=\"{class}\" style=\"stroke:none\" d=\"{path}Z\"/>"
        ));
    }

    /// A line through points of (time, value); gaps where there is no value.
    pub(super) fn line(&mut self, class: &str, points: &[(u64, Option<f64>)]) {
        let mut path = String::new();
        let mut down = false;
        for (ms, value) in points {
            let Some(value) = value else {
                down = false;
                continue;
            };
            let letter = if down { 'L' } else { 'M' };
            let (x, y) = (self.x(*ms as f64), self.y(*value));
            path.push_str(&format!("{letter}{x:.1} {y:.1}"));
            down = true;
        }
        self.put(format_args!(
            "<path class=\"{class}\" style=\"fill:none;stroke-width:1.6\" d=\"{path}\"/>"
        ));
    }

    /// A block in a row, from one moment to another.
    pub(super) fn block(&mut self, class: &str, row: usize, from_ms: u64, to_ms: u64, note: &str) {
        let (x, right) = (self.x(from_ms as f64), self.x(to_ms as f64));
        self.put(format_args!(
            "<rect class=\"{class}\" style=\"stroke:none\" x=\"{x:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\">",
            TOP + ROW * row as f64 + 2.0,
            (right - x).max(0.6),
            ROW - 4.0,
        ));
        self.put(format_args!("<title>{}</title></rect>", text(note)));
    }

    /// An upright line at a moment.
    pub(super) fn mark(&mut self, class: &str, ms: u64, note: &str) {
        let x = self.x(ms as f64);
        self.put(format_args!(
            "<path class=\"{class}\" d=\"M{x:.1} {TOP:.0}V{:.1}\"><title>{}</title></path>",
            self.height - BOTTOM,
            text(note)
        ));
    }

    /// What the colours mean, in the upper right corner.
    pub(super) fn legend(&mut self, entries: &[(&str, &str)]) {
        let mut x = WIDTH - RIGHT;
        for (class, name) in entries.iter().rev() {
            x -= 7.0 * name.chars().count() as f64 + 22.0;
            self.put(format_args!(
                "<rect class=\"{class}\" x=\"{x:.0}\" y=\"9\" width=\"10\" height=\"10\"/><text x=\"{:.0}\" y=\"18\">{}</text>",
                x + 14.0,
                text(name)
            ));
        }
    }

    pub(super) fn finish(self) -> String {
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {h}\" width=\"{WIDTH}\" height=\"{h}\" role=\"img\" \
             data-left=\"{LEFT}\" data-right=\"{RIGHT}\"><style>{STYLE}</style>{body}</svg>\n",
            h = self.height,
            body = self.body
        )
    }
}

/// How high a row is.
const ROW: f64 = 18.0;

/// The look of the `n`th region.
pub(super) fn colour(n: usize) -> String {
    format!("c{}", n % COLOURS)
}

/// Text that may stand in SVG and HTML.
pub(super) fn text(raw: &str) -> String {
    raw.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// The next round number from `most` on.
fn nice(most: f64) -> f64 {
    if most <= 0.0 {
        return 0.0;
    }
    let mut power = 1.0;
    while power * 10.0 <= most {
        power *= 10.0;
    }
    while power > most {
        power /= 10.0;
    }
    let steps = [1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0];
    let fits = steps.into_iter().map(|step| step * power);
    fits.into_iter().find(|top| *top >= most).unwrap_or(most)
}

/// A number in few letters.
fn short(value: f64) -> String {
    if value >= 1e6 {
        format!("{}M", trim(value / 1e6))
    } else if value >= 1e3 {
        format!("{}k", trim(value / 1e3))
    } else {
        trim(value)
    }
}

fn trim(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Between two times below a chart: at most twelve of them.
fn time_step(end_ms: f64) -> f64 {
    const STEPS: [f64; 16] = [
        1e3, 2e3, 5e3, 10e3, 15e3, 30e3, 60e3, 120e3, 300e3, 600e3, 1_800e3, 3_600e3, 7_200e3,
        21_600e3, 43_200e3, 86_400e3,
    ];
    let fits = STEPS.into_iter().find(|step| end_ms / step <= 12.0);
    fits.unwrap_or_else(|| 86_400e3 * (end_ms / 86_400e3 / 12.0).ceil())
}

/// A moment of the run: minutes and seconds, or hours.
pub(super) fn clock(ms: f64) -> String {
    let secs = (ms / 1_000.0) as u64;
    match (secs / 3_600, secs % 3_600 / 60, secs % 60) {
        (0, minutes, secs) => format!("{minutes}:{secs:02}"),
        (hours, minutes, 0) => format!("{hours}h{minutes:02}"),
        (hours, minutes, secs) => format!("{hours}h{minutes:02}:{secs:02}"),
    }
}
