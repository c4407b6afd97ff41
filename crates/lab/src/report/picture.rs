//! A picture of episodes (SVG): one panel each, time from left to right, a lane for each client, a
//! dot for each request in the colour of who answered, red for those that failed.

use std::collections::BTreeSet;

use svg::Document;
use svg::node::element::{Circle, Group, Line, Rectangle, Text};

use super::episode::{Episode, Evidence};
use crate::timeline::{Asked, How};

const WIDTH: f64 = 1_120.0;
const LEFT: f64 = 190.0;
const RIGHT: f64 = 24.0;
const HEAD: f64 = 84.0;
/// Rows of labels above the lanes, and how high one is.
const ROWS: usize = 4;
const ROW: f64 = 13.0;
const LANE: f64 = 18.0;
const FOOT: f64 = 46.0;
const TITLE: f64 = 74.0;
/// What is shown before a fault and after its last effect, in microseconds.
const BEFORE: u64 = 300_000;
const AFTER: u64 = 700_000;
/// Requests that are drawn of an episode at most; a browser shows more with difficulty.
const DOTS_MAX: usize = 6_000;
/// Colours of regions, told apart by those who see few colours too.
const REGIONS: [&str; 6] = [
    "#4477aa", "#ccbb44", "#228833", "#66ccee", "#aa3377", "#777777",
];
const FAILED: &str = "#d11141";
const INK: &str = "#222";
const PALE: &str = "#888";

/// Draws episodes.
#[must_use]
pub fn picture(evidence: &Evidence, episodes: &[Episode]) -> String {
    let clients = clients(evidence);
    let panel = HEAD + LANE * clients.len() as f64 + FOOT;
    let height = TITLE + panel * episodes.len() as f64;
    let mut document = Document::new()
        .set("viewBox", (0, 0, WIDTH, height))
        .set("width", WIDTH)
        .set("height", height)
        .set("font-family", "system-ui, 'DejaVu Sans', sans-serif")
        .add(rectangle(0.0, 0.0, WIDTH, height, "#ffffff"))
        .add(text(24.0, 32.0, 19, INK, "What clients saw").set("font-weight", 600))
        .add(legend(evidence));
    for (at, episode) in episodes.iter().enumerate() {
        let drawn = Panel {
            evidence,
            episode,
            clients: &clients,
            to: shown_until(episode),
        };
        let top = TITLE + panel * at as f64;
        document = document.add(drawn.draw().set("transform", format!("translate(0 {top})")));
    }
    document.to_string() + "\n"
}

type Client = (String, How);

fn clients(evidence: &Evidence) -> Vec<Client> {
    let clients = evidence
        .asked
        .iter()
        .map(|asked| (asked.from.clone(), asked.how));
    clients.collect::<BTreeSet<_>>().into_iter().collect()
}

fn shown_until(episode: &Episode) -> u64 {
    let effects = [
        episode.converge_us,
        episode.last_error_us,
        episode.decide_us,
    ];
    let last = effects.into_iter().flatten().max().unwrap_or_default();
    (last + AFTER)
        .min(episode.until.saturating_sub(episode.at))
        .max(1)
}

fn colour(evidence: &Evidence, region: &str) -> &'static str {
    let site = evidence.internet.site(region).unwrap_or(REGIONS.len() - 1);
    REGIONS[site % REGIONS.len()]
}

fn legend(evidence: &Evidence) -> Group {
    let mut group = Group::new();
    let mut x = 24.0;
    let regions = evidence
        .internet
        .sites
        .iter()
        .map(|site| site.region.as_str());
    let mut entries: Vec<(String, &str)> = regions
        .map(|r| (format!("answered by {r}"), colour(evidence, r)))
        .collect();
    entries.push(("failed (a line as long as it took)".to_owned(), FAILED));
    for (words, colour) in entries {
        group = group.add(circle(x + 5.0, 52.0, 5.0, colour)).add(text(
            x + 16.0,
            56.0,
            12,
            INK,
            &words,
        ));
        x += 40.0 + 6.7 * words.len() as f64;
    }
    group
}

struct Panel<'e> {
    evidence: &'e Evidence,
    episode: &'e Episode,
    clients: &'e [Client],
    /// The last moment that is shown, after the fault.
    to: u64,
}

