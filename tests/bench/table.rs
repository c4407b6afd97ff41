//! What comes out.

use std::fmt::Write;

use crate::wrk::{Target, Turn};

/// A proxy with one way of using it.
pub(crate) struct Row {
    name: &'static str,
    pub(crate) target: Target,
    pub(crate) turns: Vec<Turn>,
}

impl Row {
    pub(crate) const fn new(name: &'static str, target: Target) -> Self {
        Self {
            name,
            target,
            turns: Vec::new(),
        }
    }

    fn median(&self, of: impl Fn(&Turn) -> f64) -> f64 {
        median(self.turns.iter().map(of).collect())
    }
}

/// A table in Markdown. The first row is what the others are compared with.
pub(crate) fn render(rows: &[Row], rounds: u32, secs: u32) -> String {
    let mut text = format!(
        "wrk, 64 connections, {rounds} turns of {secs} s each, one after the other; medians.\n\n\
         | | CPU a request | beside nginx (lowest to highest) | requests a second | memory |\n\
         | --- | --- | --- | --- | --- |\n"
    );
    for row in rows {
        let ratios: Vec<f64> = row
            .turns
            .iter()
            .zip(&rows[0].turns)
            .map(|(turn, base)| turn.cpu_us / base.cpu_us)
            .collect();
        let lowest = ratios.iter().copied().fold(f64::INFINITY, f64::min);
        let highest = ratios.iter().copied().fold(0.0, f64::max);
        writeln!(
            text,
            "| {} | {:.1} us | {:.2}x ({lowest:.2} to {highest:.2}) | {:.0} | {:.0} MiB |",
            row.name,
            row.median(|turn| turn.cpu_us),
            median(ratios),
            row.median(|turn| turn.per_s),
            row.median(|turn| turn.rss_mib),
        )
        .expect("a String takes everything");
    }
    text
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() % 2 {
        0 => f64::midpoint(values[middle - 1], values[middle]),
        _ => values[middle],
    }
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn medians() {
        assert_eq!(
            (median(vec![3.0, 1.0, 2.0]), median(vec![4.0, 2.0])),
            (2.0, 3.0)
        );
    }
}
