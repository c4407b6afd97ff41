//! Speaks to one peer: dials it when there is something to say, and again when the link is lost.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use quinn::{ClientConfig, Connection, Endpoint};
use tidegate_model::NodeId;
use tidegate_telemetry::Metrics;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;

use crate::tls::server_name;
use crate::transport::transport;
use crate::{Links, PeerTls};

/// Messages that wait for a peer.
pub(crate) const QUEUE: usize = 512;
/// A peer that nobody spoke to for so long is forgotten.
const FORGET: Duration = Duration::from_secs(60);
const DIAL_TIMEOUT: Duration = Duration::from_secs(3);
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// Streams to one peer at a time.
const STREAMS: usize = 32;
/// Until a stream's message is sent.
const STREAM_TIMEOUT: Duration = Duration::from_secs(5);

/// What is to be said.
pub(crate) struct Outgoing {
    pub(crate) addr: SocketAddr,
    pub(crate) bytes: Bytes,
    pub(crate) reliable: bool,
}

/// Which counter of dropped messages.
#[derive(Clone, Copy)]
pub(crate) enum Drop {
    QueueFull,
    NoLink,
    Busy,
}

/// How messages travel, as counted.
#[derive(Clone, Copy)]
pub(crate) enum By {
    Datagram,
    Stream,
}

pub(crate) struct Dialler {
    pub(crate) endpoint: Endpoint,
    pub(crate) tls: PeerTls,
    pub(crate) node: NodeId,
    pub(crate) links: Arc<Links>,
    pub(crate) metrics: Arc<Metrics>,
}

impl Dialler {
    /// Says what comes, until nothing comes any more.
    pub(crate) async fn speak(self, mut queue: mpsc::Receiver<Outgoing>) {
        let mut link: Option<(Connection, SocketAddr)> = None;
        let mut pause = PAUSE_MIN;
        let mut retry_at = Instant::now();
        let streams = Arc::new(Semaphore::new(STREAMS));
        while let Ok(Some(message)) = tokio::time::timeout(FORGET, queue.recv()).await {
            // A peer that has moved is dialled at its new address.
            let usable = |(conn, addr): &(Connection, SocketAddr)| {
                conn.close_reason().is_none() && *addr == message.addr
            };
            if !link.as_ref().is_some_and(usable) {
                self.lose(&mut link);
                if Instant::now() < retry_at {
                    self.dropped(Drop::NoLink);
                    continue;
                }
                match self.dial(message.addr).await {
                    Some(conn) => {
                        self.metrics.mesh.links.add(1);
                        pause = PAUSE_MIN;
                        link = Some((conn, message.addr));
                    }
                    None => {
                        pause = (pause * 2).min(PAUSE_MAX);
                        retry_at = Instant::now() + pause;
                        self.dropped(Drop::NoLink);
                        continue;
                    }
                }
            }
            if let Some((conn, _)) = &link {
                self.say(conn, message, &streams);
            }
        }
        self.lose(&mut link);
    }

    fn lose(&self, link: &mut Option<(Connection, SocketAddr)>) {
        if let Some((conn, _)) = link.take() {
            conn.close(0_u32.into(), b"");
            self.metrics.mesh.links.sub(1);
        }
    }

    async fn dial(&self, addr: SocketAddr) -> Option<Connection> {
        self.links.learn(addr, &self.node.region);
        let mut config = ClientConfig::new(Arc::clone(&self.tls.client) as Arc<_>);
        config.transport_config(transport());
        let connecting = match self
            .endpoint
            .connect_with(config, addr, &server_name(&self.node))
        {
            Ok(connecting) => connecting,
            Err(error) => {
                tracing::debug!(peer = %self.node, %error, "A peer cannot be dialled.");
                return None;
            }
        };
        match tokio::time::timeout(DIAL_TIMEOUT, connecting).await {
            Ok(Ok(conn)) => Some(conn),
            Ok(Err(error)) => {
                tracing::debug!(peer = %self.node, %error, "A peer does not let us in.");
                None
            }
            Err(_) => {
                tracing::debug!(peer = %self.node, "A peer does not answer.");
                None
            }
        }
    }

    fn say(&self, conn: &Connection, message: Outgoing, streams: &Arc<Semaphore>) {
        let len = message.bytes.len() as u64;
        let fits = conn
            .max_datagram_size()
            .is_some_and(|max| message.bytes.len() <= max);
        if !message.reliable && fits {
            match conn.send_datagram(message.bytes) {
                Ok(()) => self.metrics.mesh.sent[By::Datagram as usize].add(len),
                Err(_) => self.dropped(Drop::NoLink),
            }
            return;
        }
        let Ok(permit) = Arc::clone(streams).try_acquire_owned() else {
            self.dropped(Drop::QueueFull);
            return;
        };
        let (conn, metrics) = (conn.clone(), Arc::clone(&self.metrics));
        tokio::spawn(async move {
            let sending = async {
                let mut stream = conn.open_uni().await.ok()?;
                stream.write_all(&message.bytes).await.ok()?;
                stream.finish().ok()?;
                // Until the peer has it, or the link is gone.
                stream.stopped().await.ok()
            };
            match tokio::time::timeout(STREAM_TIMEOUT, sending).await {
                Ok(Some(_)) => metrics.mesh.sent[By::Stream as usize].add(len),
                Ok(None) | Err(_) => metrics.mesh.dropped[Drop::NoLink as usize].add(1),
            }
            drop(permit);
        });
    }

    fn dropped(&self, why: Drop) {
        self.metrics.mesh.dropped[why as usize].add(1);
    }
}
