//! One connection, as tonic wants to see it.

use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tonic::body::Body;

/// The head and trailers of an answer together, in bytes.
const HEAD_MAX: u32 = 16 * 1_024;

/// A connection of HTTP/2, shared by all its clones.
#[derive(Clone, Debug)]
pub struct Connection(SendRequest<Body>);

impl Connection {
    /// Greets whoever is at the other end.
    ///
    /// # Errors
    /// What went wrong.
    pub async fn over<S>(stream: S) -> hyper::Result<Self>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder.max_header_list_size(HEAD_MAX);
        let (sender, connection) = builder.handshake(TokioIo::new(stream)).await?;
        // It ends when its senders are dropped, or the other end closes it.
        tokio::spawn(connection);
        Ok(Self(sender))
    }

    /// Whether nothing can be sent any more.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.is_closed()
    }
}

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
