//! What is remembered of a request, and told when it is over: when the last byte, or the client, is
//! gone.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::header::{REFERER, USER_AGENT};
use http::{HeaderValue, Method, Uri};
use tidegate_identity::Identity;
use tidegate_model::{Now, RegionId};
use tidegate_net::{ConnFacts, Protocol};
use tidegate_pipeline::RequestId;
use tidegate_telemetry::{Exemplar, RequestFacts};
use tidegate_trace::TraceId;

use crate::held::Held;
use crate::proxy::Proxy;
use crate::shared::Live;
use crate::traced::Traced;
use crate::upload::UploadFacts;

/// The status in the log of a request whose client did not wait for one.
const CLIENT_GONE: u16 = 499;

/// What is remembered of a request. Dropping it tells the access log and the counters.
pub(crate) struct Story {
    pub(crate) proxy: Rc<Proxy>,
    pub(crate) live: Arc<Live>,
    pub(crate) conn: Rc<ConnFacts>,
    begun: Now,
    pub(crate) id: RequestId,
    pub(crate) method: Method,
    /// Its path and query; a copy of a reference.
    pub(crate) uri: Uri,
    agent: Option<HeaderValue>,
    referer: Option<HeaderValue>,
    pub(crate) host: String,
    pub(crate) client: Option<IpAddr>,
    /// The route's place.
    pub(crate) route: Option<usize>,
    pub(crate) caller: Option<Identity>,
    pub(crate) status: u16,
    pub(crate) refusal: &'static str,
    pub(crate) endpoint: Option<Arc<str>>,
    /// The region that it was passed on to, or came from.
    pub(crate) relay: Option<RegionId>,
    pub(crate) attempts: u32,
    pub(crate) first_byte: Option<Duration>,
    pub(crate) upload: Option<Rc<UploadFacts>>,
    pub(crate) bytes_out: u64,
    /// The first limit in shadow mode that would have refused.
    pub(crate) shadow: Option<Arc<str>>,
    /// What limits went by because a region could not be heard.
    pub(crate) partition: &'static str,
    /// What limits in Redis went by because Redis did not answer.
    pub(crate) unstored: &'static str,
    /// How long it waited for room in its limits.
    pub(crate) waited: Duration,
    /// What it holds of limits that count what is under way.
    pub(crate) held: Option<Held>,
    /// What the browser is told of its login, with whatever answer.
    pub(crate) told: Option<HeaderValue>,
    /// Whether the whole answer was handed over.
    pub(crate) complete: bool,
    /// What broke the answer off, if something did.
    pub(crate) broken: &'static str,
    /// Its place in its trace.
    pub(crate) traced: Traced,
    /// Whether it is nobody's business: the node asked itself.
    pub(crate) untold: bool,
}

impl Story {
    pub(crate) fn begin(
        proxy: Rc<Proxy>,
        live: Arc<Live>,
        conn: Rc<ConnFacts>,
        head: &http::request::Parts,
        id: RequestId,
        begun: Now,
    ) -> Self {
        let traced = Traced::begin(&proxy, &live, &conn, head, begun);
        Self {
            proxy,
            live,
            conn,
            begun,
            id,
            method: head.method.clone(),
            uri: head.uri.clone(),
            agent: head.headers.get(USER_AGENT).cloned(),
            referer: head.headers.get(REFERER).cloned(),
            host: String::new(),
            client: None,
            route: None,
            caller: None,
            status: 0,
            refusal: "",
            endpoint: None,
            relay: None,
            shadow: None,
            partition: "",
            unstored: "",
            waited: Duration::ZERO,
            held: None,
            told: None,
            attempts: 0,
            first_byte: None,
            upload: None,
            bytes_out: 0,
            complete: false,
            broken: "",
            traced,
            untold: false,
        }
    }

    /// When the request's head was complete.
    pub(crate) const fn begun(&self) -> Now {
        self.begun
    }
}

impl Drop for Story {
    fn drop(&mut self) {
        if self.untold {
            return;
        }
        let took = self.proxy.shared.clock.mono().since(self.begun.mono);
        let bytes_in = self.upload.as_ref().map_or(0, |upload| upload.bytes());
        let status = if self.status == 0 {
            CLIENT_GONE
        } else {
            self.status
        };
        let ended = match (self.complete, self.broken) {
            (true, _) => "",
            (false, "") => "client_gone",
            (false, broken) => broken,
        };
        let kept = self.end_trace(status, took, ended);
        let metrics = self
            .route
            .map_or(&self.live.nowhere, |route| &self.live.routes[route].route);
        let cells = metrics.of(self.proxy.core);
        cells.answered(status, took);
        if let Some(trace) = kept {
            let at = self.begun.wall;
            cells.exemplify(Exemplar { trace, took, at });
        }
        if self.live.reports.by_consumer
            && let Some(consumer) = self.caller.as_ref().map(Identity::consumer)
        {
            let metrics = self.proxy.shared.metrics.consumer(consumer);
            metrics.of(self.proxy.core).count(status);
        }
        cells.bytes_in.add(bytes_in);
        cells.bytes_out.add(self.bytes_out);
        if !self.refusal.is_empty() {
            self.proxy
                .shared
                .metrics
                .refusals
                .count(self.proxy.core, self.refusal);
        }
        let route = self
            .route
            .map_or("", |route| &self.live.snapshot.routes[route].name);
        self.proxy.log.borrow_mut().write(&RequestFacts {
            at: self.begun.wall,
            id: self.id.as_str(),
            door: &self.conn.door,
            client: self.client.or_else(|| Some(self.conn.peer.ip())),
            protocol: match self.conn.protocol {
                Protocol::Http1 => "HTTP/1.1",
                Protocol::Http2 => "HTTP/2",
            },
            method: self.method.as_str(),
            host: &self.host,
            path: self.uri.path(),
            query: self.uri.query().unwrap_or_default(),
            agent: text(self.agent.as_ref()),
            referer: text(self.referer.as_ref()),
            status,
            refusal: self.refusal,
            ended,
            route,
            consumer: self.caller.as_ref().map_or("", Identity::consumer),
            key: self.caller.as_ref().map_or("", Identity::account),
            auth: self.caller.as_ref().map_or("", Identity::method),
            endpoint: self.endpoint.as_deref().unwrap_or_default(),
            relay: self.relay.as_ref().map_or("", RegionId::as_str),
            shadow: self.shadow.as_deref().unwrap_or_default(),
            partition: self.partition,
            unstored: self.unstored,
            waited: self.waited,
            attempts: self.attempts,
            bytes_in,
            bytes_out: self.bytes_out,
            took,
            upstream: self.first_byte,
            trace: self.traced.id.map(TraceId::get),
        });
    }
}

/// A field as text; what is no text is not logged.
fn text(field: Option<&HeaderValue>) -> &str {
    field
        .and_then(|field| field.to_str().ok())
        .unwrap_or_default()
}
