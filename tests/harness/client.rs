//! Clients: polite ones by hyper, rude ones by hand.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Until an answer is there.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a gateway answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Headers, the last of each name.
    pub headers: BTreeMap<String, String>,
    /// The body as text.
    pub body: String,
}

/// A client that keeps its connection.
#[derive(Debug)]
pub struct Client {
    addr: SocketAddr,
    conn: Option<SendRequest<Full<Bytes>>>,
}

impl Client {
    /// A client of what listens at `addr`.
    #[must_use]
    pub const fn new(addr: SocketAddr) -> Self {
        Self { addr, conn: None }
    }

    /// Asks for a path.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn get(&mut self, path: &str, headers: &[(&str, &str)]) -> Result<Answer, String> {
        self.send("GET", path, headers, Bytes::new()).await
    }

    /// Sends a request and waits for its answer. A connection that broke is made anew for the next.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Answer, String> {
        let exchange = self.exchange(method, path, headers, body);
        match tokio::time::timeout(PATIENCE, exchange).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                self.conn = None;
                Err(error)
            }
            Err(_) => {
                self.conn = None;
                Err("no answer in time".to_owned())
            }
        }
    }

    async fn exchange(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Answer, String> {
        let text = |error: &dyn std::fmt::Display| error.to_string();
        let ready = match &mut self.conn {
            Some(conn) => conn.ready().await.is_ok(),
            None => false,
        };
        if !ready {
            let stream = TcpStream::connect(self.addr).await.map_err(|e| text(&e))?;
            stream.set_nodelay(true).map_err(|e| text(&e))?;
            let (sender, conn) = http1::handshake(TokioIo::new(stream))
                .await
                .map_err(|e| text(&e))?;
            tokio::spawn(conn);
            self.conn = Some(sender);
        }
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "gateway.test");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::from(body)).map_err(|e| text(&e))?;
        let conn = self.conn.as_mut().expect("made just above");
        let response = conn.send_request(request).await.map_err(|e| text(&e))?;
        let status = response.status().as_u16();
        let value =
            |v: &hyper::header::HeaderValue| String::from_utf8_lossy(v.as_bytes()).into_owned();
        let headers = response
            .headers()
            .iter()
            .map(|(name, v)| (name.to_string(), value(v)))
            .collect();
        let body = response
            .into_body()
            .collect()
            .await
            .map_err(|e| text(&e))?
            .to_bytes();
        Ok(Answer {
            status,
            headers,
            body: String::from_utf8_lossy(&body).into_owned(),
        })
    }
}

/// Sends bytes as they are and returns all that comes back until the other side closes, or
/// `patience` is over.
///
/// # Errors
/// If no connection can be made.
pub async fn raw(addr: SocketAddr, bytes: &[u8], patience: Duration) -> io::Result<(String, bool)> {
    let mut stream = TcpStream::connect(addr).await?;
    // Whoever is cut off while sending still wants to read what was said.
    let _cut = stream.write_all(bytes).await;
    let mut said = Vec::new();
    let mut chunk = [0; 4_096];
    let deadline = tokio::time::Instant::now() + patience;
    let closed = loop {
        match tokio::time::timeout_at(deadline, stream.read(&mut chunk)).await {
            Ok(Ok(0) | Err(_)) => break true,
            Ok(Ok(n)) => said.extend_from_slice(&chunk[..n]),
            Err(_) => break false,
        }
    };
    Ok((String::from_utf8_lossy(&said).into_owned(), closed))
}

/// The status of the first answer in what [`raw`] returned.
#[must_use]
pub fn answer_of(said: &str) -> Option<u16> {
    said.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()
}

/// How one request of a load ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// When it was sent.
    pub at: Instant,
    /// When its answer, or the end of its connection, came.
    pub ended: Instant,
    /// The status; 0 if there was no answer.
    pub status: u16,
}

/// How the requests of a load ended.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// All of them, by the moment they were sent.
    pub outcomes: Vec<Outcome>,
}

impl Tally {
    /// How many ended with this status.
    #[must_use]
    pub fn count(&self, status: u16) -> usize {
        self.outcomes
            .iter()
            .filter(|outcome| outcome.status == status)
            .count()
    }

    /// How many ended with none of these.
    #[must_use]
    pub fn others(&self, statuses: &[u16]) -> usize {
        self.outcomes
            .iter()
            .filter(|outcome| !statuses.contains(&outcome.status))
            .count()
    }
}

/// Requests at a steady rate, whatever comes back: to several doors in turn, on a few connections
/// each.
#[derive(Clone, Debug)]
pub struct Load {
    /// Where to.
    pub doors: Vec<SocketAddr>,
    /// The API key.
    pub key: String,
    /// Requests a second, to all doors together.
    pub per_second: f64,
    /// Until when.
    pub until: Instant,
}

impl Load {
    /// Sends the load and waits for all answers.
    ///
    /// # Panics
    /// If a sender panics.
    pub async fn run(self) -> Tally {
        /// So many requests may be on their way to one door.
        const CONNECTIONS: usize = 8;
        let next = Arc::new(AtomicU64::new(0));
        let begun = Instant::now();
        let doors = self.doors.len() as u64;
        let load = Arc::new(self);
        let mut senders = Vec::new();
        for (at, door) in load.doors.iter().enumerate() {
            // Each door has its own sequence of turns, so that a door that hangs holds up only
            // itself.
            let turn = Arc::new(AtomicU64::new(0));
            for _ in 0..CONNECTIONS {
                let (load, turn, next) = (Arc::clone(&load), Arc::clone(&turn), Arc::clone(&next));
                let mut client = Client::new(*door);
                senders.push(tokio::spawn(async move {
                    let mut outcomes = Vec::new();
                    loop {
                        let number = turn.fetch_add(1, SeqCst) * doors + at as u64;
                        let due = begun + Duration::from_secs_f64(number as f64 / load.per_second);
                        if due >= load.until {
                            return outcomes;
                        }
                        tokio::time::sleep_until(due.into()).await;
                        next.fetch_add(1, SeqCst);
                        let sent = Instant::now();
                        let answer = client.get("/api/load", &[("x-api-key", &load.key)]).await;
                        let status = answer.map_or(0, |answer| answer.status);
                        outcomes.push(Outcome {
                            at: sent,
                            ended: Instant::now(),
                            status,
                        });
                    }
                }));
            }
        }
        let mut tally = Tally::default();
        for sender in senders {
            tally
                .outcomes
                .extend(sender.await.expect("a sender does not panic"));
        }
        tally.outcomes.sort_by_key(|outcome| outcome.at);
        tally
    }
}
