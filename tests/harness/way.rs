//! The way to a server, which can be broken while the server goes on.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// How the way is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// It is open.
    None,
    /// Connections are closed as soon as they are made.
    Refused,
    /// What is sent is taken, and never answered.
    Silent,
}

/// A way to a server. It ends with the test's runtime.
#[derive(Clone, Debug)]
pub struct Way {
    /// Where it begins.
    pub addr: SocketAddr,
    fault: Arc<watch::Sender<Fault>>,
}

impl Way {
    /// An open way to `server`.
    ///
    /// # Panics
    /// If no port is free.
    pub async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let addr = listener.local_addr().expect("a bound socket");
        let fault = Arc::new(watch::Sender::new(Fault::None));
        let way = Self {
            addr,
            fault: Arc::clone(&fault),
        };
        tokio::spawn(async move {
            loop {
                if let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(carry(stream, server, fault.subscribe()));
                }
            }
        });
        way
    }

    /// Breaks it, or mends it. Connections that are open are cut.
    pub fn set(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }
}

async fn carry(mut client: TcpStream, server: SocketAddr, mut fault: watch::Receiver<Fault>) {
    let at = *fault.borrow_and_update();
    let carried = async {
        match at {
            Fault::None => {
                if let Ok(mut server) = TcpStream::connect(server).await {
                    // Whoever ends it, it has ended.
                    let _ended = copy_bidirectional(&mut client, &mut server).await;
                }
            }
            Fault::Refused => {}
            Fault::Silent => {
                let mut taken = [0; 4_096];
                while client.read(&mut taken).await.is_ok_and(|read| read > 0) {}
                tokio::time::sleep(Duration::from_secs(60)).await;
            }
        }
    };
    tokio::select! {
        () = carried => {}
        _changed = fault.changed() => {}
    }
}
