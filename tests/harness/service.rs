//! Services that behave, or do not.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// How a service answers what is not a health check. It is always healthy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Behaviour {
    /// 200 with `hello`.
    Good,
    /// Not at all.
    Hangs,
    /// With a head and half of the body it announced; then it closes.
    DiesMidBody,
    /// With a head and half of the body it announced; then it hangs.
    StallsMidBody,
    /// It closes without a word.
    Closes,
    /// With something that is no HTTP.
    Babbles,
    /// With a body longer than it announced.
    Overruns,
    /// With the request's body, after having read all of it.
    Echoes,
    /// With the request's head as the body.
    Mirrors,
    /// With half of the body it announced, and the other half a second later.
    Drips,
    /// 200 after so many milliseconds.
    Slow(u64),
    /// 200, and says in `x-tokens` that it cost seven.
    Costs,
}

/// A service at a port of its own. It ends with the test's runtime.
#[derive(Clone, Debug)]
pub struct Service {
    /// Where it listens.
    pub addr: SocketAddr,
    /// Requests that reached it, health checks not counted.
    requests: Arc<AtomicUsize>,
}

impl Service {
    /// Starts a service.
    ///
    /// # Panics
    /// If there is no free port.
    pub async fn start(behaviour: Behaviour) -> Self {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0)), behaviour).await
    }

    /// Starts a service where another one was.
    ///
    /// # Panics
    /// If the address is not free.
    pub async fn start_at(addr: SocketAddr, behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind(addr).await.expect("a free port");
        let service = Self {
            addr: listener.local_addr().expect("bound"),
            requests: Arc::default(),
        };
        let requests = Arc::clone(&service.requests);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, behaviour, Arc::clone(&requests)));
            }
        });
        service
    }

    /// Requests that reached it, health checks not counted.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.requests.load(SeqCst)
    }
}

async fn serve(
    mut stream: TcpStream,
    behaviour: Behaviour,
    requests: Arc<AtomicUsize>,
) -> Option<()> {
    let mut buffer = Vec::new();
    loop {
        let end = loop {
            if let Some(at) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            if stream.read_buf(&mut buffer).await.ok()? == 0 {
                return None;
            }
        };
        let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
        buffer.drain(..end);
        let body = read_body(&mut stream, &head, &mut buffer).await?;
        if head.starts_with("GET /healthz") {
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
                .await
                .ok()?;
            continue;
        }
        requests.fetch_add(1, SeqCst);
        let say: &[u8] = match behaviour {
            Behaviour::Good => b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
            Behaviour::Costs => {
                b"HTTP/1.1 200 OK\r\nx-tokens: 7\r\ncontent-length: 5\r\n\r\nhello"
            }
            Behaviour::Slow(ms) => {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nslow"
            }
            Behaviour::Hangs => {
                tokio::time::sleep(Duration::from_secs(120)).await;
                return None;
            }
            Behaviour::Closes => return None,
            Behaviour::Babbles => {
                stream.write_all(b"I am not a web server\r\n\r\n").await.ok()?;
                return None;
            }
            Behaviour::DiesMidBody => {
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello").await.ok()?;
                return None;
            }
            Behaviour::StallsMidBody => {
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello").await.ok()?;
                tokio::time::sleep(Duration::from_secs(120)).await;
                return None;
            }
            Behaviour::Drips => {
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello").await.ok()?;
                tokio::time::sleep(Duration::from_millis(900)).await;
                b"world"
            }
            Behaviour::Overruns => b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\nevil: 1\r\n\r\n",
            Behaviour::Mirrors => {
                let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{head}", head.len());
                stream.write_all(answer.as_bytes()).await.ok()?;
                continue;
            }
            Behaviour::Echoes => {
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
                stream.write_all(head.as_bytes()).await.ok()?;
                stream.write_all(&body).await.ok()?;
                continue;
            }
        };
        stream.write_all(say).await.ok()?;
    }
}

/// Reads what the head announces, plain or in chunks.
async fn read_body(stream: &mut TcpStream, head: &str, buffer: &mut Vec<u8>) -> Option<Vec<u8>> {
    let lower = head.to_ascii_lowercase();
    if lower.contains("transfer-encoding: chunked") {
        let end = loop {
            if let Some(at) = buffer.windows(5).position(|five| five == b"0\r\n\r\n") {
                break at + 5;
            }
            if stream.read_buf(buffer).await.ok()? == 0 {
                return None;
            }
        };
        return Some(buffer.drain(..end).collect());
    }
    let length = lower
        .lines()
        .find_map(|line| line.strip_prefix("content-length: ")?.trim().parse().ok());
    let length: usize = length.unwrap_or(0);
    while buffer.len() < length {
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
    Some(buffer.drain(..length).collect())
}
