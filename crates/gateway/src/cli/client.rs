//! Asks a node through its admin door.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tidegate_lab::State;
use tokio::net::TcpStream;

use crate::data::ADMIN_TOKEN;

/// Until a node has answered.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Until a node has written all it has.
const TIMEOUT_LONG: Duration = Duration::from_secs(600);

/// Where the admin door to ask is.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Target {
    /// The admin door to ask: ADDRESS:PORT. By default a node of the world that `up` started, or
    /// 127.0.0.1:9901.
    #[arg(
        long,
        global = true,
        env = "TIDEGATE_ADMIN",
        value_name = "ADDRESS:PORT"
    )]
    pub(crate) admin: Option<SocketAddr>,
    /// The data folder, where a running world is written down.
    #[arg(long, global = true, default_value = "data", value_name = "DIR")]
    pub(crate) data: std::path::PathBuf,
}

/// A node's answer.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
}

impl Answer {
    /// The answer as a document, or what went wrong in a sentence.
    pub(crate) fn document<T: DeserializeOwned>(&self) -> Result<T, String> {
        self.good()?;
        serde_json::from_slice(&self.body)
            .map_err(|error| format!("the node's answer cannot be read: {error}"))
    }

    /// Nothing if all went well, or what went wrong in a sentence.
    pub(crate) fn good(&self) -> Result<(), String> {
        if self.status.is_success() {
            return Ok(());
        }
        let problem: Option<serde_json::Value> = serde_json::from_slice(&self.body).ok();
        let detail = problem
            .as_ref()
            .and_then(|p| p["detail"].as_str())
            .map(str::to_owned);
        Err(detail.unwrap_or_else(|| format!("the node answered {}", self.status)))
    }
}

impl Target {
    /// Admin doors to try, in order.
    pub(crate) fn doors(&self) -> Vec<SocketAddr> {
        if let Some(addr) = self.admin {
            return vec![addr];
        }
        match world(&self.data) {
            Some(state) => state.admins.into_values().collect(),
            None => vec![SocketAddr::from(([127, 0, 0, 1], 9_901))],
        }
    }

    /// Asks the first node that answers.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<String>,
    ) -> Result<Answer, String> {
        self.ask_within(TIMEOUT, method, path, body).await
    }

    /// As [`Target::ask`], for an answer that takes its time.
    pub(crate) async fn ask_long(&self, method: Method, path: &str) -> Result<Answer, String> {
        self.ask_within(TIMEOUT_LONG, method, path, None).await
    }

    async fn ask_within(
        &self,
        timeout: Duration,
        method: Method,
        path: &str,
        body: Option<String>,
    ) -> Result<Answer, String> {
        let doors = self.doors();
        let mut last = String::new();
        for addr in &doors {
            let token = token(&self.data);
            match ask_at(*addr, timeout, method.clone(), path, body.clone(), token).await {
                Ok(answer) => return Ok(answer),
                Err(error) => last = format!("no node answers at {addr}: {error}"),
            }
        }
        let hint = if self.admin.is_none() {
            " (name another admin door with --admin)"
        } else {
            ""
        };
        Err(format!("{last}{hint}"))
    }
}

/// The world that runs in a data folder.
pub(crate) fn world(data: &Path) -> Option<State> {
    State::read(data).filter(State::runs)
}

/// What the admin door of another machine wants, if the data folder has it.
fn token(data: &Path) -> Option<String> {
    let token = std::fs::read_to_string(data.join(ADMIN_TOKEN)).ok()?;
    Some(token.trim().to_owned())
}

/// Reads at the admin door at `addr` what anyone may read.
pub(crate) async fn ask(addr: SocketAddr, path: &str) -> Result<Answer, String> {
    ask_at(addr, TIMEOUT, Method::GET, path, None, None).await
}

/// Gives an order to the admin door at `addr`, with the token of a data folder.
pub(crate) async fn order(
    addr: SocketAddr,
    method: Method,
    path: &str,
    body: Option<String>,
    data: &Path,
) -> Result<Answer, String> {
    ask_at(addr, TIMEOUT, method, path, body, token(data)).await
}

/// Gives an order whose answer goes on for as long as both sides like.
pub(crate) async fn stream(
    addr: SocketAddr,
    path: &str,
    body: String,
    data: &Path,
) -> Result<Incoming, String> {
    let answer = send(addr, Method::POST, path, Some(body), token(data));
    let answer = tokio::time::timeout(TIMEOUT, answer).await;
    let response = answer.map_err(|_| "no answer in time".to_owned())??;
    if response.status().is_success() {
        return Ok(response.into_body());
    }
    let answer = whole(response).await?;
    answer.good()?;
    Err("the node answered otherwise".to_owned())
}

async fn ask_at(
    addr: SocketAddr,
    timeout: Duration,
    method: Method,
    path: &str,
    body: Option<String>,
    token: Option<String>,
) -> Result<Answer, String> {
    let exchange = async { whole(send(addr, method, path, body, token).await?).await };
    tokio::time::timeout(timeout, exchange)
        .await
        .map_err(|_| "no answer in time".to_owned())?
}

async fn send(
    addr: SocketAddr,
    method: Method,
    path: &str,
    body: Option<String>,
    token: Option<String>,
) -> Result<Response<Incoming>, String> {
    let stream = TcpStream::connect(addr)
        .await
        .map_err(|error| error.to_string())?;
    let (mut sender, conn) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| error.to_string())?;
    tokio::spawn(conn);
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", addr.to_string())
        .header("content-type", "application/json");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let request = request
        .body(Full::<Bytes>::from(body.unwrap_or_default()))
        .map_err(|error| error.to_string())?;
    let response = sender.send_request(request).await;
    response.map_err(|error| error.to_string())
}

async fn whole(response: Response<Incoming>) -> Result<Answer, String> {
    let status = response.status();
    let body = response.into_body().collect().await;
    let body = body.map_err(|error| error.to_string())?.to_bytes();
    Ok(Answer { status, body })
}