impl Panel<'_> {
    fn draw(&self) -> Group {
        let group = Group::new().add(self.title());
        let group = self.lanes(group);
        let group = self.axis(group);
        let group = self.dots(group);
        self.moments(group)
    }

    /// Where a moment is.
    fn x(&self, at: u64) -> f64 {
        let from = self.episode.at.saturating_sub(BEFORE);
        let share = at.saturating_sub(from) as f64 / (BEFORE + self.to) as f64;
        LEFT + share.clamp(0.0, 1.0) * (WIDTH - LEFT - RIGHT)
    }

    fn bottom(&self) -> f64 {
        HEAD + LANE * self.clients.len() as f64
    }

    fn title(&self) -> Text {
        let episode = self.episode;
        let back = if episode.undo { "end of " } else { "" };
        let fate = match episode.failed {
            0 => format!("no request of {} failed", episode.asked),
            1 => format!("1 request of {} failed", episode.asked),
            failed => format!("{failed} requests of {} failed", episode.asked),
        };
        let words = format!("{back}{}: {fate}", episode.what);
        text(24.0, 20.0, 15, INK, &words).set("font-weight", 600)
    }

    fn lanes(&self, mut group: Group) -> Group {
        for (at, (from, how)) in self.clients.iter().enumerate() {
            let y = HEAD + LANE * at as f64;
            let shade = if at % 2 == 0 { "#f6f6f4" } else { "#ffffff" };
            let label = format!("{from}  {}", how.name());
            group = group
                .add(rectangle(LEFT, y, WIDTH - LEFT - RIGHT, LANE, shade))
                .add(text(LEFT - 10.0, y + 13.0, 11, INK, &label).set("text-anchor", "end"));
        }
        group
    }

    fn axis(&self, mut group: Group) -> Group {
        let y = self.bottom();
        group = group.add(line(LEFT, y, WIDTH - RIGHT, y, PALE));
        let step = step(BEFORE + self.to);
        for tick in (0..=self.to).step_by(usize::try_from(step).unwrap_or(usize::MAX)) {
            let x = self.x(self.episode.at + tick);
            group = group
                .add(line(x, y, x, y + 5.0, PALE))
                .add(text(x, y + 18.0, 11, PALE, &spelled(tick)).set("text-anchor", "middle"));
        }
        group
    }

    fn dots(&self, mut group: Group) -> Group {
        let (from, to) = (
            self.episode.at.saturating_sub(BEFORE),
            self.episode.at + self.to,
        );
        let shown = |asked: &&Asked| asked.end() >= from && asked.at <= to;
        let all: Vec<&Asked> = self.evidence.asked.iter().filter(shown).collect();
        let every = all.len().div_ceil(DOTS_MAX).max(1);
        // A request that failed is never left out.
        let drawn = all.iter().enumerate();
        let drawn = drawn.filter(|(at, asked)| at % every == 0 || asked.error.is_some());
        for (_, asked) in drawn.take(2 * DOTS_MAX) {
            group = self.dot(group, asked);
        }
        group
    }

    fn dot(&self, group: Group, asked: &Asked) -> Group {
        let is = |(from, how): &Client| *from == asked.from && *how == asked.how;
        let lane = self.clients.iter().position(is).unwrap_or_default();
        let (x, y) = (self.x(asked.at), HEAD + LANE * (lane as f64 + 0.5));
        if asked.error.is_some() {
            let took = line(x, y, self.x(asked.end()), y, FAILED).set("stroke-opacity", 0.35);
            return group
                .add(took.set("stroke-width", 3))
                .add(circle(x, y, 3.4, FAILED));
        }
        let colour = asked
            .region()
            .map_or(PALE, |region| colour(self.evidence, region));
        group.add(circle(x, y, 2.2, colour))
    }

    /// Lines through all lanes; labels stand in rows, so that near ones can be read.
    fn moments(&self, mut group: Group) -> Group {
        let episode = self.episode;
        let mut moments = vec![("fault", Some(0), INK)];
        if episode.undo {
            moments[0].0 = "mended";
        }
        moments.extend([
            ("detect", episode.detect_us, "#7a3e9d"),
            ("decide", episode.decide_us, "#7a3e9d"),
            ("way told", episode.withdraw_us, "#7a3e9d"),
            ("converged", episode.converge_us, "#1b6e3c"),
            ("last error", episode.last_error_us, FAILED),
        ]);
        let moments = moments
            .into_iter()
            .filter_map(|(name, at, colour)| Some((name, at?, colour)));
        let mut moments: Vec<_> = moments.filter(|(_, at, _)| *at <= self.to).collect();
        moments.sort_by_key(|(_, at, _)| *at);
        let mut ends = [f64::MIN; ROWS];
        for (words, at, colour) in joined(&moments) {
            let x = self.x(episode.at + at);
            let length = 6.4 * words.len() as f64;
            let start = x.min(WIDTH - RIGHT - length);
            let free = ends.iter().position(|end| *end < start);
            let row = free.unwrap_or(ends.len() - 1);
            ends[row] = start + length + 8.0;
            let y = 38.0 + ROW * row as f64;
            group = group
                .add(line(x, y + 2.0, x, self.bottom(), colour).set("stroke-dasharray", "4 3"))
                .add(text(start + 3.0, y, 11, colour, &words));
        }
        group
    }
}

