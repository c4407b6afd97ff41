//! W3C Trace Context.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::id::lower_hex;
use crate::{Context, Parent, SpanId, TraceId};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
/// The bit that says that the trace is kept.
const SAMPLED: u8 = 1;
/// Section 3.3.1.5: so much must be passed on, and longer ones may be cut. We keep no longer ones.
const STATE_MAX: usize = 512;

/// VERSION-TRACE-PARENT-FLAGS; later versions may add more (section 4.3). Two fields contradict
/// each other: then there is none.
pub(super) fn read(headers: &HeaderMap) -> Option<Parent> {
    let mut fields = headers.get_all(TRACEPARENT).iter();
    let (Some(only), None) = (fields.next(), fields.next()) else {
        return None;
    };
    let mut parts = only.to_str().ok()?.split('-');
    let version = lower_hex(parts.next()?, 2)?;
    let trace = TraceId::parse(parts.next()?, 32)?;
    let span = SpanId::parse(parts.next()?)?;
    let flags = lower_hex(parts.next()?, 2)? as u8;
    let ends = version > 0 || parts.next().is_none();
    (version != 0xff && ends).then_some(Parent {
        trace,
        span,
        sampled: Some(flags & SAMPLED != 0),
        w3c: true,
    })
}

pub(super) fn clear(headers: &mut HeaderMap) {
    headers.remove(TRACEPARENT);
}

pub(super) fn clear_state(headers: &mut HeaderMap) {
    headers.remove(TRACESTATE);
}

pub(super) fn write(headers: &mut HeaderMap, context: &Context) {
    let Context {
        trace,
        span,
        sampled,
    } = context;
    let text = format!("00-{trace}-{span}-{:02x}", u8::from(*sampled));
    if let Ok(value) = HeaderValue::from_maybe_shared(text) {
        headers.insert(TRACEPARENT, value);
    }
}

pub(super) fn state(headers: &HeaderMap) -> Option<String> {
    let lines = headers.get_all(TRACESTATE).iter();
    let lines: Option<Vec<&str>> = lines.map(|line| line.to_str().ok()).collect();
    let text = lines?.join(",");
    (1..=STATE_MAX).contains(&text.len()).then_some(text)
}
