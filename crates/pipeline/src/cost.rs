//! What a request counts for.

use http::HeaderMap;
use tidegate_limit::Cost;

/// What is taken from a limit before a request is let through.
pub(crate) fn cost_before(cost: &Cost, request: &HeaderMap) -> u32 {
    match cost {
        Cost::Constant(cost) => *cost,
        Cost::Header { name, max } => told(request, name, *max),
        Cost::Response { .. } => 1,
    }
}

/// What a request has come to, by the header of its answer; `None` if that is not what tells it.
#[must_use]
pub fn cost_after(cost: &Cost, answer: &HeaderMap) -> Option<u32> {
    match cost {
        Cost::Constant(_) | Cost::Header { .. } => None,
        Cost::Response { name, max } => Some(told(answer, name, *max)),
    }
}

/// A header's number, from 1 to `max`; 1 if it is missing or says something else. Of several, the
/// largest.
fn told(headers: &HeaderMap, name: &str, max: u32) -> u32 {
    let values = headers.get_all(name).iter();
    let numbers = values.filter_map(|value| value.to_str().ok()?.trim().parse::<u64>().ok());
    let largest = numbers.max().unwrap_or(1);
    u32::try_from(largest).unwrap_or(u32::MAX).clamp(1, max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_is_a_number_in_its_bounds_or_one() {
        let cost = Cost::Header {
            name: "x-cost".to_owned(),
            max: 100,
        };
        for (value, want) in [
            ("7", 7),
            (" 7 ", 7),
            ("0", 1),
            ("-3", 1),
            ("1e9", 1),
            ("101", 100),
            ("99999999999", 100),
            ("999999999999999999999999", 1),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("x-cost", value.parse().unwrap());
            assert_eq!(cost_before(&cost, &headers), want, "{value}");
        }
        assert_eq!(cost_before(&cost, &HeaderMap::new()), 1);
    }
}
