//! A server that takes what is posted to it, or does not.

use std::convert::Infallible;
use std::io::Read;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use flate2::read::GzDecoder;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// What a receiver does with what is posted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Takes {
    /// It takes all.
    All,
    /// It answers with this status.
    Refuses(u16),
    /// It answers the first posts with 503, so many of them.
    AllBut(usize),
    /// It does not answer.
    Hangs,
}

/// What was posted and taken.
#[derive(Clone, Debug)]
pub struct Post {
    /// Where to.
    pub path: String,
    /// Its fields.
    pub fields: HeaderMap,
    /// The body, as it was before it was compressed.
    pub body: Vec<u8>,
}

/// A server that takes what is posted to it, or does not. It ends with the test's runtime.
#[derive(Clone, Debug)]
pub struct Receiver {
    /// Where it listens.
    pub addr: SocketAddr,
    posts: Arc<Mutex<(usize, Vec<Post>)>>,
}

impl Receiver {
    /// Starts a receiver.
    ///
    /// # Panics
    /// If there is no free port.
    pub async fn start(takes: Takes) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let receiver = Self {
            addr: listener.local_addr().expect("an address"),
            posts: Arc::default(),
        };
        let serve = receiver.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let receiver = serve.clone();
                let answer = service_fn(move |request| receiver.clone().answer(takes, request));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
            }
        });
        receiver
    }

    /// What came so far at a path and was taken.
    #[must_use]
    pub fn posts(&self, path: &str) -> Vec<Post> {
        let posts = self.posts.lock().unwrap_or_else(PoisonError::into_inner);
        let at = posts.1.iter().filter(|post| post.path == path);
        at.cloned().collect()
    }

    /// How many posts came, taken or not.
    #[must_use]
    pub fn tried(&self) -> usize {
        self.posts.lock().unwrap_or_else(PoisonError::into_inner).0
    }

    async fn answer(
        self,
        takes: Takes,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, Infallible> {
        let (head, body) = request.into_parts();
        let Ok(body) = body.collect().await else {
            return Ok(status(400));
        };
        let zipped = head.headers.get("content-encoding").is_some();
        let body = body.to_bytes().to_vec();
        let body = if zipped { unzipped(&body) } else { body };
        let tried = {
            let mut posts = self.posts.lock().unwrap_or_else(PoisonError::into_inner);
            posts.0 += 1;
            posts.0
        };
        match takes {
            Takes::Hangs => std::future::pending().await,
            Takes::Refuses(code) => return Ok(status(code)),
            Takes::AllBut(first) if tried <= first => return Ok(status(503)),
            Takes::AllBut(_) | Takes::All => {}
        }
        let post = Post {
            path: head.uri.path().to_owned(),
            fields: head.headers,
            body,
        };
        let mut posts = self.posts.lock().unwrap_or_else(PoisonError::into_inner);
        posts.1.push(post);
        Ok(status(200))
    }
}

fn status(code: u16) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = code.try_into().expect("a status");
    answer
}

fn unzipped(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let read = GzDecoder::new(body).read_to_end(&mut out);
    read.expect("what is said to be gzip is gzip");
    out
}
