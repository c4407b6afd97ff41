//! B3, Zipkin's format: in one field, or in several.
//!
//! A decision alone (`b3: 0`) names no trace, and is passed over.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::{Context, Parent, SpanId, TraceId};

const SINGLE: HeaderName = HeaderName::from_static("b3");
const TRACE: HeaderName = HeaderName::from_static("x-b3-traceid");
const SPAN: HeaderName = HeaderName::from_static("x-b3-spanid");
const PARENT: HeaderName = HeaderName::from_static("x-b3-parentspanid");
const SAMPLED: HeaderName = HeaderName::from_static("x-b3-sampled");
const FLAGS: HeaderName = HeaderName::from_static("x-b3-flags");

/// TRACE-SPAN, and then the decision and the span's own parent, if they are known.
pub(super) fn read(headers: &HeaderMap) -> Option<Parent> {
    let mut parts = headers.get(SINGLE)?.to_str().ok()?.split('-');
    let (trace, span) = (trace(parts.next()?)?, SpanId::parse(parts.next()?)?);
    let sampled = match parts.next() {
        None => None,
        Some("1" | "d") => Some(true),
        Some("0") => Some(false),
        Some(_) => return None,
    };
    let whole = parts.next().is_none_or(|own| SpanId::parse(own).is_some());
    (whole && parts.next().is_none()).then_some(Parent {
        trace,
        span,
        sampled,
        w3c: false,
    })
}

pub(super) fn read_multi(headers: &HeaderMap) -> Option<Parent> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let sampled = match (text(FLAGS), text(SAMPLED)) {
        // What is debugged is kept, whatever else is said.
        (Some("1"), _) | (_, Some("1" | "true")) => Some(true),
        (_, Some("0" | "false")) => Some(false),
        _ => None,
    };
    Some(Parent {
        trace: trace(text(TRACE)?)?,
        span: SpanId::parse(text(SPAN)?)?,
        sampled,
        w3c: false,
    })
}

pub(super) fn clear(headers: &mut HeaderMap) {
    headers.remove(SINGLE);
}

pub(super) fn clear_multi(headers: &mut HeaderMap) {
    for name in [TRACE, SPAN, PARENT, SAMPLED, FLAGS] {
        headers.remove(name);
    }
}

pub(super) fn write(headers: &mut HeaderMap, context: &Context) {
    let Context {
        trace,
        span,
        sampled,
    } = context;
    set(
        headers,
        SINGLE,
        format!("{trace}-{span}-{}", u8::from(*sampled)),
    );
}

pub(super) fn write_multi(headers: &mut HeaderMap, context: &Context) {
    set(headers, TRACE, context.trace.to_string());
    set(headers, SPAN, context.span.to_string());
    let sampled = if context.sampled { "1" } else { "0" };
    headers.insert(SAMPLED, HeaderValue::from_static(sampled));
}

/// Of 64 or 128 bits.
fn trace(text: &str) -> Option<TraceId> {
    let digits = if text.len() == 16 { 16 } else { 32 };
    TraceId::parse(text, digits)
}

fn set(headers: &mut HeaderMap, name: HeaderName, text: String) {
    if let Ok(value) = HeaderValue::from_maybe_shared(text) {
        headers.insert(name, value);
    }
}
