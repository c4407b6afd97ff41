//! The trace that a request belongs to, as its client says (W3C Trace Context).
//!
//! The field itself goes on to the service unchanged. Here it only ties latencies in metrics to a
//! trace that somebody keeps: one that is not sampled leads nowhere.

use http::HeaderMap;

/// The field's name.
const TRACEPARENT: &str = "traceparent";
/// The bit that says that the trace is kept.
const SAMPLED: u8 = 1;

/// The trace that a request belongs to, if it is kept.
pub(crate) fn sampled_trace(headers: &HeaderMap) -> Option<u128> {
    let text = headers.get(TRACEPARENT)?.to_str().ok()?;
    // VERSION-TRACE-PARENT-FLAGS; later versions may add more (section 4.3).
    let mut parts = text.split('-');
    let version = lower_hex(parts.next()?, 2)?;
    let trace = lower_hex(parts.next()?, 32)?;
    let parent = lower_hex(parts.next()?, 16)?;
    let flags = lower_hex(parts.next()?, 2)? as u8;
    let whole = version != 0xff && trace != 0 && parent != 0;
    let ends = version > 0 || parts.next().is_none();
    (whole && ends && flags & SAMPLED != 0).then_some(trace)
}

fn lower_hex(text: &str, digits: usize) -> Option<u128> {
    let all = text
        .bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    (text.len() == digits && all).then(|| u128::from_str_radix(text, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_field_of_a_kept_trace_counts() {
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        let id = u128::from_str_radix(trace, 16).unwrap();
        for (why, text, wanted) in [
            (
                "as the standard shows it",
                format!("00-{trace}-00f067aa0ba902b7-01"),
                Some(id),
            ),
            (
                "not sampled",
                format!("00-{trace}-00f067aa0ba902b7-00"),
                None,
            ),
            (
                "other flags beside",
                format!("00-{trace}-00f067aa0ba902b7-03"),
                Some(id),
            ),
            (
                "capitals",
                format!("00-{}-00f067aa0ba902b7-01", trace.to_uppercase()),
                None,
            ),
            (
                "no trace",
                format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
                None,
            ),
            ("no parent", format!("00-{trace}-0000000000000000-01"), None),
            (
                "a version that cannot be",
                format!("ff-{trace}-00f067aa0ba902b7-01"),
                None,
            ),
            (
                "more than version 0 has",
                format!("00-{trace}-00f067aa0ba902b7-01-x"),
                None,
            ),
            (
                "a later version",
                format!("01-{trace}-00f067aa0ba902b7-01-x"),
                Some(id),
            ),
            ("too short", format!("00-{trace}-01"), None),
            (
                "a sign",
                format!("00-+{}-00f067aa0ba902b7-01", &trace[1..]),
                None,
            ),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(TRACEPARENT, text.parse().unwrap());
            assert_eq!(sampled_trace(&headers), wanted, "{why}");
        }
    }
}
