//! A server that is asked about callers: an issuer's introspection, or an authorizer.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What is answered to a request: status, fields (a line each) and body. `None` closes the
/// connection.
pub type Says = Box<dyn Fn(&str) -> Option<(u16, String, String)> + Send>;

/// A server that is asked about callers. It ends with the test's runtime.
#[derive(Clone)]
pub struct Oracle {
    /// Where it listens.
    pub addr: SocketAddr,
    state: Arc<Mutex<State>>,
}

struct State {
    says: Says,
    asked: Vec<String>,
    connections: usize,
    thinks: Duration,
}

impl fmt::Debug for Oracle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Oracle")
            .field("addr", &self.addr)
            .finish_non_exhaustive()
    }
}

impl Oracle {
    /// Starts one.
    ///
    /// # Panics
    /// If there is no free port.
    pub async fn start(says: Says) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let oracle = Self {
            addr: listener.local_addr().expect("bound"),
            state: Arc::new(Mutex::new(State {
                says,
                asked: Vec::new(),
                connections: 0,
                thinks: Duration::ZERO,
            })),
        };
        let serving = oracle.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                serving.state().connections += 1;
                tokio::spawn(serving.clone().serve(stream));
            }
        });
        oracle
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says something else from now on.
    pub fn says(&self, says: Says) {
        self.state().says = says;
    }

    /// Takes so long to answer.
    pub fn thinks(&self, time: Duration) {
        self.state().thinks = time;
    }

    /// What it was asked so far: heads with bodies.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        self.state().asked.clone()
    }

    /// How many connections were made to it.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.state().connections
    }

    async fn serve(self, mut stream: TcpStream) -> Option<()> {
        let mut buffer = Vec::new();
        loop {
            let text = String::from_utf8_lossy(&buffer).into_owned();
            let Some((head, body)) = text.split_once("\r\n\r\n") else {
                if stream.read_buf(&mut buffer).await.ok()? == 0 {
                    return None;
                }
                continue;
            };
            let lower = head.to_ascii_lowercase();
            let mut lines = lower.lines();
            let length = lines.find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
            let length: usize = length.unwrap_or(0);
            if body.len() < length {
                if stream.read_buf(&mut buffer).await.ok()? == 0 {
                    return None;
                }
                continue;
            }
            let request = text[..head.len() + 4 + length].to_owned();
            buffer.drain(..request.len());
            let (answer, thinks) = {
                let mut state = self.state();
                state.asked.push(request.clone());
                ((state.says)(&request), state.thinks)
            };
            tokio::time::sleep(thinks).await;
            let (status, fields, body) = answer?;
            let length = body.len();
            let answer =
                format!("HTTP/1.1 {status} x\r\n{fields}content-length: {length}\r\n\r\n{body}");
            stream.write_all(answer.as_bytes()).await.ok()?;
        }
    }
}
