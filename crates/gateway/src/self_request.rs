//! Whether clients who come to this node's own doors would be answered.
//!
//! Each door is asked as a client would ask it: a connection, and on a door without TLS a request
//! through the whole of the data plane up to the routes. A door that is full answers nobody, and a
//! node whose sockets or files have run out shows it here first.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tidegate_net::DoorSettings;
use tidegate_proxy::OwnWord;
use tidegate_steer::Trouble;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// For one door.
const PATIENCE: Duration = Duration::from_secs(1);
/// How an answer begins that means all is well.
const WELL: &[u8] = b"HTTP/1.1 204";

/// Asks all doors for clients, one after the other.
///
/// # Errors
/// The first door that does not answer. A door that is full or slow still serves those who are in.
pub(crate) async fn ask_doors(doors: &[Arc<DoorSettings>], word: &OwnWord) -> Result<(), Trouble> {
    for door in doors.iter().filter(|door| door.peers.is_none()) {
        let name = &door.name;
        match tokio::time::timeout(PATIENCE, ask(door, word)).await {
            Ok(Ok(true)) => {}
            Ok(Ok(false)) => {
                return Err(Trouble::partial(format!(
                    "the door `{name}` turns clients away"
                )));
            }
            Ok(Err(error)) => {
                return Err(Trouble::total(format!(
                    "the door `{name}` cannot be reached: {error}"
                )));
            }
            Err(_) => {
                return Err(Trouble::partial(format!(
                    "the door `{name}` does not answer"
                )));
            }
        }
    }
    Ok(())
}

/// Whether a door answers as it should.
async fn ask(door: &DoorSettings, word: &OwnWord) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(reachable(door.addr)).await?;
    if door.tls.is_some() {
        return Ok(true);
    }
    stream.write_all(word.question().as_bytes()).await?;
    let mut answer = [0; WELL.len()];
    // A door that is full closes the connection.
    let read = stream.read_exact(&mut answer).await;
    Ok(read.is_ok() && answer == WELL)
}

/// Where to connect to reach what listens there.
const fn reachable(listens: SocketAddr) -> SocketAddr {
    let ip = match listens.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, listens.port())
}
