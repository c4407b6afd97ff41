//! An HTTP client of one server: a few connections that are kept, and answers bounded in size.
//! Redirects are not followed: whoever answers there is not whom the operator named.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{HOST, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tidegate_tokens::Connector;

/// Connections that are kept while nobody uses them.
const IDLE_MAX: usize = 16;

/// A client of one server.
pub(crate) struct Client {
    by: Connector,
    uri: Uri,
    body_max: usize,
    timeout: Duration,
    idle: Mutex<Vec<SendRequest<Full<Bytes>>>>,
}

/// What a server answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Client {
    pub(crate) fn new(by: Connector, uri: Uri, body_max: usize, timeout: Duration) -> Arc<Self> {
        Arc::new(Self {
            by,
            uri,
            body_max,
            timeout,
            idle: Mutex::default(),
        })
    }

    /// Sends a request and waits for its answer.
    pub(crate) async fn send(
        &self,
        method: Method,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Answer, String> {
        let sent = tokio::time::timeout(self.timeout, self.try_send(method, headers, body));
        let sent = sent.await;
        sent.map_err(|_| format!("no answer within {} ms", self.timeout.as_millis()))?
    }

    /// A connection that was kept may have been closed meanwhile; then a fresh one is tried. What
    /// is asked changes nothing, so it may be asked twice.
    async fn try_send(
        &self,
        method: Method,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Answer, String> {
        if let Some(kept) = self.kept() {
            let request = self.request(&method, &headers, &body)?;
            if let Ok(answer) = self.exchange(kept, request).await {
                return Ok(answer);
            }
        }
        let stream = self.by.connect(&self.uri).await?;
        let handshake = http1::handshake(TokioIo::new(stream)).await;
        let (sender, conn) = handshake.map_err(|error| error.to_string())?;
        // It ends when its sender is dropped, or the server closes it.
        tokio::spawn(conn);
        let request = self.request(&method, &headers, &body)?;
        self.exchange(sender, request).await
    }

    fn kept(&self) -> Option<SendRequest<Full<Bytes>>> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(kept) = idle.pop() {
            if kept.is_ready() {
                return Some(kept);
            }
        }
        None
    }

    fn request(
        &self,
        method: &Method,
        headers: &HeaderMap,
        body: &Bytes,
    ) -> Result<Request<Full<Bytes>>, String> {
        let target = self
            .uri
            .path_and_query()
            .map_or("/", |target| target.as_str());
        let host = self
            .uri
            .authority()
            .map_or("", |authority| authority.as_str());
        let mut request = Request::new(Full::new(body.clone()));
        *request.method_mut() = method.clone();
        *request.uri_mut() = target.parse().map_err(|_| "the URL has no target")?;
        *request.headers_mut() = headers.clone();
        let host = HeaderValue::from_str(host).map_err(|error| error.to_string())?;
        request.headers_mut().insert(HOST, host);
        let agent = HeaderValue::from_static("tidegate");
        request.headers_mut().insert(USER_AGENT, agent);
        Ok(request)
    }

    async fn exchange(
        &self,
        mut by: SendRequest<Full<Bytes>>,
        request: Request<Full<Bytes>>,
    ) -> Result<Answer, String> {
        let response = by.send_request(request).await;
        let (head, body) = response.map_err(|error| error.to_string())?.into_parts();
        let body = Limited::new(body, self.body_max).collect().await;
        let body = body.map_err(|error| format!("the body: {error}"))?;
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_MAX && by.is_ready() {
            idle.push(by);
        }
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body: body.to_bytes(),
        })
    }
}