/// Moments that are spelled the same have one label.
fn joined(moments: &[(&str, u64, &'static str)]) -> Vec<(String, u64, &'static str)> {
    let mut labels: Vec<(String, u64, &'static str)> = Vec::new();
    let alike = |a: u64, b: u64| spelled(a) == spelled(b);
    for group in moments.chunk_by(|(_, a, _), (_, b, _)| alike(*a, *b)) {
        let (_, at, colour) = group[group.len() - 1];
        let names: Vec<&str> = group.iter().map(|(name, ..)| *name).collect();
        let words = match at {
            0 => names.join(", "),
            at => format!("{} {}", names.join(", "), spelled(at)),
        };
        labels.push((words, at, colour));
    }
    labels
}

/// How far ticks are apart: some ten of them.
fn step(length: u64) -> u64 {
    let steps = [
        1_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000, 2_000_000,
        5_000_000,
    ];
    let fits = |step: &u64| length / step <= 14;
    steps
        .into_iter()
        .find(fits)
        .unwrap_or_else(|| (length / 10).max(1))
}

/// Microseconds as people say them.
fn spelled(us: u64) -> String {
    match us {
        0 => "0".to_owned(),
        1..10_000 => format!("{:.1} ms", us as f64 / 1_000.0),
        10_000..1_000_000 => format!("{} ms", us / 1_000),
        _ => format!("{:.1} s", us as f64 / 1_000_000.0),
    }
}

fn text(x: f64, y: f64, size: u32, colour: &str, words: &str) -> Text {
    Text::new(words)
        .set("x", round(x))
        .set("y", round(y))
        .set("font-size", size)
        .set("fill", colour)
}

fn circle(x: f64, y: f64, r: f64, colour: &str) -> Circle {
    Circle::new()
        .set("cx", round(x))
        .set("cy", round(y))
        .set("r", r)
        .set("fill", colour)
}

fn line(x1: f64, y1: f64, x2: f64, y2: f64, colour: &str) -> Line {
    let line = Line::new().set("x1", round(x1)).set("y1", round(y1));
    line.set("x2", round(x2))
        .set("y2", round(y2))
        .set("stroke", colour)
}

fn rectangle(x: f64, y: f64, width: f64, height: f64, colour: &str) -> Rectangle {
    let rectangle = Rectangle::new().set("x", x).set("y", y);
    rectangle
        .set("width", width)
        .set("height", height)
        .set("fill", colour)
}

/// A tenth of a pixel is fine enough.
fn round(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::super::episode::{episodes, tests::killed};
    use super::*;

    #[test]
    fn every_request_is_in_the_picture() {
        let evidence = killed();
        let episodes = episodes(&evidence);
        let drawn = picture(&evidence, &episodes[..1]);
        assert!(
            drawn.contains("kill-region region-0: 2 requests of 3 failed"),
            "{drawn}"
        );
        assert!(drawn.contains("last error 4.0 ms"), "{drawn}");
        assert_eq!(drawn.matches("<circle").filter(|_| true).count() - 3, 3);
        assert_eq!(drawn.matches("r=\"3.4\"").count(), 2);
    }

    #[test]
    fn times_are_spelled_as_people_say_them() {
        let all = [0, 900, 9_400, 44_000, 1_500_000].map(spelled);
        assert_eq!(all, ["0", "0.9 ms", "9.4 ms", "44 ms", "1.5 s"]);
    }
}
