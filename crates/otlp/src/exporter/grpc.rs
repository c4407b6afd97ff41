//! OTLP over gRPC: one connection of HTTP/2, made by our own connector.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::uri::PathAndQuery;
use http::{HeaderMap, Request, Response, Uri};
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tidegate_tokens::Connector;
use tokio::sync::Mutex;
use tonic::body::Body;
use tonic::metadata::MetadataMap;
use tonic_prost::ProstCodec;

use super::ANSWER_MAX;
use crate::{Accepted, Export, Failure};

/// The head and trailers of an answer together, in bytes.
const HEAD_MAX: u32 = 16 * 1_024;

pub(super) struct Grpc {
    by: Connector,
    url: Uri,
    metadata: MetadataMap,
    kept: Mutex<Option<Connection>>,
}

/// A connection, as tonic wants to see it.
#[derive(Clone)]
struct Connection(SendRequest<Body>);

type Answering = dyn Future<Output = hyper::Result<Response<Incoming>>> + Send;

impl tower_service::Service<Request<Body>> for Connection {
    type Response = Response<Incoming>;
    type Error = hyper::Error;
    type Future = Pin<Box<Answering>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<hyper::Result<()>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.0.send_request(request))
    }
}

impl Grpc {
    pub(super) fn new(mut by: Connector, url: Uri, headers: HeaderMap) -> Self {
        // Servers of gRPC over TLS insist on hearing which protocol is spoken.
        let mut tls = (*by.tls).clone();
        tls.alpn_protocols = vec![b"h2".to_vec()];
        by.tls = Arc::new(tls);
        Self {
            by,
            url,
            metadata: MetadataMap::from_headers(headers),
            kept: Mutex::default(),
        }
    }

    pub(super) async fn send<R: Export>(&self, request: &R) -> Result<Accepted, Failure> {
        let connection = self.connected().await?;
        let mut client = tonic::client::Grpc::with_origin(connection, self.url.clone());
        client = client.max_decoding_message_size(ANSWER_MAX);
        let ready = client.ready().await;
        ready.map_err(|error| Failure::unreachable(&error))?;
        let mut call = tonic::Request::new(request.clone());
        *call.metadata_mut() = self.metadata.clone();
        let path = PathAndQuery::from_static(R::GRPC_PATH);
        let codec = ProstCodec::<R, R::Answer>::default();
        match client.unary(call, path, codec).await {
            Ok(answer) => Ok(R::accepted(answer.into_inner())),
            Err(status) => Err(Failure::code(&status)),
        }
    }

    pub(super) async fn hang_up(&self) {
        *self.kept.lock().await = None;
    }

    /// The connection, which is made if there is none.
    async fn connected(&self) -> Result<Connection, Failure> {
        let mut kept = self.kept.lock().await;
        if let Some(known) = kept.as_ref().filter(|known| !known.0.is_closed()) {
            return Ok(known.clone());
        }
        let stream = self.by.connect(&self.url).await;
        let stream = stream.map_err(|error| Failure::unreachable(&error))?;
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder.max_header_list_size(HEAD_MAX);
        let handshake = builder.handshake(TokioIo::new(stream)).await;
        let (sender, conn) = handshake.map_err(|error| Failure::unreachable(&error))?;
        // It ends when its senders are dropped, or the collector closes it.
        tokio::spawn(conn);
        let fresh = Connection(sender);
        *kept = Some(fresh.clone());
        Ok(fresh)
    }
}
