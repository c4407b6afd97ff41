//! Doors and the sockets they listen on.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use crate::Clients;
use socket2::{Domain, Protocol, Socket, Type};
use tidegate_model::{Exposure, Prefix};
use tidegate_telemetry::metrics::DoorMetrics;

use crate::{Certificates, Peers};

/// Connections that wait to be accepted, on each core.
const BACKLOG: i32 = 1_024;

/// A door for clients.
#[derive(Clone, Debug)]
pub struct DoorSettings {
    /// Its name.
    pub name: String,
    /// Where it listens.
    pub addr: SocketAddr,
    /// Its certificate, if it is encrypted.
    pub tls: Option<Arc<Certificates>>,
    /// Who vouches for certificates of clients, if they are asked for.
    pub clients: Option<Arc<Clients>>,
    /// Which nodes come in by it, if it is not for clients.
    pub peers: Option<Arc<Peers>>,
    /// Proxies in front whose word on clients is believed.
    pub trusted_proxies: Vec<Prefix>,
    /// Whether answers tell how limits decided.
    pub debug: bool,
    /// Which routes it shows.
    pub exposure: Exposure,
    /// Connections open at a time, on all cores together.
    pub connections_max: u32,
    /// The largest header section.
    pub header_max: usize,
    /// Requests at a time on one HTTP/2 connection.
    pub streams_max: u32,
    /// From the connection to its first byte, and for the TLS handshake.
    pub first_byte: Duration,
    /// From a request's first byte to the end of its header section.
    pub header: Duration,
    /// Between requests.
    pub idle: Duration,
}

/// A door and one of its listening sockets, for one core.
#[derive(Debug)]
pub struct Door {
    pub(crate) settings: Arc<DoorSettings>,
    pub(crate) metrics: Arc<DoorMetrics>,
    pub(crate) listener: TcpListener,
}

/// A door that cannot be opened.
#[derive(Debug)]
pub struct BindError {
    /// Its name.
    pub door: String,
    /// Where it should listen.
    pub addr: SocketAddr,
    /// Why not.
    pub source: io::Error,
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { door, addr, source } = self;
        match source.kind() {
            io::ErrorKind::AddrInUse => {
                write!(f, "the door `{door}` cannot open: {addr} is in use")
            }
            io::ErrorKind::PermissionDenied => {
                write!(
                    f,
                    "the door `{door}` cannot open: {addr} needs more rights than this process has"
                )
            }
            io::ErrorKind::AddrNotAvailable => {
                write!(
                    f,
                    "the door `{door}` cannot open: this machine has no address {}",
                    addr.ip()
                )
            }
            _ => write!(f, "the door `{door}` cannot open on {addr}: {source}"),
        }
    }
}

impl std::error::Error for BindError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// Opens a door once for each of `cores`.
///
/// # Errors
/// [`BindError`]; nothing stays open then.
pub fn bind(
    settings: &Arc<DoorSettings>,
    metrics: &Arc<DoorMetrics>,
    cores: usize,
) -> Result<Vec<Door>, BindError> {
    let failed = |source| BindError {
        door: settings.name.clone(),
        addr: settings.addr,
        source,
    };
    // Sockets that share a port would also share it with another process of ours, which would then
    // get a part of our connections. So first see that nobody has it.
    drop(listen(settings.addr, false).map_err(failed)?);
    metrics.open_max.add(u64::from(settings.connections_max));
    (0..cores)
        .map(|_| {
            let listener = listen(settings.addr, true).map_err(failed)?;
            Ok(Door {
                settings: Arc::clone(settings),
                metrics: Arc::clone(metrics),
                listener,
            })
        })
        .collect()
}

fn listen(addr: SocketAddr, shared: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    // A restarted node must not wait for connections of its earlier life to time out.
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(addr: SocketAddr) -> Arc<DoorSettings> {
        let second = Duration::from_secs(1);
        Arc::new(DoorSettings {
            name: "public".to_owned(),
            addr,
            tls: None,
            peers: None,
            clients: None,
            trusted_proxies: Vec::new(),
            debug: false,
            exposure: Exposure::Public,
            connections_max: 10,
            header_max: 8_192,
            streams_max: 10,
            first_byte: second,
            header: second,
            idle: second,
        })
    }

    #[test]
    fn a_door_opens_once_a_core_and_not_where_another_is() {
        let metrics = Arc::default();
        let free = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let doors = bind(&settings(free), &metrics, 2).unwrap();
        assert_eq!(doors.len(), 2);
        let error = bind(&settings(free), &metrics, 1).unwrap_err().to_string();
        assert_eq!(
            error,
            format!("the door `public` cannot open: {free} is in use")
        );
        let error = bind(&settings("192.0.2.1:80".parse().unwrap()), &metrics, 1).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("this machine has no address 192.0.2.1")
        );
    }
}
