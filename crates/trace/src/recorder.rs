//! What is written down of one request: spans, within a bound.
//!
//! The first is the request itself. Phases follow each other below it: one begins when the one
//! before ends. Whatever is [entered](Recorder::enter) lies within the phase, or within what was
//! entered before and not yet left.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use tidegate_model::{Mono, Now};

use crate::propagation::state;
use crate::{Context, SpanId, TraceId};

/// A request's place in its trace.
#[derive(Clone, Debug)]
pub struct Root {
    /// The trace.
    pub trace: TraceId,
    /// The sender's span, if there is one.
    pub parent: Option<SpanId>,
    /// What vendors say beside it.
    pub state: Option<String>,
}

/// A request that is over.
#[derive(Clone, PartialEq, Debug)]
pub struct Trace {
    /// The trace that it belongs to.
    pub trace: TraceId,
    /// What vendors say beside it.
    pub state: Option<String>,
    /// Whether services were told that it is kept.
    pub sampled: bool,
    /// When it began. Spans go by the monotonic clock.
    pub begun: Now,
    /// The request itself first; the others in the order that they began.
    pub spans: Vec<Span>,
    /// Spans that had no room.
    pub cut: u32,
}

/// Something that took time.
#[derive(Clone, PartialEq, Debug)]
pub struct Span {
    /// Its name in the trace.
    pub id: SpanId,
    /// What it is part of.
    pub parent: Option<SpanId>,
    /// What it is.
    pub name: Value,
    /// What kind of thing.
    pub kind: Kind,
    /// When it began.
    pub start: Mono,
    /// When it ended.
    pub end: Mono,
    /// What is known of it.
    pub attributes: Vec<Attribute>,
    /// What went wrong, if something did.
    pub error: Option<Value>,
}

/// Kinds of spans.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A request that was served.
    Server,
    /// A request that was made.
    Client,
    /// Something within.
    Internal,
}

