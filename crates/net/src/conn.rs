//! One connection, from its first byte to its last.

use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::Request;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::rt::Executor;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tidegate_runtime::{Clock, Phase, Stopping};
use tidegate_telemetry::metrics::Cut;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use crate::activity::{Activity, Watchdog};
use crate::preface::sniff;
use crate::watched::Watched;
use crate::{Client, ConnFacts, DoorSettings, Protocol, ServeRequest};

/// Resets that a client may send before its streams were even looked at (CVE-2023-44487).
const EARLY_RESETS_MAX: usize = 20;
/// Streams that we reset because of the client's mistakes, before the connection is ended
/// (CVE-2025-8671).
const OWN_RESETS_MAX: usize = 100;
/// A silent HTTP/2 client is asked whether it is still there.
const PING_EVERY: Duration = Duration::from_secs(20);
const PING_TIMEOUT: Duration = Duration::from_secs(20);
/// hyper's smallest buffer.
const BUFFER_MIN: usize = 8_192;

/// What all connections of a door on one core share.
pub(crate) struct Hall<S> {
    pub(crate) door: Rc<str>,
    pub(crate) settings: Arc<DoorSettings>,
    pub(crate) tls: Option<TlsAcceptor>,
    pub(crate) trusted_proxies: Rc<[tidegate_model::Prefix]>,
    pub(crate) service: Rc<S>,
    pub(crate) clock: Clock,
    pub(crate) stopping: Stopping,
}

/// Serves a connection until it ends. Returns why it was cut, if it was.
pub(crate) async fn serve<S: ServeRequest>(
    hall: Rc<Hall<S>>,
    mut stream: TcpStream,
    peer: std::net::SocketAddr,
) -> Option<Cut> {
    let facts = |protocol| ConnFacts {
        door: Rc::clone(&hall.door),
        peer,
        secure: hall.tls.is_some(),
        protocol,
        trusted_proxies: Rc::clone(&hall.trusted_proxies),
        debug: hall.settings.debug,
        client: None,
        node: None,
        exposure: hall.settings.exposure,
    };
    // Small answers must not wait for more to come.
    let _best_effort = stream.set_nodelay(true);
    let cut = match &hall.tls {
        Some(tls) => match tokio::time::timeout(hall.settings.first_byte, tls.accept(stream)).await
        {
            Err(_) => Some(Cut::FirstByteTimeout),
            Ok(Err(_)) => Some(Cut::Tls),
            Ok(Ok(stream)) => {
                let tls = stream.get_ref().1;
                let protocol = match tls.alpn_protocol() {
                    Some(b"h2") => Protocol::Http2,
                    _ => Protocol::Http1,
                };
                let clients = hall.settings.clients.as_ref();
                let chain = tls.peer_certificates().zip(clients);
                let peers = hall.settings.peers.as_ref();
                let node = peers.map(|peers| peers.visitor(tls));
                if let Some(None) = node {
                    // Whoever it is, it is no node of another region, or speaks something else.
                    return Some(Cut::Tls);
                }
                let facts = ConnFacts {
                    node: node.flatten(),
                    client: chain
                        .and_then(|(chain, by)| Client::of(chain, by, hall.clock.mono()))
                        .map(Rc::new),
                    ..facts(protocol)
                };
                return serve_http(&hall, Bytes::new(), stream, facts).await;
            }
        },
        None => match tokio::time::timeout(hall.settings.first_byte, sniff(&mut stream)).await {
            Err(_) => Some(Cut::FirstByteTimeout),
            // It came and left: a port scan, or a health check of a load balancer.
            Ok(Ok(None)) => None,
            Ok(Err(_)) => Some(Cut::Broken),
            Ok(Ok(Some((protocol, ahead)))) => {
                return serve_http(&hall, ahead, stream, facts(protocol)).await;
            }
        },
    };
    if let Some(why) = cut {
        hall.service.cut(&facts(Protocol::Http1), why);
    }
    cut
}

