//! A service's answer on its way to the client.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tidegate_net::Busy;
use tidegate_telemetry::metrics::PoolFailure;
use tokio::time::{Instant, Sleep};

use crate::observe::Story;
use crate::traced::phase;
use crate::upstream::Lease;

/// The body of an answer. It holds what must live until the answer is over: the connection's being
/// busy, the story to be told, and the connection to the service, which returns to its pool.
pub struct Answer {
    content: Content,
    /// Dropped in this order: the story is told before the connection may be idle.
    story: Story,
    _busy: Busy,
}

enum Content {
    /// A document of our own.
    Own(Option<Bytes>),
    /// What a service sends.
    Streamed(Streamed),
    /// All was handed over.
    Over,
}

struct Streamed {
    body: Incoming,
    lease: Lease,
    idle: Duration,
    until: Instant,
    /// Set only while we wait.
    sleep: Option<Pin<Box<Sleep>>>,
}

/// Why an answer broke off after its head was sent. The connection is closed, so that the client
/// sees it, too.
#[derive(Clone, Copy, Debug)]
pub enum BrokenOff {
    /// The service broke off.
    Service,
    /// The service paused too long, or took too long in all.
    Time,
}

impl fmt::Display for BrokenOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Service => "the service's answer broke off",
            Self::Time => "the service's answer took too long",
        })
    }
}

impl std::error::Error for BrokenOff {}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").finish_non_exhaustive()
    }
}

impl Answer {
    /// A document of our own. An empty one is handed over with the head: nobody asks for it.
    pub(crate) fn own(text: Bytes, mut story: Story, busy: Busy) -> Self {
        story.phase(phase::RESPOND);
        let content = if text.is_empty() {
            story.complete = true;
            Content::Over
        } else {
            Content::Own(Some(text))
        };
        Self {
            content,
            story,
            _busy: busy,
        }
    }

    /// What a service sends. If it has no body, its connection returns to the pool at once.
    pub(crate) fn streamed(
        body: Incoming,
        lease: Lease,
        idle: Duration,
        until: Instant,
        mut story: Story,
        busy: Busy,
    ) -> Self {
        story.phase(phase::RESPOND);
        let content = if body.is_end_stream() {
            lease.give_back();
            story.complete = true;
            Content::Over
        } else {
            Content::Streamed(Streamed {
                body,
                lease,
                idle,
                until,
                sleep: None,
            })
        };
        Self {
            content,
            story,
            _busy: busy,
        }
    }

    fn finish(&mut self) {
        if let Content::Streamed(streamed) = std::mem::replace(&mut self.content, Content::Over) {
            streamed.lease.give_back();
        }
        self.story.complete = true;
    }

    fn break_off(&mut self, why: BrokenOff) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        if let Content::Streamed(streamed) = std::mem::replace(&mut self.content, Content::Over) {
            let (failure, word) = match why {
                BrokenOff::Service => (PoolFailure::Broken, "service_broke_off"),
                BrokenOff::Time => (PoolFailure::BodyTimeout, "service_stalled"),
            };
            streamed.lease.failed(failure);
            self.story.broken = word;
        }
        Poll::Ready(Some(Err(why)))
    }
}

impl Streamed {
    /// Whether the service has had its time.
    fn overdue(&mut self, cx: &mut Context<'_>) -> bool {
        let (idle, until) = (self.idle, self.until);
        let sleep = self.sleep.get_or_insert_with(|| {
            let due = (Instant::now() + idle).min(until);
            Box::pin(tokio::time::sleep_until(due))
        });
        sleep.as_mut().poll(cx).is_ready()
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let this = self.get_mut();
        let streamed = match &mut this.content {
            Content::Own(text) => {
                let text = text.take();
                this.story.bytes_out += text.as_ref().map_or(0, Bytes::len) as u64;
                this.finish();
                return Poll::Ready(text.map(|text| Ok(Frame::data(text))));
            }
            Content::Over => return Poll::Ready(None),
            Content::Streamed(streamed) => streamed,
        };
        match Pin::new(&mut streamed.body).poll_frame(cx) {
            Poll::Pending if streamed.overdue(cx) => this.break_off(BrokenOff::Time),
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(Err(_))) => this.break_off(BrokenOff::Service),
            Poll::Ready(None) => {
                this.finish();
                Poll::Ready(None)
            }
            Poll::Ready(Some(Ok(frame))) => {
                streamed.sleep = None;
                let last = streamed.body.is_end_stream();
                this.story.bytes_out += frame.data_ref().map_or(0, Bytes::len) as u64;
                if last {
                    this.finish();
                }
                Poll::Ready(Some(Ok(frame)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Own(text) => text.is_none(),
            Content::Streamed(streamed) => streamed.body.is_end_stream(),
            Content::Over => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Own(text) => SizeHint::with_exact(text.as_ref().map_or(0, Bytes::len) as u64),
            Content::Streamed(streamed) => streamed.body.size_hint(),
            Content::Over => SizeHint::with_exact(0),
        }
    }
}