/// A name and what it is.
pub type Attribute = (&'static str, Value);

/// What is known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value {
    /// A word of ours.
    Word(&'static str),
    /// A text.
    Text(String),
    /// A text that others have, too.
    Shared(Arc<str>),
    /// A number.
    Int(i64),
    /// Yes or no.
    Bool(bool),
}

/// A span that was entered and not yet left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Opened(usize);

/// The place of spans that had no room.
const NOWHERE: usize = usize::MAX;

/// Writes down the spans of one request.
#[derive(Clone, Debug)]
pub struct Recorder {
    trace: TraceId,
    state: Option<String>,
    begun: Now,
    spans: Vec<Span>,
    spans_max: usize,
    cut: u32,
    /// Places of spans that are not over, the request's own left out.
    open: Vec<usize>,
    random: u64,
}

impl Root {
    /// The first of a trace, or a part of a sender's.
    #[must_use]
    pub fn new(trace: TraceId, parent: Option<SpanId>, headers: &HeaderMap) -> Self {
        Self {
            trace,
            parent,
            state: parent.and_then(|_| state(headers)),
        }
    }
}

impl Recorder {
    /// Begins with the request itself. Spans are named by what follows `random`; there are
    /// `spans_max` at most, and always the first.
    #[must_use]
    pub fn begin(root: Root, random: u64, begun: Now, spans_max: usize) -> Self {
        let mut recorder = Self {
            trace: root.trace,
            state: root.state,
            begun,
            spans: Vec::with_capacity(8.min(spans_max.max(1))),
            spans_max,
            cut: 0,
            open: Vec::with_capacity(4),
            random,
        };
        let id = recorder.next_id();
        recorder.spans.push(Span {
            id,
            parent: root.parent,
            name: Value::Word(""),
            kind: Kind::Server,
            start: begun.mono,
            end: begun.mono,
            attributes: Vec::new(),
            error: None,
        });
        recorder
    }

    /// How many spans were written down.
    #[must_use]
    #[expect(
        clippy::len_without_is_empty,
        reason = "the request itself is always there"
    )]
    pub const fn len(&self) -> usize {
        self.spans.len()
    }

    /// The trace.
    #[must_use]
    pub const fn trace(&self) -> TraceId {
        self.trace
    }

    /// Where in the trace we are.
    #[must_use]
    pub fn context(&self, sampled: bool) -> Context {
        Context {
            trace: self.trace,
            span: self.spans[self.innermost()].id,
            sampled,
        }
    }

    /// Begins the next phase; the one before, and all that is within it, is over.
    pub fn phase(&mut self, name: &'static str, now: Mono) {
        while !self.open.is_empty() {
            self.close(now);
        }
        self.enter(name, Kind::Internal, now);
    }

    /// Begins something within.
    pub fn enter(&mut self, name: &'static str, kind: Kind, now: Mono) -> Opened {
        if self.spans.len() >= self.spans_max {
            self.cut += 1;
            self.open.push(NOWHERE);
            return Opened(NOWHERE);
        }
        let span = Span {
            id: self.next_id(),
            parent: Some(self.spans[self.innermost()].id),
            name: Value::Word(name),
            kind,
            start: now,
            end: now,
            attributes: Vec::new(),
            error: None,
        };
        self.spans.push(span);
        let at = self.spans.len() - 1;
        self.open.push(at);
        Opened(at)
    }

    /// The innermost thing is over.
    pub fn leave(&mut self, now: Mono) {
        self.close(now);
    }

    /// Adds what is known of something.
    pub fn note(&mut self, at: Opened, name: &'static str, value: impl Into<Value>) {
        if let Some(span) = self.spans.get_mut(at.0) {
            span.attributes.push((name, value.into()));
        }
    }

    /// Says what went wrong with something.
    pub fn fail(&mut self, at: Opened, why: impl Into<Value>) {
        if let Some(span) = self.spans.get_mut(at.0) {
            span.error = Some(why.into());
        }
    }

    /// The request itself.
    #[must_use]
    pub const fn root(&self) -> Opened {
        Opened(0)
    }

    /// The phase, or whatever is innermost.
    #[must_use]
    pub fn current(&self) -> Opened {
        Opened(self.innermost())
    }

    /// Whether something went wrong.
    #[must_use]
    pub fn failed(&self) -> bool {
        self.spans.iter().any(|span| span.error.is_some())
    }

    /// Gives the request its name, which is known late.
    pub fn name(&mut self, name: String) {
        self.spans[0].name = Value::Text(name);
    }

    /// The request is over.
    #[must_use]
    pub fn finish(mut self, sampled: bool, now: Mono) -> Trace {
        while !self.open.is_empty() {
            self.close(now);
        }
        self.spans[0].end = now;
        Trace {
            trace: self.trace,
            state: self.state,
            sampled,
            begun: self.begun,
            spans: self.spans,
            cut: self.cut,
        }
    }

    fn close(&mut self, now: Mono) {
        let at = self.open.pop();
        if let Some(span) = at.and_then(|at| self.spans.get_mut(at)) {
            span.end = now;
        }
    }

    /// The place of the innermost span that had room.
    fn innermost(&self) -> usize {
        let mut open = self.open.iter().rev().copied();
        open.find(|at| *at != NOWHERE).unwrap_or(0)
    }

    /// Steele, Lea and Flood's SplitMix64: no two alike before all were used.
    fn next_id(&mut self) -> SpanId {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.random;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        SpanId::random(bits ^ (bits >> 31))
    }
}

impl Trace {
    /// When a moment was, in nanoseconds since 1970.
    #[must_use]
    pub fn unix_nanos(&self, at: Mono) -> u64 {
        let begun = self.begun.wall.unix_micros().saturating_mul(1_000);
        let since = at.since(self.begun.mono).as_nanos();
        begun.saturating_add(u64::try_from(since).unwrap_or(u64::MAX))
    }
}

impl Span {
    /// How long it took.
    #[must_use]
    pub const fn took(&self) -> Duration {
        self.end.since(self.start)
    }
}

impl From<&'static str> for Value {
    fn from(word: &'static str) -> Self {
        Self::Word(word)
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Arc<str>> for Value {
    fn from(text: Arc<str>) -> Self {
        Self::Shared(text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<bool> for Value {
    fn from(yes: bool) -> Self {
        Self::Bool(yes)
    }
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Word(word) => f.write_str(word),
            Self::Text(text) => f.write_str(text),
            Self::Shared(text) => f.write_str(text),
            Self::Int(number) => number.fmt(f),
            Self::Bool(yes) => yes.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests;
