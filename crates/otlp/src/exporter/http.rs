//! OTLP over HTTP/1.1, in protobuf.

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use prost::Message;
use tidegate_tokens::Connector;
use tokio::sync::Mutex;

use super::{ANSWER_MAX, Target};
use crate::{Accepted, Export, Failure, gzipped, retry_after};

const PROTOBUF: HeaderValue = HeaderValue::from_static("application/x-protobuf");
const GZIP: HeaderValue = HeaderValue::from_static("gzip");
const AGENT: HeaderValue = HeaderValue::from_static("tidegate");

pub(super) struct Http {
    by: Connector,
    url: Uri,
    headers: HeaderMap,
    gzip: bool,
    /// The connection that was used last.
    kept: Mutex<Option<SendRequest<Full<Bytes>>>>,
}

impl Http {
    pub(super) fn new(by: Connector, target: Target) -> Self {
        let Target {
            url,
            mut headers,
            gzip,
            ..
        } = target;
        let host = url.authority().map_or("", |authority| authority.as_str());
        if let Ok(host) = HeaderValue::from_str(host) {
            headers.insert(HOST, host);
        }
        headers.insert(USER_AGENT, AGENT);
        headers.insert(CONTENT_TYPE, PROTOBUF);
        if gzip {
            headers.insert(CONTENT_ENCODING, GZIP);
        }
        Self {
            by,
            url,
            headers,
            gzip,
            kept: Mutex::default(),
        }
    }

    /// A connection that was kept may have been closed meanwhile; then a fresh one is tried.
    /// Collectors may see a request twice, as OTLP allows.
    pub(super) async fn send<R: Export>(&self, request: &R) -> Result<Accepted, Failure> {
        let body = request.encode_to_vec();
        let body = Bytes::from(if self.gzip { gzipped(&body) } else { body });
        let kept = self.kept.lock().await.take();
        if let Some(kept) = kept.filter(SendRequest::is_ready)
            && let Ok(answer) = self.exchange::<R>(kept, body.clone()).await
        {
            return answer;
        }
        let stream = self.by.connect(&self.url).await;
        let stream = stream.map_err(|error| Failure::unreachable(&error))?;
        let handshake = http1::handshake(TokioIo::new(stream)).await;
        let (sender, conn) = handshake.map_err(|error| Failure::unreachable(&error))?;
        // It ends when its sender is dropped, or the collector closes it.
        tokio::spawn(conn);
        let answer = self.exchange::<R>(sender, body).await;
        answer.map_err(|error| Failure::unreachable(&error))?
    }

    pub(super) async fn hang_up(&self) {
        *self.kept.lock().await = None;
    }

    /// The outer error is the connection's, the inner one the collector's word.
    async fn exchange<R: Export>(
        &self,
        mut by: SendRequest<Full<Bytes>>,
        body: Bytes,
    ) -> Result<Result<Accepted, Failure>, String> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        let path = format!("{}{}", self.url.path().trim_end_matches('/'), R::HTTP_PATH);
        *request.uri_mut() = path.parse().map_err(|_| "the URL has no path")?;
        *request.headers_mut() = self.headers.clone();
        let response = by.send_request(request).await;
        let (head, body) = response.map_err(|error| error.to_string())?.into_parts();
        let body = Limited::new(body, ANSWER_MAX).collect().await;
        if by.is_ready() {
            *self.kept.lock().await = Some(by);
        }
        if !head.status.is_success() {
            return Ok(Err(Failure::status(
                head.status,
                retry_after(&head.headers),
            )));
        }
        let body = body.map_err(|error| format!("the answer: {error}"))?;
        // It is taken, in whatever words that is said.
        let answer = R::Answer::decode(body.to_bytes()).unwrap_or_default();
        Ok(Ok(R::accepted(answer)))
    }
}
