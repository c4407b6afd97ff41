//! Asks, in one thread.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::task::{JoinHandle, LocalSet};
use tokio::time::{Instant, sleep, timeout};

use super::beat::Beat;
use crate::timeline::{Asked, How, Log, now_us};

/// Requests on connections of their own that wait at a time.
const WAITING_MAX: usize = 256;
/// The longest answer that is read.
const ANSWER_MAX: usize = 64 * 1_024;

/// What to ask, and how.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Whom.
    pub at: SocketAddr,
    /// For what.
    pub path: String,
    /// The region that the client is near; it is written beside each request.
    pub from: String,
    /// How often, for each kind of client.
    pub every: Duration,
    /// Until a request is given up.
    pub patience: Duration,
    /// Where requests are written down.
    pub timeline: PathBuf,
}

/// Asks until it is dropped.
///
/// # Errors
/// If the timeline cannot be written.
pub async fn run(plan: Plan) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", plan.timeline.display());
    let log = Log::open(&plan.timeline).map_err(failed)?;
    let asking = Rc::new(Asking {
        log: RefCell::new(log),
        broken: tokio::sync::Notify::new(),
        plan: plan.clone(),
    });
    let clients = LocalSet::new();
    for how in How::ALL {
        let asking = Rc::clone(&asking);
        clients.spawn_local(async move {
            match how {
                How::Fresh => asking.ask_fresh().await,
                How::KeepAlive | How::H2 => asking.ask_kept(how).await,
            }
        });
    }
    clients.run_until(asking.broken.notified()).await;
    Err(format!("{} cannot be written to", plan.timeline.display()))
}

struct Asking {
    plan: Plan,
    log: RefCell<Log>,
    /// The timeline cannot be written: asking on would tell nobody.
    broken: tokio::sync::Notify,
}

impl Asking {
    async fn ask_fresh(self: Rc<Self>) {
        let mut beat = Beat::new(self.plan.every);
        let begun = Instant::now();
        let waiting = Rc::new(());
        loop {
            pause(&mut beat, begun).await;
            if Rc::strong_count(&waiting) > WAITING_MAX {
                let error = format!("not asked: {WAITING_MAX} requests wait");
                self.note(How::Fresh, now_us(), Instant::now(), Err(error));
                continue;
            }
            let (asking, one) = (Rc::clone(&self), Rc::clone(&waiting));
            tokio::task::spawn_local(async move {
                let (at, started) = (now_us(), Instant::now());
                let asked = async {
                    let mut connection = asking.connect(How::Fresh).await?;
                    connection
                        .exchange(asking.request(How::Fresh)?)
                        .await
                        .map_err(Failed::why)
                };
                asking.note(
                    How::Fresh,
                    at,
                    started,
                    within(asking.plan.patience, asked).await,
                );
                drop(one);
            });
        }
    }

    async fn ask_kept(self: Rc<Self>, how: How) {
        let mut beat = Beat::new(self.plan.every);
        let begun = Instant::now();
        let mut held = None;
        loop {
            pause(&mut beat, begun).await;
            let (at, started) = (now_us(), Instant::now());
            let asked = within(self.plan.patience, self.ask_on(how, &mut held)).await;
            if asked.is_err() {
                held = None;
            }
            self.note(how, at, started, asked);
        }
    }

    /// Asks on the connection that is held. One that ended while nobody asked is replaced, and a
    /// request that was never sent is sent on a new one, as every client does.
    async fn ask_on(
        &self,
        how: How,
        held: &mut Option<Connection>,
    ) -> Result<Option<String>, String> {
        if let Some(connection) = held.as_mut().filter(|held| !held.is_closed()) {
            match connection.exchange(self.request(how)?).await {
                Ok(by) => return Ok(by),
                Err(Failed { unsent: false, why }) => return Err(why),
                Err(Failed { unsent: true, .. }) => {}
            }
        }
        let mut connection = self.connect(how).await?;
        let by = connection
            .exchange(self.request(how)?)
            .await
            .map_err(Failed::why)?;
        *held = Some(connection);
        Ok(by)
    }

    async fn connect(&self, how: How) -> Result<Connection, String> {
        let stream = TcpStream::connect(self.plan.at).await;
        let stream = stream.map_err(|error| format!("connect: {}", error.kind()))?;
        let _best_effort = stream.set_nodelay(true);
        let io = TokioIo::new(stream);
        let failed = |error: hyper::Error| format!("handshake: {error}");
        if how == How::H2 {
            let (sender, driver) = http2::handshake(TokioExecutor::new(), io)
                .await
                .map_err(failed)?;
            let driver = tokio::task::spawn_local(async move { driver.await.unwrap_or_default() });
            return Ok(Connection {
                sender: Sender::H2(sender),
                driver,
            });
        }
        let (sender, driver) = http1::handshake(io).await.map_err(failed)?;
        let driver = tokio::task::spawn_local(async move { driver.await.unwrap_or_default() });
        Ok(Connection {
            sender: Sender::H1(sender),
            driver,
        })
    }

