//! Admin doors of nodes in namespaces, made to be reached from outside at the same addresses:
//! commands need not know where a node runs.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::space::enter;

/// Until a node has taken a connection on loopback.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Connections at a time for a node.
const CONNECTIONS_MAX: usize = 64;

/// An address here that leads to the same address in a namespace, until this is dropped.
#[derive(Debug)]
pub struct Bridge(JoinHandle<()>);

impl Bridge {
    /// Opens it.
    ///
    /// # Errors
    /// If the address is taken here.
    pub async fn open(addr: SocketAddr, space: String) -> io::Result<Self> {
        let listener = TcpListener::bind(addr).await?;
        Ok(Self(tokio::spawn(serve(listener, addr, space))))
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn serve(listener: TcpListener, addr: SocketAddr, space: String) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let Ok((mut outside, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        while connections.try_join_next().is_some() {}
        if connections.len() >= CONNECTIONS_MAX {
            continue;
        }
        let space = space.clone();
        connections.spawn(async move {
            // Whoever asks sees a connection that ends, as a dead node's does.
            if let Ok(mut inside) = connect(addr, space).await {
                let _broken = copy_bidirectional(&mut outside, &mut inside).await;
            }
        });
    }
}

/// A socket belongs to the namespace of the thread that makes it, whoever uses it later.
async fn connect(addr: SocketAddr, space: String) -> io::Result<TcpStream> {
    let (sender, made) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let stream = enter(&space)
            .and_then(|()| std::net::TcpStream::connect_timeout(&addr, CONNECT_TIMEOUT));
        // Whoever asked may be gone.
        let _gone = sender.send(stream);
    });
    let stream = made.await.map_err(io::Error::other)??;
    stream.set_nonblocking(true)?;
    TcpStream::from_std(stream)
}
