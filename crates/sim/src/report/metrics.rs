//! The run as OpenMetrics text, under the names that a real world's metrics have.

use crate::recording::{Recording, RegionStep};
use crate::world::EPOCH_DAYS;

/// Samples a minute at most: what a Prometheus would have scraped.
const EVERY_MS: u64 = 5_000;

/// A name, its help if it is new, labels, and what is counted.
type Counter = (
    &'static str,
    &'static str,
    &'static str,
    fn(&RegionStep) -> u64,
);

pub(super) fn text(recording: &Recording) -> String {
    let mut text = String::new();
    let steps = Sampled::of(recording);
    let counters: [Counter; 4] = [
        (
            "tidegate_requests",
            "Requests that were answered, by route and class of status.",
            "route=\"sim\",status=\"2xx\"",
            |r| r.good,
        ),
        (
            "tidegate_requests",
            "",
            "route=\"sim\",status=\"4xx\"",
            |r| r.limited + r.refused,
        ),
        (
            "tidegate_requests",
            "",
            "route=\"sim\",status=\"5xx\"",
            |r| r.failed,
        ),
        (
            "tidegate_refused",
            "Requests refused by the gateway itself, by reason.",
            "reason=\"limited\"",
            |r| r.limited,
        ),
    ];
    for (name, help, labels, count) in counters {
        if !help.is_empty() {
            text.push_str(&format!("# HELP {name} {help}\n# TYPE {name} counter\n"));
        }
        for (region, place) in recording.regions.iter().enumerate() {
            let mut total = 0;
            let mut from = 0;
            for (until, secs) in steps.iter() {
                let passed = &recording.steps[from..until];
                total += passed
                    .iter()
                    .map(|step| count(&step.regions[region]))
                    .sum::<u64>();
                from = until;
                text.push_str(&format!(
                    "{name}_total{{region=\"{}\",{labels}}} {total} {secs}\n",
                    place.name
                ));
            }
        }
    }
    gauges(recording, &steps, &mut text);
    text.push_str("# EOF\n");
    text
}

fn gauges(recording: &Recording, steps: &Sampled, text: &mut String) {
    text.push_str("# HELP tidegate_announced Whether this node is announced: 1 or 0.\n");
    text.push_str("# TYPE tidegate_announced gauge\n");
    for (i, node) in recording.nodes.iter().enumerate() {
        let region = &recording.regions[node.region].name;
        for (until, secs) in steps.iter() {
            let step = &recording.steps[until - 1].nodes[i];
            // A dead node is not scraped.
            if step.alive {
                let announced = u8::from(step.announced);
                text.push_str(&format!("tidegate_announced{{region=\"{region}\",instance=\"{}\"}} {announced} {secs}\n",
                    node.name
                ));
            }
        }
    }
    let name = "tidegate_limit_staleness_seconds";
    text.push_str(&format!(
        "# HELP {name} How old the youngest word from another region is.\n# TYPE {name} gauge\n"
    ));
    for (by, place) in recording.regions.iter().enumerate() {
        for (of, other) in recording
            .regions
            .iter()
            .enumerate()
            .filter(|(of, _)| *of != by)
        {
            for (until, secs) in steps.iter() {
                let heard = &recording.steps[until - 1].heard_ms;
                if let Some(ms) = heard
                    .get(by)
                    .and_then(|heard| heard.get(of).copied().flatten())
                {
                    text.push_str(&format!(
                        "{name}{{instance=\"{}\",region=\"{}\"}} {}.{:03} {secs}\n",
                        place.name,
                        other.name,
                        ms / 1_000,
                        ms % 1_000
                    ));
                }
            }
        }
    }
}

/// Steps at whose end a sample is taken, and when that is in seconds since 1970.
struct Sampled(Vec<(usize, u64)>);

impl Sampled {
    fn of(recording: &Recording) -> Self {
        let every = EVERY_MS.div_ceil(recording.step_ms.max(1)).max(1) as usize;
        let start = EPOCH_DAYS * 86_400;
        let ends = (every..=recording.steps.len()).step_by(every);
        let secs = |until: usize| start + recording.step_ms * until as u64 / 1_000;
        Self(ends.map(|until| (until, secs(until))).collect())
    }

    fn iter(&self) -> impl Iterator<Item = (usize, u64)> {
        self.0.iter().copied()
    }
}
