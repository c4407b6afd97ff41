//! One core's connections to services.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;

use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tidegate_balance::{EndpointName, PoolSpec};
use tidegate_dns::Dns;
use tidegate_model::{Mono, NodeId};
use tidegate_runtime::Clock;
use tidegate_telemetry::metrics::{Counted, PoolFailure, PoolMetrics};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::relays::Relays;
use crate::upload::Upload;

/// The largest head of an answer. hyper sees to it that it has at most 100 fields.
const HEAD_MAX: usize = 64 * 1_024;
/// Ways to another region and back until it takes a request: TCP, and TLS 1.3.
const HANDSHAKES: u32 = 4;
/// How often idle connections are looked through for those that lie too long.
const SWEEP: Duration = Duration::from_secs(5);

/// One core's connections to services.
pub(crate) struct Upstreams {
    idle: RefCell<BTreeMap<Destination, Vec<Idle>>>,
    core: usize,
    clock: Clock,
    dns: Dns,
    relays: Option<Arc<Relays>>,
}

/// Where a connection leads.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Destination {
    /// An endpoint of a service.
    Endpoint(EndpointName),
    /// A node of another region, at its relay door.
    Node(Box<NodeId>, SocketAddr),
}

struct Idle {
    sender: SendRequest<Upload>,
    since: Mono,
    keep: Duration,
}

/// A connection in use by one request.
pub(crate) struct Lease {
    sender: SendRequest<Upload>,
    destination: Destination,
    idle_max: usize,
    keep: Duration,
    home: Weak<Upstreams>,
    counted: Counted,
    /// How long it had been idle, if it was used before.
    pub(crate) idle_for: Option<Duration>,
}

/// Why there is no connection.
#[derive(Debug)]
pub(crate) enum NoConnection {
    /// Refused, unreachable, or no address.
    Failed(io::Error),
    /// Not in time.
    Timeout,
}

impl Upstreams {
    pub(crate) fn new(
        core: usize,
        clock: Clock,
        dns: Dns,
        relays: Option<Arc<Relays>>,
    ) -> Rc<Self> {
        let upstreams = Rc::new(Self {
            idle: RefCell::default(),
            core,
            clock,
            dns,
            relays,
        });
        tokio::task::spawn_local(sweep(Rc::downgrade(&upstreams)));
        upstreams
    }

    /// A connection that lies ready, or a new one.
    pub(crate) async fn lease(
        self: &Rc<Self>,
        destination: &Destination,
        spec: &PoolSpec,
        metrics: &Arc<PoolMetrics>,
        fresh: bool,
    ) -> Result<Lease, NoConnection> {
        let idle = if fresh {
            None
        } else {
            self.take_idle(destination).await
        };
        let (sender, idle_for) = match idle {
            Some((sender, idle_for)) => {
                metrics.of(self.core).reused.add(1);
                (sender, Some(idle_for))
            }
            None => (self.connect(destination, spec, metrics).await?, None),
        };
        Ok(Lease {
            sender,
            destination: destination.clone(),
            idle_max: spec.idle_connections_max,
            keep: spec.idle_connection_timeout.get(),
            home: Rc::downgrade(self),
            counted: Counted::request(Arc::clone(metrics), self.core),
            idle_for,
        })
    }

    /// The connection that was used last: the others may grow old and be closed.
    async fn take_idle(
        &self,
        destination: &Destination,
    ) -> Option<(SendRequest<Upload>, Duration)> {
        loop {
            let mut candidate = self.idle.borrow_mut().get_mut(destination)?.pop()?;
            let idle_for = self.clock.mono().since(candidate.since);
            // The service may have closed it meanwhile, or its last answer may not be quite over.
            if idle_for < candidate.keep && candidate.sender.ready().await.is_ok() {
                return Some((candidate.sender, idle_for));
            }
        }
    }

    async fn connect(
        &self,
        destination: &Destination,
        spec: &PoolSpec,
        metrics: &Arc<PoolMetrics>,
    ) -> Result<SendRequest<Upload>, NoConnection> {
        let counted = || Counted::connection(Arc::clone(metrics), self.core);
        let connecting = async {
            match destination {
                Destination::Endpoint(endpoint) => {
                    let addr = self
                        .dns
                        .socket_addr(&endpoint.host, endpoint.port, self.clock.mono())
                        .await?;
                    speak_on(dial(addr).await?, counted).await
                }
                Destination::Node(node, addr) => {
                    let relays = self.relays.as_ref().ok_or(io::ErrorKind::Unsupported)?;
                    relays.under_way(&node.region, HANDSHAKES).await;
                    let stream = relays.peers.greet(dial(*addr).await?, node).await?;
                    speak_on(stream, counted).await
                }
            }
        };
        let cells = metrics.of(self.core);
        match tokio::time::timeout(spec.connect_timeout.get(), connecting).await {
            Ok(Ok(sender)) => Ok(sender),
            Ok(Err(error)) => {
                cells.failed(PoolFailure::Connect);
                Err(NoConnection::Failed(error))
            }
            Err(_) => {
                cells.failed(PoolFailure::ConnectTimeout);
                Err(NoConnection::Timeout)
            }
        }
    }
}

impl Lease {
    /// The connection, to send a request on.
    pub(crate) const fn sender(&mut self) -> &mut SendRequest<Upload> {
        &mut self.sender
    }

    /// The exchange is over and went well: the connection may serve another.
    pub(crate) fn give_back(self) {
        let Some(home) = self.home.upgrade() else {
            return;
        };
        if self.sender.is_closed() {
            return;
        }
        let mut idle = home.idle.borrow_mut();
        let kept = match idle.get_mut(&self.destination) {
            Some(kept) => kept,
            None => idle.entry(self.destination).or_default(),
        };
        if kept.len() < self.idle_max {
            kept.push(Idle {
                sender: self.sender,
                since: home.clock.mono(),
                keep: self.keep,
            });
        }
    }

    /// The exchange failed: the connection is closed.
    pub(crate) fn failed(self, why: PoolFailure) {
        self.counted.cells().failed(why);
    }
}

async fn dial(addr: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(addr).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Speaks HTTP/1.1 on a connection, in a task of its own.
async fn speak_on<T>(
    stream: T,
    counted: impl FnOnce() -> Counted,
) -> io::Result<SendRequest<Upload>>
where
    T: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let handshake = http1::Builder::new()
        .max_buf_size(HEAD_MAX)
        .handshake(TokioIo::new(stream));
    let (sender, conn) = handshake.await.map_err(io::Error::other)?;
    let counted = counted();
    tokio::task::spawn_local(async move {
        let _open = counted;
        // What goes wrong here is told to whoever waits for the answer.
        let _told = conn.await;
    });
    Ok(sender)
}

async fn sweep(upstreams: Weak<Upstreams>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        let Some(upstreams) = upstreams.upgrade() else {
            return;
        };
        let now = upstreams.clock.mono();
        let mut idle = upstreams.idle.borrow_mut();
        for kept in idle.values_mut() {
            kept.retain(|conn| !conn.sender.is_closed() && now.since(conn.since) < conn.keep);
        }
        idle.retain(|_, kept| !kept.is_empty());
    }
}
