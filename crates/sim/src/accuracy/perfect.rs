//! The counter that others are measured by: it knows each request at once, as no world of several
//! regions can.

use super::{Arrival, Rule, Windows};

/// What the limit admits of these requests if nothing is under way.
pub(super) fn perfect(rule: Rule, arrivals: &[Arrival]) -> Windows {
    let mut windows = Windows::new();
    for arrival in arrivals {
        let window = rule.window_at(arrival.at);
        let before = windows.get(&window.ix.previous());
        let carried = rule.carried(&window, before.map_or(0, |before| before.admitted as u32));
        let demand = windows.entry(window.ix).or_default();
        demand.offered += 1;
        let room = u64::from(rule.amount.saturating_sub(carried));
        demand.admitted += u64::from(demand.admitted < room);
    }
    windows
}

#[cfg(test)]
mod tests {
    use tidegate_limit::WindowIx;

    use super::super::{moment, workloads};
    use super::*;
    use crate::tally::Demand;

    fn admitted(algorithm: &'static str, times: &[(f64, usize)]) -> Vec<(u64, u64)> {
        let row = workloads().into_iter().find(|row| row.amount == 5);
        let mut row = row.expect("there is one");
        row.algorithm = algorithm;
        let arrivals: Vec<Arrival> = times
            .iter()
            .flat_map(|&(secs, count)| std::iter::repeat_n(secs, count))
            .map(|secs| Arrival::on_one_subject(moment(secs), 0))
            .collect();
        let windows = perfect(Rule::of(&row), &arrivals);
        let counts = |(_, demand): (WindowIx, Demand)| (demand.offered, demand.admitted);
        windows.into_iter().map(counts).collect()
    }

    #[test]
    fn a_window_admits_the_amount_and_a_sliding_one_less_what_the_last_still_weighs() {
        let times = [(0.1, 7), (1.5, 3)];
        assert_eq!(admitted("fixed", &times), [(7, 5), (3, 3)]);
        // Half of 5, rounded down, still counts.
        assert_eq!(admitted("sliding", &times), [(7, 5), (3, 3)]);
        assert_eq!(admitted("sliding", &[(0.1, 7), (1.1, 3)]), [(7, 5), (3, 1)]);
    }
}