async fn serve_http<S: ServeRequest, T: AsyncRead + AsyncWrite + Unpin + 'static>(
    hall: &Hall<S>,
    ahead: Bytes,
    stream: T,
    facts: ConnFacts,
) -> Option<Cut> {
    let DoorSettings {
        header,
        idle,
        header_max,
        streams_max,
        ..
    } = *hall.settings;
    let buffer_max = header_max.max(BUFFER_MIN);
    let activity = Activity::new(hall.clock, header, idle);
    let io = TokioIo::new(Watched::new(ahead, stream, Rc::clone(&activity)));
    let facts = Rc::new(facts);
    let service = {
        let (service, facts, activity) = (
            Rc::clone(&hall.service),
            Rc::clone(&facts),
            Rc::clone(&activity),
        );
        service_fn(move |request: Request<Incoming>| {
            let busy = activity.begin();
            let answer = Rc::clone(&service).serve(request, Rc::clone(&facts), busy);
            // In a box: hyper moves the future about, and it is large.
            let answer = Box::pin(answer);
            let ask_to_close = (facts.protocol == Protocol::Http1).then(|| hall.stopping.clone());
            async move {
                let mut answer = answer.await;
                // Closed by us at once, an idle connection might cross with its client's next
                // request. So that one is answered, and told that it was the last.
                if ask_to_close.is_some_and(|stopping| stopping.phase() >= Phase::Away) {
                    let headers = answer.headers_mut();
                    headers.insert(CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, std::convert::Infallible>(answer)
            }
        })
    };
    let watchdog = Watchdog::new(Rc::clone(&activity));
    let ended = match facts.protocol {
        Protocol::Http1 => {
            let mut builder = http1::Builder::new();
            builder
                // Who comes while the node drains, or is away, gets one answer.
                .keep_alive(hall.stopping.phase() < Phase::Away)
                .header_read_timeout(None)
                .max_buf_size(buffer_max);
            let conn = builder.serve_connection(io, service);
            until_end(
                conn,
                watchdog,
                reached(hall.stopping.clone(), Phase::Closing),
                |conn| {
                    conn.graceful_shutdown();
                },
            )
            .await
        }
        Protocol::Http2 => {
            let mut builder = http2::Builder::new(OnThisCore);
            builder
                .timer(TokioTimer::new())
                .max_concurrent_streams(streams_max)
                .max_header_list_size(u32::try_from(header_max).unwrap_or(u32::MAX))
                .max_pending_accept_reset_streams(EARLY_RESETS_MAX)
                .max_local_error_reset_streams(OWN_RESETS_MAX)
                .keep_alive_interval(PING_EVERY)
                .keep_alive_timeout(PING_TIMEOUT);
            let conn = builder.serve_connection(io, service);
            until_end(
                conn,
                watchdog,
                reached(hall.stopping.clone(), Phase::Away),
                |conn| {
                    conn.graceful_shutdown();
                },
            )
            .await
        }
    };
    let cut = match ended {
        End::Cut(why) => Some(why),
        End::Served(Ok(())) => None,
        // hyper reports what it met when it closed, which hides why it closed.
        End::Served(Err(_))
            if facts.protocol == Protocol::Http1 && activity.head_exceeds(buffer_max) =>
        {
            Some(Cut::HeaderTooLarge)
        }
        End::Served(Err(error)) => Some(reason(&error)),
    };
    if let Some(why) = cut {
        hall.service.cut(&facts, why);
    }
    cut
}

enum End {
    Served(hyper::Result<()>),
    Cut(Cut),
}

/// Runs a connection until it ends, its time is over, or the node is being stopped and it has
/// finished.
async fn until_end<C: Future<Output = hyper::Result<()>>>(
    conn: C,
    watchdog: Watchdog,
    leave: impl Future<Output = ()>,
    finish: impl Fn(std::pin::Pin<&mut C>),
) -> End {
    let mut conn = pin!(conn);
    let mut watchdog = pin!(watchdog);
    let mut leave = pin!(leave);
    let mut finishing = false;
    loop {
        tokio::select! {
            biased;
            ended = conn.as_mut() => return End::Served(ended),
            why = watchdog.as_mut() => return End::Cut(why),
            () = leave.as_mut(), if !finishing => {
                finishing = true;
                finish(conn.as_mut());
            }
        }
    }
}

async fn reached(mut stopping: Stopping, phase: Phase) {
    stopping.reached(phase).await;
}

/// What hyper says of a broken connection, in our words.
fn reason(error: &hyper::Error) -> Cut {
    if error.is_parse_too_large() {
        Cut::HeaderTooLarge
    } else if error.is_parse() || error.is_parse_status() {
        Cut::Malformed
    } else {
        Cut::Broken
    }
}

/// Runs tasks of HTTP/2 connections where they were born.
#[derive(Clone, Copy, Debug)]
struct OnThisCore;

impl<F: Future + 'static> Executor<F> for OnThisCore {
    fn execute(&self, task: F) {
        tokio::task::spawn_local(async move {
            task.await;
        });
    }
}
