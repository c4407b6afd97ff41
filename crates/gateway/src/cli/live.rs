//! A status that is redrawn in place on a terminal, and told now and then where there is none.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use crate::admin::StatusDocument;

use super::status::table;

/// Without a terminal, a line is written so often, and whenever a region comes or goes.
const QUIET_EVERY: u32 = 30;
/// How often the status is looked at.
pub(crate) const EVERY: Duration = Duration::from_secs(1);

/// Text that is drawn over its predecessor.
#[derive(Debug, Default)]
pub(crate) struct Frame {
    lines: usize,
}

impl Frame {
    /// Draws `text` in place of the last one.
    pub(crate) fn redraw(&mut self, text: &str) {
        let mut out = anstream::stdout();
        let mut frame = String::new();
        if self.lines > 0 {
            // Up to where the last one began, and clear from there.
            frame.push_str(&format!("\u{1b}[{}A\u{1b}[J", self.lines));
        }
        frame.push_str(text);
        frame.push('\n');
        self.lines = text.lines().count();
        // A terminal that is gone needs no status.
        let _gone = out.write_all(frame.as_bytes()).and_then(|()| out.flush());
    }
}

/// The status as it was drawn last.
#[derive(Debug)]
pub(crate) struct Live {
    terminal: bool,
    frame: Frame,
    ticks: u32,
    announced: Vec<String>,
}

impl Live {
    pub(crate) fn new() -> Self {
        Self {
            terminal: std::io::stdout().is_terminal(),
            frame: Frame::default(),
            ticks: 0,
            announced: Vec::new(),
        }
    }

    /// Draws the status anew. `note` is a line below it.
    pub(crate) fn draw(&mut self, status: Option<&StatusDocument>, note: &str) {
        if self.terminal {
            let body = match status {
                Some(status) => table(status).to_string(),
                None => "No node answers.".to_owned(),
            };
            self.frame.redraw(&format!("{body}\n{note}"));
        } else if let Some(status) = status {
            self.tell(status);
        }
        self.ticks += 1;
    }

    fn tell(&mut self, status: &StatusDocument) {
        let regions = &status.cluster.regions;
        let announced: Vec<String> = regions
            .iter()
            .filter(|r| r.announced == Some(true))
            .map(|r| r.region.to_string())
            .collect();
        if announced == self.announced && !self.ticks.is_multiple_of(QUIET_EVERY) {
            return;
        }
        let facts = || {
            regions
                .iter()
                .flat_map(|r| &r.nodes)
                .filter(|node| node.alive)
                .map(|node| &node.facts)
        };
        anstream::println!(
            "announced: {}; {} nodes; {} requests/s, {} admitted/s, {} limited/s",
            if announced.is_empty() {
                "nobody".to_owned()
            } else {
                announced.join(", ")
            },
            facts().count(),
            facts().map(|f| f.requests_per_s).sum::<u32>(),
            facts().map(|f| f.admitted_per_s).sum::<u32>(),
            facts().map(|f| f.limited_per_s).sum::<u32>(),
        );
        self.announced = announced;
    }
}
