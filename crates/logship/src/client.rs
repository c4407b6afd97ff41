//! Posts to one server, over connections that are kept.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{HOST, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Collected, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tidegate_model::Wall;
use tidegate_otlp::retry_after;
use tidegate_tokens::Connector;

use crate::failure::Failure;

/// An answer larger than this is not read, in bytes.
const ANSWER_MAX: usize = 64 * 1_024;
const AGENT: HeaderValue = HeaderValue::from_static("tidegate");

type Sender = SendRequest<Full<Bytes>>;

/// Posts to one server. It has as many connections as there are posts at once.
pub(crate) struct HttpClient {
    by: Connector,
    url: Uri,
    kept: Mutex<Vec<Sender>>,
}

impl std::fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A URL can hold a password.
        f.debug_struct("HttpClient").finish_non_exhaustive()
    }
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) after: Option<Duration>,
    pub(crate) body: Bytes,
}

impl HttpClient {
    pub(crate) const fn new(by: Connector, url: Uri) -> Self {
        Self {
            by,
            url,
            kept: Mutex::new(Vec::new()),
        }
    }

    pub(crate) const fn url(&self) -> &Uri {
        &self.url
    }

    pub(crate) fn now(&self) -> Wall {
        self.by.clock.now().wall
    }

    /// Fields that each request has.
    pub(crate) fn fields(&self) -> HeaderMap {
        let mut fields = HeaderMap::new();
        let host = self.url.authority().map_or("", |host| host.as_str());
        // A name and password in a URL are not a host.
        let host = host.rsplit('@').next().unwrap_or_default();
        if let Ok(host) = HeaderValue::from_str(host) {
            fields.insert(HOST, host);
        }
        fields.insert(USER_AGENT, AGENT);
        fields
    }

    /// A connection that was kept may have been closed meanwhile; then a fresh one is tried, and
    /// the server may see the request twice.
    pub(crate) async fn post(
        &self,
        fields: &HeaderMap,
        body: Bytes,
        timeout: Duration,
    ) -> Result<Answer, Failure> {
        let exchanged = tokio::time::timeout(timeout, self.exchange(fields, body)).await;
        exchanged.unwrap_or_else(|_| Err(Failure::timeout(timeout)))
    }

    async fn exchange(&self, fields: &HeaderMap, body: Bytes) -> Result<Answer, Failure> {
        let kept = self.kept().pop();
        if let Some(kept) = kept.filter(SendRequest::is_ready)
            && let Ok(answer) = self.ask(kept, fields, body.clone()).await
        {
            return Ok(answer);
        }
        let stream = self.by.connect(&self.url).await;
        let stream = stream.map_err(Failure::unreachable)?;
        let handshake = http1::handshake(TokioIo::new(stream)).await;
        let (sender, conn) = handshake.map_err(Failure::unreachable)?;
        // It ends when its sender is dropped, or the server closes it.
        tokio::spawn(conn);
        self.ask(sender, fields, body).await
    }

    async fn ask(
        &self,
        mut by: Sender,
        fields: &HeaderMap,
        body: Bytes,
    ) -> Result<Answer, Failure> {
        let mut request = Request::post(self.target());
        if let Some(all) = request.headers_mut() {
            all.clone_from(fields);
        }
        let request = request.body(Full::new(body)).map_err(Failure::refused)?;
        let response = by.send_request(request).await;
        let (head, body) = response.map_err(Failure::unreachable)?.into_parts();
        let body = Limited::new(body, ANSWER_MAX).collect().await;
        if body.is_ok() && by.is_ready() {
            self.kept().push(by);
        }
        Ok(Answer {
            status: head.status,
            after: retry_after(&head.headers),
            body: body.map(Collected::to_bytes).unwrap_or_default(),
        })
    }

    fn target(&self) -> &str {
        self.url.path_and_query().map_or("/", |path| path.as_str())
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Vec<Sender>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
