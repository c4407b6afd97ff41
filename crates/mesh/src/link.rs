//! This node's end of the mesh.

use std::collections::HashMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use quinn::{Connection, Endpoint, Incoming, Runtime, ServerConfig, TokioRuntime};
use rustls::pki_types::CertificateDer;
use tidegate_model::NodeId;
use tidegate_telemetry::Metrics;
use tokio::sync::mpsc;

use crate::dial::{By, Dialler, Drop, Outgoing, QUEUE};
use crate::tls::node_of;
use crate::transport::{STREAMS_MAX, transport};
use crate::wan::WanSocket;
use crate::{Links, PeerTls};

/// The longest message that is taken by stream.
const MESSAGE_MAX: usize = 4 << 20;
/// Peers that are spoken to at a time.
const PEERS_MAX: usize = 1_024;

/// Takes what peers send: who, what, and how long it was under way, at a guess. Returns whether
/// there was time for it.
pub type Inbox = Arc<dyn Fn(NodeId, Bytes, Duration) -> bool + Send + Sync>;

/// What a node needs to be in the mesh.
#[derive(Clone, Debug)]
pub struct MeshSpec {
    /// Where it listens (UDP).
    pub addr: SocketAddr,
    /// Its certificate and the authority it trusts.
    pub tls: PeerTls,
    /// Distance and cuts, for worlds on one machine.
    pub links: Option<Arc<Links>>,
}

/// Why a node cannot be in the mesh.
#[derive(Debug, thiserror::Error)]
pub enum MeshError {
    /// Its address is in use.
    #[error("the mesh door cannot open: {0} is in use")]
    InUse(SocketAddr),
    /// Something else.
    #[error("the mesh door cannot open on {addr}: {source}")]
    Io {
        /// Where it should listen.
        addr: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
}

/// This node's end of the mesh.
#[derive(Debug)]
pub struct Mesh {
    endpoint: Endpoint,
    tls: PeerTls,
    links: Arc<Links>,
    metrics: Arc<Metrics>,
    peers: Mutex<HashMap<NodeId, mpsc::Sender<Outgoing>>>,
}

impl Mesh {
    /// Opens the mesh door and listens. Call it within the control runtime.
    ///
    /// # Errors
    /// [`MeshError`].
    pub fn start(
        spec: MeshSpec,
        metrics: Arc<Metrics>,
        inbox: Inbox,
    ) -> Result<Arc<Self>, MeshError> {
        let MeshSpec { addr, tls, links } = spec;
        let io = |source: std::io::Error| match source.kind() {
            std::io::ErrorKind::AddrInUse => MeshError::InUse(addr),
            _ => MeshError::Io { addr, source },
        };
        let runtime = Arc::new(TokioRuntime);
        let socket = runtime
            .wrap_udp_socket(UdpSocket::bind(addr).map_err(io)?)
            .map_err(io)?;
        let (socket, links) = match links {
            Some(links) => (WanSocket::new(socket, Arc::clone(&links)) as Arc<_>, links),
            None => (socket, Arc::default()),
        };
        let mut server = ServerConfig::with_crypto(Arc::clone(&tls.server) as Arc<_>);
        server.transport_config(transport());
        let config = tls.endpoint.clone();
        let endpoint = Endpoint::new_with_abstract_socket(config, Some(server), socket, runtime)
            .map_err(io)?;
        let mesh = Arc::new(Self {
            endpoint,
            tls,
            links,
            metrics,
            peers: Mutex::default(),
        });
        tokio::spawn(listen(Arc::clone(&mesh), inbox));
        Ok(mesh)
    }

    /// Sends a message as soon as there is a link. It may be lost; what is reliable is lost only
    /// with the link.
    pub fn send(&self, to: NodeId, addr: SocketAddr, bytes: Bytes, reliable: bool) {
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        let mut message = Outgoing {
            addr,
            bytes,
            reliable,
        };
        if let Some(peer) = peers.get(&to) {
            match peer.try_send(message) {
                Ok(()) => return,
                Err(mpsc::error::TrySendError::Full(_)) => {
                    self.dropped(Drop::QueueFull);
                    return;
                }
                // Nobody spoke to it for a while, and its task has ended.
                Err(mpsc::error::TrySendError::Closed(unsent)) => message = unsent,
            }
        }
        peers.retain(|_, peer| !peer.is_closed());
        if peers.len() >= PEERS_MAX {
            self.dropped(Drop::QueueFull);
            return;
        }
        let (sender, receiver) = mpsc::channel(QUEUE);
        let dialler = Dialler {
            endpoint: self.endpoint.clone(),
            tls: self.tls.clone(),
            node: to.clone(),
            links: Arc::clone(&self.links),
            metrics: Arc::clone(&self.metrics),
        };
        tokio::spawn(dialler.speak(receiver));
        if sender.try_send(message).is_err() {
            self.dropped(Drop::QueueFull);
        }
        peers.insert(to, sender);
    }

    /// Says goodbye to all peers and waits until they have heard it, but not for long.
    pub async fn close(&self) {
        self.endpoint.close(0_u32.into(), b"leaving");
        let _late =
            tokio::time::timeout(Duration::from_millis(500), self.endpoint.wait_idle()).await;
    }

    fn dropped(&self, why: Drop) {
        self.metrics.mesh.dropped[why as usize].add(1);
    }
}

async fn listen(mesh: Arc<Mesh>, inbox: Inbox) {
    while let Some(incoming) = mesh.endpoint.accept().await {
        tokio::spawn(hear(Arc::clone(&mesh), incoming, Arc::clone(&inbox)));
    }
}

/// Hears one peer until it leaves.
async fn hear(mesh: Arc<Mesh>, incoming: Incoming, inbox: Inbox) {
    let addr = incoming.remote_address();
    let conn = match incoming.await {
        Ok(conn) => conn,
        Err(error) => {
            tracing::debug!(%addr, %error, "Somebody was not let into the mesh.");
            return;
        }
    };
    let Some(node) = peer(&conn) else {
        tracing::warn!(%addr, "A peer has a certificate of our authority that names no node.");
        conn.close(1_u32.into(), b"no node's certificate");
        return;
    };
    mesh.links.learn(addr, &node.region);
    let take = |bytes: Bytes, by: By| {
        mesh.metrics.mesh.received[by as usize].add(bytes.len() as u64);
        if !inbox(node.clone(), bytes, conn.rtt() / 2) {
            mesh.dropped(Drop::Busy);
        }
    };
    let (sender, mut messages) = mpsc::channel::<Bytes>(STREAMS_MAX as usize);
    loop {
        tokio::select! {
            datagram = conn.read_datagram() => match datagram {
                Ok(bytes) => take(bytes, By::Datagram),
                Err(_) => return,
            },
            stream = conn.accept_uni() => match stream {
                Ok(mut stream) => {
                    let sender = sender.clone();
                    // Streams at a time are bounded by the transport, and their length here.
                    tokio::spawn(async move {
                        if let Ok(bytes) = stream.read_to_end(MESSAGE_MAX).await {
                            let _gone = sender.send(bytes.into()).await;
                        }
                    });
                }
                Err(_) => return,
            },
            Some(bytes) = messages.recv() => take(bytes, By::Stream),
        }
    }
}

/// The node that a peer has proven to be.
fn peer(conn: &Connection) -> Option<NodeId> {
    let identity = conn
        .peer_identity()?
        .downcast::<Vec<CertificateDer<'static>>>()
        .ok()?;
    node_of(identity.first()?)
}