    fn request(&self, how: How) -> Result<Request<Empty<Bytes>>, String> {
        let (at, path) = (self.plan.at, &self.plan.path);
        let request = match how {
            How::Fresh => Request::get(path.as_str())
                .header("host", at.to_string())
                .header("connection", "close"),
            How::KeepAlive => Request::get(path.as_str()).header("host", at.to_string()),
            How::H2 => Request::get(format!("http://{at}{path}")),
        };
        request
            .body(Empty::new())
            .map_err(|error| error.to_string())
    }

    fn note(&self, how: How, at: u64, started: Instant, outcome: Result<Option<String>, String>) {
        let (by, error) = match outcome {
            Ok(by) => (by, None),
            Err(error) => (None, Some(error)),
        };
        let took = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        let asked = Asked {
            at,
            took,
            from: self.plan.from.clone(),
            how,
            by,
            error,
        };
        if self.log.borrow_mut().add(&asked).is_err() {
            self.broken.notify_one();
        }
    }
}

async fn pause(beat: &mut Beat, begun: Instant) {
    loop {
        let wait = beat.wait(begun.elapsed());
        if wait.is_zero() {
            return;
        }
        sleep(wait).await;
    }
}

async fn within<T>(
    patience: Duration,
    asked: impl Future<Output = Result<T, String>>,
) -> Result<T, String> {
    timeout(patience, asked)
        .await
        .unwrap_or_else(|_| Err("timeout".to_owned()))
}

/// A connection. It ends when this is dropped.
struct Connection {
    sender: Sender,
    driver: JoinHandle<()>,
}

enum Sender {
    H1(http1::SendRequest<Empty<Bytes>>),
    H2(http2::SendRequest<Empty<Bytes>>),
}

/// Why a request failed, and whether any of it was sent.
struct Failed {
    why: String,
    unsent: bool,
}

impl Failed {
    fn why(self) -> String {
        self.why
    }
}

impl Connection {
    fn is_closed(&self) -> bool {
        match &self.sender {
            Sender::H1(sender) => sender.is_closed(),
            Sender::H2(sender) => sender.is_closed(),
        }
    }

    async fn exchange(&mut self, request: Request<Empty<Bytes>>) -> Result<Option<String>, Failed> {
        let sent = match &mut self.sender {
            Sender::H1(sender) => match sender.ready().await {
                Ok(()) => sender.try_send_request(request).await,
                Err(error) => return Err(unsent(&error)),
            },
            Sender::H2(sender) => match sender.ready().await {
                Ok(()) => sender.try_send_request(request).await,
                Err(error) => return Err(unsent(&error)),
            },
        };
        let response = sent.map_err(|mut error| Failed {
            unsent: error.take_message().is_some() || was_told_to_go(error.error()),
            why: cause(error.error()),
        })?;
        answer(response)
            .await
            .map_err(|why| Failed { why, unsent: false })
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

fn unsent(error: &hyper::Error) -> Failed {
    Failed {
        why: cause(error),
        unsent: true,
    }
}

/// Whether the other side had said that it takes no more requests on this connection: then it has
/// not looked at this one (RFC 9113, 6.8).
fn was_told_to_go(error: &hyper::Error) -> bool {
    let cause =
        std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<h2::Error>());
    cause.is_some_and(|cause| cause.is_go_away() && cause.reason() == Some(h2::Reason::NO_ERROR))
}

/// The last word of a chain of errors, with the first.
fn cause(error: &hyper::Error) -> String {
    let mut last = std::error::Error::source(error);
    while let Some(next) = last.and_then(std::error::Error::source) {
        last = Some(next);
    }
    last.map_or_else(|| error.to_string(), |last| format!("{error}: {last}"))
}

/// Who answered, if it was a good answer.
async fn answer(response: Response<Incoming>) -> Result<Option<String>, String> {
    let status = response.status();
    let body = Limited::new(response.into_body(), ANSWER_MAX)
        .collect()
        .await;
    let body = body
        .map_err(|error| format!("the answer broke off: {error}"))?
        .to_bytes();
    if !status.is_success() {
        return Err(format!("status {}", status.as_u16()));
    }
    let document: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    let by = document["served_by"].as_str();
    // SERVICE.REGION.NODE
    Ok(by.map(|by| by.split_once('.').map_or(by, |(_, rest)| rest).to_owned()))
}
