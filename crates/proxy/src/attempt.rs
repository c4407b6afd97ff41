//! Tries to get an answer from a service.
//!
//! As long as nothing was sent, another endpoint may be tried for any request. Once something was
//! sent, only a request that is idempotent, has no body, and met a connection that the service
//! closed just then is sent again, once.

use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;

use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use http_body::Body;
use hyper::body::Incoming;
use tidegate_balance::Pool;
use tidegate_pipeline::Refusal;
use tidegate_telemetry::metrics::{PoolFailure, PoolMetrics};
use tokio::time::{Duration, Instant};

use crate::observe::Story;
use crate::proxy::Proxy;
use crate::traced::phase;
use crate::upload::{Upload, UploadFacts};
use crate::upstream::{Destination, Lease, NoConnection};

/// A connection that lay idle for so long may just be being closed by the service.
const DOUBTFUL_AFTER: Duration = Duration::from_secs(1);

/// One request's way to its service.
pub(crate) struct Errand<'e> {
    pub(crate) proxy: &'e Proxy,
    pub(crate) pool: &'e Pool,
    pub(crate) metrics: &'e Arc<PoolMetrics>,
    pub(crate) upload: Rc<UploadFacts>,
    pub(crate) until: Instant,
}

impl Errand<'_> {
    /// Gets an answer's head and the connection that it came by, from an endpoint of this region.
    pub(crate) async fn run(
        &self,
        head: Parts,
        body: Upload,
        story: &mut Story,
    ) -> Result<(Response<Incoming>, Lease), Trouble> {
        let mut request = Request::from_parts(head, body);
        let mut tried = Vec::new();
        let turn = self.proxy.next_turn();
        let mut last = Refusal::NoEndpoint;
        while (tried.len() as u32) < self.pool.spec.attempts_max {
            let Some(at) = self.pool.pick(turn, &tried) else {
                break;
            };
            tried.push(at);
            let endpoint = &self.pool.endpoints[at];
            story.endpoint = Some(Arc::clone(&endpoint.label));
            let destination = Destination::Endpoint(endpoint.name.clone());
            match self.at(&destination, request, story).await {
                Err(Trouble::NotSent(unsent, refusal)) => {
                    request = *unsent;
                    last = refusal;
                }
                done => return done,
            }
        }
        Err(Trouble::NotSent(request.into(), last))
    }

    /// Tries one destination; when a connection that lay idle fails, once more on a new one.
    pub(crate) async fn at(
        &self,
        destination: &Destination,
        mut request: Request<Upload>,
        story: &mut Story,
    ) -> Result<(Response<Incoming>, Lease), Trouble> {
        story.attempts += 1;
        story.begin_attempt(request.headers_mut());
        let answered = self.exchange(destination, request, story).await;
        story.end_attempt(match &answered {
            Ok((response, _)) => Ok(response.status().as_u16()),
            Err(Trouble::NotSent(_, refusal) | Trouble::Final(refusal)) => Err(refusal),
        });
        answered
    }

    async fn exchange(
        &self,
        destination: &Destination,
        mut request: Request<Upload>,
        story: &mut Story,
    ) -> Result<(Response<Incoming>, Lease), Trouble> {
        let cells = self.metrics.of(self.proxy.core);
        let mut fresh = false;
        loop {
            cells.attempts.add(1);
            story.enter(phase::CONNECT);
            let leased = self
                .proxy
                .upstreams
                .lease(destination, &self.pool.spec, self.metrics, fresh)
                .await;
            story.leave();
            let mut lease = match leased {
                Ok(lease) => lease,
                Err(NoConnection::Failed(error)) => {
                    tracing::debug!(?destination, %error, "A service cannot be reached.");
                    return Err(Trouble::NotSent(request.into(), Refusal::Unreachable));
                }
                Err(NoConnection::Timeout) => {
                    return Err(Trouble::NotSent(request.into(), Refusal::Unreachable));
                }
            };
            let spare = lease
                .idle_for
                .filter(|idle| *idle > DOUBTFUL_AFTER)
                .and_then(|_| spare_head(&request));
            let sent_at = self.proxy.shared.clock.mono();
            let answer = self.in_time(lease.sender().try_send_request(request)).await;
            match answer {
                Some(Ok(response)) => {
                    let took = self.proxy.shared.clock.mono().since(sent_at);
                    story.first_byte = Some(took);
                    cells.answered(response.status().as_u16(), took);
                    return if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                        // We never asked for that.
                        lease.failed(PoolFailure::Broken);
                        Err(Trouble::Final(Refusal::BadAnswer))
                    } else {
                        Ok((response, lease))
                    };
                }
                Some(Err(mut error)) => match (error.take_message(), spare) {
                    (Some(unsent), _) if !fresh => {
                        request = unsent;
                        fresh = true;
                    }
                    (Some(unsent), _) => {
                        return Err(Trouble::NotSent(unsent.into(), Refusal::Unreachable));
                    }
                    (None, Some(spare)) if self.upload.refusal().is_none() => {
                        request = spare.with_body(&self.upload, self.until);
                        fresh = true;
                    }
                    (None, _) => {
                        lease.failed(PoolFailure::Broken);
                        let client = self.upload.refusal();
                        return Err(Trouble::Final(client.unwrap_or(Refusal::BadAnswer)));
                    }
                },
                None => {
                    lease.failed(PoolFailure::FirstByteTimeout);
                    let refusal = match self.upload.refusal() {
                        Some(refusal) => refusal,
                        None if self.upload.awaited() => Refusal::BodyTimeout,
                        None => Refusal::UpstreamTimeout,
                    };
                    return Err(Trouble::Final(refusal));
                }
            }
        }
    }

    /// Waits for an answer's head: until the exchange's time is over, or the service has neither
    /// answered nor taken more of the client's body for its first-byte time.
    async fn in_time<T>(&self, answer: impl Future<Output = T>) -> Option<T> {
        let wait = self.pool.spec.first_byte_timeout.get();
        let mut answer = pin!(answer);
        let mut due = (Instant::now() + wait).min(self.until);
        loop {
            if let Ok(answer) = tokio::time::timeout_at(due, answer.as_mut()).await {
                return Some(answer);
            }
            let now = Instant::now();
            let since = match self.upload.moved_at() {
                // The time of bodies counts, and ends the exchange by itself.
                _ if self.upload.awaited() => now,
                Some(moved_at) => moved_at,
                None => return None,
            };
            due = (since + wait).min(self.until);
            if due <= now {
                return None;
            }
        }
    }
}

