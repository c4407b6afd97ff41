//! A client's body on its way to a service: counted, bounded, and not waited for for ever.

use std::cell::Cell;
use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tidegate_pipeline::Refusal;
use tokio::time::{Instant, Sleep};

use crate::signed::Signed;

/// What became of a client's body, for whoever waits for the service's answer.
#[derive(Debug, Default)]
pub(crate) struct UploadFacts {
    bytes: Cell<u64>,
    awaited: Cell<bool>,
    moved_at: Cell<Option<Instant>>,
    fault: Cell<Option<Fault>>,
}

impl UploadFacts {
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.get()
    }

    /// Whether it is the client that everybody waits for, rather than the service.
    pub(crate) fn awaited(&self) -> bool {
        self.awaited.get()
    }

    /// When some of it was last handed on, if any was.
    pub(crate) fn moved_at(&self) -> Option<Instant> {
        self.moved_at.get()
    }

    /// Why the body broke off, if it did.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        self.fault.get().map(|fault| match fault {
            Fault::TooLarge => Refusal::BodyTooLarge,
            Fault::TooSlow => Refusal::BodyTimeout,
            Fault::Broken => Refusal::BodyBroken,
        })
    }
}

/// Why a client's body broke off.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    /// More than the route takes.
    TooLarge,
    /// A pause longer than the service's idle time, or past the time for the whole exchange.
    TooSlow,
    /// Malformed, or broken off.
    Broken,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLarge => "the client's body is too large",
            Self::TooSlow => "the client's body is too slow",
            Self::Broken => "the client's body broke off",
        })
    }
}

impl std::error::Error for Fault {}

/// Where the body comes from.
enum Source {
    /// There never was one.
    Nowhere,
    /// The client.
    Client(Incoming),
    /// It came before, and is the one that was signed.
    Held(Box<Signed>),
}

/// A client's body.
pub(crate) struct Upload {
    body: Source,
    facts: Rc<UploadFacts>,
    left: u64,
    idle: Duration,
    until: Instant,
    /// Set only while we wait: a body that is there already costs no timer.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Upload {
    pub(crate) const fn new(
        body: Incoming,
        facts: Rc<UploadFacts>,
        bytes_max: u64,
        idle: Duration,
        until: Instant,
    ) -> Self {
        Self {
            body: Source::Client(body),
            facts,
            left: bytes_max,
            idle,
            until,
            sleep: None,
        }
    }

    /// The body of a request that has none.
    pub(crate) const fn empty(facts: Rc<UploadFacts>, until: Instant) -> Self {
        Self {
            body: Source::Nowhere,
            facts,
            left: 0,
            idle: Duration::ZERO,
            until,
            sleep: None,
        }
    }

    /// With what came, which was checked.
    pub(crate) fn held(mut self, body: Signed) -> Self {
        self.body = Source::Held(Box::new(body));
        self
    }

    fn fail(&self, fault: Fault) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        self.facts.fault.set(Some(fault));
        Poll::Ready(Some(Err(fault)))
    }

    fn moved(&mut self) {
        self.sleep = None;
        self.facts.awaited.set(false);
        self.facts.moved_at.set(Some(Instant::now()));
    }

    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let (idle, until) = (self.idle, self.until);
        self.facts.awaited.set(true);
        let sleep = self.sleep.get_or_insert_with(|| {
            let due = (Instant::now() + idle).min(until);
            Box::pin(tokio::time::sleep_until(due))
        });
        match sleep.as_mut().poll(cx) {
            Poll::Ready(()) => self.fail(Fault::TooSlow),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let this = self.get_mut();
        let body = match &mut this.body {
            Source::Nowhere => return Poll::Ready(None),
            Source::Client(body) => body,
            Source::Held(body) => {
                let part = body.next();
                this.moved();
                return Poll::Ready(part.map(|part| Ok(Frame::data(part))));
            }
        };
        match Pin::new(body).poll_frame(cx) {
            Poll::Pending => this.wait(cx),
            Poll::Ready(None) => {
                this.moved();
                Poll::Ready(None)
            }
            Poll::Ready(Some(Err(_))) => this.fail(Fault::Broken),
            // Trailers are not passed on: a service could take them for the head.
            Poll::Ready(Some(Ok(frame))) if frame.is_trailers() => {
                this.moved();
                Poll::Ready(None)
            }
            Poll::Ready(Some(Ok(frame))) => {
                this.moved();
                let bytes = frame.data_ref().map_or(0, Bytes::len) as u64;
                this.facts.bytes.set(this.facts.bytes.get() + bytes);
                match this.left.checked_sub(bytes) {
                    Some(left) => {
                        this.left = left;
                        Poll::Ready(Some(Ok(frame)))
                    }
                    None => this.fail(Fault::TooLarge),
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.body {
            Source::Nowhere => true,
            Source::Client(body) => body.is_end_stream(),
            Source::Held(body) => body.left() == 0,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.body {
            Source::Nowhere => SizeHint::with_exact(0),
            Source::Client(body) => body.size_hint(),
            Source::Held(body) => SizeHint::with_exact(body.left()),
        }
    }
}
