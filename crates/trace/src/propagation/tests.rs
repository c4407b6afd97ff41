use http::HeaderMap;
use proptest::prelude::*;

use super::*;
use crate::{SpanId, TraceId};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

fn head(fields: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(*name, value.parse().unwrap());
    }
    headers
}

fn sampled(format: Format, fields: &[(&'static str, &str)]) -> Option<Option<bool>> {
    let parent = format.read(&head(fields))?;
    assert_eq!(parent.span.to_string(), SPAN);
    Some(parent.sampled)
}

#[test]
fn only_a_whole_traceparent_counts() {
    let zeros = "0".repeat(32);
    for (why, text, want) in [
        (
            "as the standard shows it",
            format!("00-{TRACE}-{SPAN}-01"),
            Some(true),
        ),
        ("not sampled", format!("00-{TRACE}-{SPAN}-00"), Some(false)),
        (
            "other flags beside",
            format!("00-{TRACE}-{SPAN}-03"),
            Some(true),
        ),
        (
            "capitals",
            format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
            None,
        ),
        ("no trace", format!("00-{zeros}-{SPAN}-01"), None),
        ("no parent", format!("00-{TRACE}-{}-01", &zeros[..16]), None),
        (
            "a version that cannot be",
            format!("ff-{TRACE}-{SPAN}-01"),
            None,
        ),
        (
            "more than version 0 has",
            format!("00-{TRACE}-{SPAN}-01-x"),
            None,
        ),
        (
            "a later version",
            format!("01-{TRACE}-{SPAN}-01-x"),
            Some(true),
        ),
        ("too short", format!("00-{TRACE}-01"), None),
        ("a sign", format!("00-+{}-{SPAN}-01", &TRACE[1..]), None),
    ] {
        let got = sampled(Format::W3c, &[("traceparent", &text)]);
        assert_eq!(got, want.map(Some), "{why}");
    }
    let one = format!("00-{TRACE}-{SPAN}-01");
    let twice = [("traceparent", one.as_str()), ("traceparent", one.as_str())];
    assert_eq!(sampled(Format::W3c, &twice), None, "which of two?");
}

#[test]
fn b3_says_it_in_one_field_or_in_several() {
    for (why, text, want) in [
        ("kept", format!("{TRACE}-{SPAN}-1"), Some(Some(true))),
        (
            "debugged",
            format!("{TRACE}-{SPAN}-d-{SPAN}"),
            Some(Some(true)),
        ),
        ("not kept", format!("{TRACE}-{SPAN}-0"), Some(Some(false))),
        ("left open", format!("{TRACE}-{SPAN}"), Some(None)),
        (
            "of 64 bits",
            format!("{}-{SPAN}-1", &TRACE[16..]),
            Some(Some(true)),
        ),
        ("no trace at all", "0".to_owned(), None),
        ("another word", format!("{TRACE}-{SPAN}-x"), None),
        ("too much", format!("{TRACE}-{SPAN}-1-{SPAN}-1"), None),
    ] {
        assert_eq!(sampled(Format::B3, &[("b3", &text)]), want, "{why}");
    }
    let named = [("x-b3-traceid", TRACE), ("x-b3-spanid", SPAN)];
    for (why, more, want) in [
        ("kept", Some(("x-b3-sampled", "1")), Some(true)),
        ("debugged", Some(("x-b3-flags", "1")), Some(true)),
        ("not kept", Some(("x-b3-sampled", "false")), Some(false)),
        ("left open", None, None),
    ] {
        let fields: Vec<_> = named.into_iter().chain(more).collect();
        assert_eq!(sampled(Format::B3Multi, &fields), Some(want), "{why}");
    }
    assert_eq!(sampled(Format::B3Multi, &named[..1]), None, "no span");
}

#[test]
fn what_a_client_said_is_replaced_in_all_formats_that_are_known() {
    let context = Context {
        trace: TraceId::new(1).unwrap(),
        span: SpanId::new(2).unwrap(),
        sampled: true,
    };
    let said = format!("{TRACE}-{SPAN}-0");
    let fields = [
        ("traceparent", format!("00-{said}0")),
        ("tracestate", "a=b".to_owned()),
        ("b3", said),
        ("x-b3-traceid", TRACE.to_owned()),
    ];
    let said: Vec<_> = fields
        .iter()
        .map(|(name, text)| (*name, text.as_str()))
        .collect();
    let mut headers = head(&said);
    let propagation = Propagation {
        read: vec![Format::W3c, Format::B3],
        write: vec![Format::B3],
    };
    propagation.write(&mut headers, &context, false);
    let left: Vec<_> = headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(left, ["x-b3-traceid", "b3"], "what nobody looks at passes");
    let mut headers = head(&said);
    Propagation::default().write(&mut headers, &context, true);
    assert_eq!(headers["tracestate"], "a=b");
    assert_eq!(
        headers["traceparent"],
        "00-00000000000000000000000000000001-0000000000000002-01"
    );
    let parent = propagation.read_any(&headers).unwrap();
    assert_eq!(
        parent.trace.to_string(),
        TRACE,
        "b3 comes first where it is written"
    );
}

proptest! {
    #[test]
    fn what_is_written_is_read_as_it_was(trace in 1u128.., span in 1u64.., sampled: bool) {
        let context = Context {
            trace: TraceId::new(trace).unwrap(),
            span: SpanId::new(span).unwrap(),
            sampled,
        };
        for format in [Format::W3c, Format::B3, Format::B3Multi] {
            let mut headers = HeaderMap::new();
            let both = Propagation { read: vec![format], write: vec![format] };
            both.write(&mut headers, &context, false);
            let parent = both.read(&headers).unwrap();
            prop_assert_eq!(parent.trace, context.trace);
            prop_assert_eq!(parent.span, context.span);
            prop_assert_eq!(parent.sampled, Some(sampled));
        }
    }

    #[test]
    fn nothing_that_is_sent_panics(bytes: Vec<u8>) {
        let Ok(value) = http::HeaderValue::from_bytes(&bytes) else { return Ok(()) };
        let mut headers = HeaderMap::new();
        for name in ["traceparent", "tracestate", "b3", "x-b3-traceid", "x-b3-spanid"] {
            headers.insert(name, value.clone());
        }
        for format in [Format::W3c, Format::B3, Format::B3Multi] {
            let _read = format.read(&headers);
        }
        let _state = state(&headers);
    }
}
