//! Connections by which nodes of different regions pass requests on to each other.
//!
//! TLS 1.3 with certificates on both sides, the same by which nodes know each other in the
//! mesh. What these look like is not known here: whoever makes [`Peers`] brings it along.

use std::io;
use std::sync::Arc;

use rustls::{ClientConfig, ServerConfig, ServerConnection};
use rustls_pki_types::{CertificateDer, ServerName};
use tidegate_model::{NodeId, RegionId};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// A connection to a node of another region.
pub type PeerConnection = tokio_rustls::client::TlsStream<TcpStream>;

/// How nodes of different regions know each other.
#[derive(Clone, Debug)]
pub struct Peers {
    /// The region of this node: its own nodes do not come in by the relay door.
    pub home: RegionId,
    /// For who dials, and for who listens. Both must name what they speak (ALPN).
    pub tls: (Arc<ClientConfig>, Arc<ServerConfig>),
    /// The node that a certificate was given to.
    pub node_of: fn(&CertificateDer<'_>) -> Option<NodeId>,
    /// The name that a node's certificate carries.
    pub server_name: fn(&NodeId) -> String,
}

impl Peers {
    pub(crate) fn server_config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.tls.1)
    }

    /// The node of another region at the other end.
    pub(crate) fn visitor(&self, tls: &ServerConnection) -> Option<NodeId> {
        // rustls lets a client in that names no protocol at all.
        tls.alpn_protocol()?;
        let node = (self.node_of)(tls.peer_certificates()?.first()?)?;
        (node.region != self.home).then_some(node)
    }

    /// Proves to each other who is who, on a connection to `node`.
    ///
    /// # Errors
    /// If the other end is not that node, or does not speak the same.
    pub async fn greet(&self, stream: TcpStream, node: &NodeId) -> io::Result<PeerConnection> {
        let name = ServerName::try_from((self.server_name)(node)).map_err(io::Error::other)?;
        let connector = TlsConnector::from(Arc::clone(&self.tls.0));
        let stream = connector.connect(name, stream).await?;
        match stream.get_ref().1.alpn_protocol() {
            Some(_) => Ok(stream),
            None => Err(io::Error::other("the peer does not take requests")),
        }
    }
}
