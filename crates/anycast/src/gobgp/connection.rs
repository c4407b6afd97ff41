//! A connection to GoBGP's API, as tonic wants to see it: HTTP/2 without TLS.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tonic::body::Body;

pub(super) struct Connection(SendRequest<Body>);

type Answering = dyn Future<Output = hyper::Result<Response<Incoming>>> + Send;

impl Connection {
    pub(super) async fn open(api: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(api).await?;
        let builder = http2::Builder::new(TokioExecutor::new());
        let handshake = builder.handshake(TokioIo::new(stream)).await;
        let (sender, conn) = handshake.map_err(io::Error::other)?;
        // It ends when its sender is dropped, or GoBGP closes it.
        tokio::spawn(conn);
        Ok(Self(sender))
    }
}

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