/// Why there is no answer.
pub(crate) enum Trouble {
    /// Nothing was sent: another endpoint may be tried.
    NotSent(Box<Request<Upload>>, Refusal),
    /// The request may have been acted on.
    Final(Refusal),
}

impl Trouble {
    /// What the client is told if nothing else is tried.
    pub(crate) fn refusal(self) -> Refusal {
        match self {
            Self::NotSent(_, refusal) | Self::Final(refusal) => refusal,
        }
    }
}

/// A copy of a request's head, should it have to be sent again.
pub(crate) struct Spare(Parts);

/// RFC 9110 section 9.2.2: sending these again asks for nothing that was not asked for already.
fn spare_head(request: &Request<Upload>) -> Option<Spare> {
    let idempotent = matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE
    );
    if idempotent { Spare::of(request) } else { None }
}

impl Spare {
    /// `None` if there is a body: that can be sent once only.
    pub(crate) fn of(request: &Request<Upload>) -> Option<Self> {
        if !request.body().is_end_stream() {
            return None;
        }
        let (mut head, ()) = Request::new(()).into_parts();
        head.method = request.method().clone();
        head.uri = request.uri().clone();
        head.version = request.version();
        head.headers = request.headers().clone();
        Some(Self(head))
    }

    pub(crate) fn with_body(self, upload: &Rc<UploadFacts>, until: Instant) -> Request<Upload> {
        Request::from_parts(self.0, Upload::empty(Rc::clone(upload), until))
    }
}
