//! What is known of a connection, and who serves its requests.

use std::future::Future;
use std::net::SocketAddr;
use std::rc::Rc;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use tidegate_model::{Exposure, NodeId, Prefix};
use tidegate_telemetry::metrics::Cut;

use crate::{Busy, Client};

/// What a connection speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protocol {
    /// HTTP/1.1, or HTTP/1.0.
    Http1,
    /// HTTP/2.
    Http2,
}

/// What is known of a connection.
#[derive(Clone, Debug)]
pub struct ConnFacts {
    /// The door it came in by.
    pub door: Rc<str>,
    /// The other end.
    pub peer: SocketAddr,
    /// Whether it is encrypted.
    pub secure: bool,
    /// What it speaks.
    pub protocol: Protocol,
    /// Proxies in front whose word on clients is believed.
    pub trusted_proxies: Rc<[Prefix]>,
    /// Whether answers tell how limits decided.
    pub debug: bool,
    /// Who made it, if they showed a certificate.
    pub client: Option<Rc<Client>>,
    /// The node of another region that made it, if it came in by the door for those.
    pub node: Option<NodeId>,
    /// Which routes it may reach.
    pub exposure: Exposure,
}

/// Serves the requests of one core.
pub trait ServeRequest: 'static {
    /// The body of answers.
    type Body: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + 'static;

    /// Serves a request. `busy` must live until the answer is sent or given up: keep it in the
    /// answer's body.
    fn serve(
        self: Rc<Self>,
        request: Request<Incoming>,
        conn: Rc<ConnFacts>,
        busy: Busy,
    ) -> impl Future<Output = Response<Self::Body>> + 'static;

    /// A connection was cut before a request could be made of what it sent.
    fn cut(&self, conn: &ConnFacts, why: Cut);
}
