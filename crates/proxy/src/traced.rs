//! What a request's story writes down for its trace.
//!
//! Without tracing, and while nobody watches, there is no recorder: each call here is then one look
//! at an option. The story's end decides whether anything of it is kept.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Method};
use rand::Rng as _;
use tidegate_identity::Identity;
use tidegate_limit::Decision;
use tidegate_model::{Now, RegionId};
use tidegate_net::{ConnFacts, Protocol};
use tidegate_pipeline::{Refusal, Terms};
use tidegate_trace::{
    Context, Early, Format, Kept, Kind, Late, Outcome, Parent, Recorder, Root, SpanId, TraceId,
};

use crate::observe::Story;
use crate::proxy::Proxy;
use crate::shared::Live;
use crate::traces::{TraceSettings, WATCHED};
use crate::watches::Watch;

/// The phases of a request, as spans are called.
pub(crate) mod phase {
    pub(crate) const ROUTE: &str = "route";
    pub(crate) const AUTHENTICATE: &str = "authenticate";
    pub(crate) const AUTHORIZE: &str = "authorize";
    pub(crate) const LIMIT: &str = "limit";
    pub(crate) const FORWARD: &str = "forward";
    /// Within an attempt.
    pub(crate) const CONNECT: &str = "connect";
    pub(crate) const RESPOND: &str = "respond";
}

/// A request's place in its trace.
pub(crate) struct Traced {
    /// The trace, if the client named one or we did.
    pub(crate) id: Option<TraceId>,
    parent: Option<Parent>,
    /// Whether the parent is a gateway of ours.
    trusted: bool,
    /// Whether the operator wants traces; otherwise fields of clients pass unchanged.
    on: bool,
    /// Who may want to see it.
    watched: Vec<Arc<Watch>>,
    recorder: Option<Box<Recorder>>,
}

impl Traced {
    pub(crate) fn begin(
        proxy: &Proxy,
        live: &Live,
        conn: &ConnFacts,
        head: &http::request::Parts,
        begun: Now,
    ) -> Self {
        let early = Early {
            method: &head.method,
            path: head.uri.path(),
            headers: &head.headers,
        };
        let watched = proxy.shared.traces.watches.may(&early, begun.mono);
        let trusted = conn.node.is_some();
        let Some(settings) = settings(live, !watched.is_empty()) else {
            let parent = Format::W3c.read(&head.headers);
            return Self {
                id: parent.map(|parent| parent.trace),
                parent,
                trusted,
                on: false,
                watched,
                recorder: None,
            };
        };
        let parent = match trusted {
            true => settings.propagation.read_any(&head.headers),
            false => settings.propagation.read(&head.headers),
        };
        let mut rng = proxy.rng.borrow_mut();
        let trace = parent.map_or_else(
            || TraceId::random(rng.next_u64(), rng.next_u64()),
            |parent| parent.trace,
        );
        let sampling = &settings.sampling;
        let wanted = !watched.is_empty() || sampling.may_keep(trace, parent.as_ref(), trusted);
        let recorder = wanted.then(|| {
            let sender = parent.map(|parent| parent.span);
            let root = Root::new(trace, sender, &head.headers);
            let recorder = Recorder::begin(root, rng.next_u64(), begun, settings.spans_max);
            Box::new(recorder)
        });
        Self {
            id: Some(trace),
            parent,
            trusted,
            on: true,
            watched,
            recorder,
        }
    }

    /// Whether the trace is kept as far as can be said now.
    fn head(&self, settings: &TraceSettings, route: Option<&str>) -> Option<Kept> {
        let sampling = &settings.sampling;
        let by_rule = sampling.head(self.id?, self.parent.as_ref(), self.trusted, route);
        by_rule.or_else(|| (!self.watched.is_empty()).then_some(Kept::Demand))
    }
}

fn settings(live: &Live, watched: bool) -> Option<&TraceSettings> {
    let configured = live.reports.traces.as_deref();
    configured.or_else(|| watched.then(|| &*WATCHED))
}

impl Story {
    /// The next phase begins.
    pub(crate) fn phase(&mut self, name: &'static str) {
        if let Some(recorder) = &mut self.traced.recorder {
            recorder.phase(name, self.proxy.shared.clock.mono());
        }
    }

    /// Something within the phase begins.
    pub(crate) fn enter(&mut self, name: &'static str) {
        if let Some(recorder) = &mut self.traced.recorder {
            recorder.enter(name, Kind::Internal, self.proxy.shared.clock.mono());
        }
    }

    /// What began last is over.
    pub(crate) fn leave(&mut self) {
        if let Some(recorder) = &mut self.traced.recorder {
            recorder.leave(self.proxy.shared.clock.mono());
        }
    }

    /// A region is asked instead of this one.
    pub(crate) fn enter_relay(&mut self, region: &RegionId) {
        self.enter("relay");
        if let Some(recorder) = &mut self.traced.recorder {
            let at = recorder.current();
            recorder.note(at, "tidegate.relay", region.as_str().to_owned());
        }
    }

    /// What limits said.
    pub(crate) fn note_limits(&mut self, terms: &Terms, decision: &Decision) {
        let Some(recorder) = &mut self.traced.recorder else {
            return;
        };
        let at = recorder.current();
        let limits = terms.limits.iter().zip(decision.verdicts());
        let refused = limits.filter(|(_, verdict)| verdict.refuses());
        let names: Vec<&str> = refused
            .map(|(&limit, _)| &*self.live.snapshot.limits[limit].0.name)
            .collect();
        if !names.is_empty() {
            recorder.note(at, "tidegate.limit", names.join(","));
        }
        if !self.waited.is_zero() {
            recorder.note(at, "tidegate.waited_ms", millis(self.waited));
        }
    }

    /// An attempt begins; whoever gets the request is told where in the trace it belongs.
    pub(crate) fn begin_attempt(&mut self, headers: &mut HeaderMap) {
        if !self.traced.on {
            return;
        }
        let Some(settings) = settings(&self.live, true) else {
            return;
        };
        let route = self
            .route
            .map(|route| self.live.snapshot.routes[route].name.as_str());
        let sampled = self.traced.head(settings, route).is_some();
        let now = self.proxy.shared.clock.mono();
        let context = match (&mut self.traced.recorder, self.traced.id) {
            (Some(recorder), _) => {
                let at = recorder.enter("attempt", Kind::Client, now);
                recorder.note(at, "http.request.method", method(&self.method));
                if let Some(endpoint) = &self.endpoint {
                    recorder.note(at, "server.address", Arc::clone(endpoint));
                }
                if self.attempts > 1 {
                    let again = i64::from(self.attempts) - 1;
                    recorder.note(at, "http.request.resend_count", again);
                }
                recorder.context(sampled)
            }
            // The client's span stays the parent of what we do not write down.
            (None, Some(trace)) => Context {
                trace,
                span: self.traced.parent.map_or_else(
                    || SpanId::random(self.proxy.rng.borrow_mut().next_u64()),
                    |parent| parent.span,
                ),
                sampled,
            },
            (None, None) => return,
        };
        let keep_state = self.traced.parent.is_some_and(|parent| parent.w3c);
        settings.propagation.write(headers, &context, keep_state);
    }

    /// The attempt is over: with a status, or for a reason.
    pub(crate) fn end_attempt(&mut self, ended: Result<u16, &Refusal>) {
        let Some(recorder) = &mut self.traced.recorder else {
            return;
        };
        let at = recorder.current();
        match ended {
            Ok(status) => {
                recorder.note(at, "http.response.status_code", i64::from(status));
                if status >= 500 {
                    recorder.fail(at, status.to_string());
                }
            }
            Err(refusal) => recorder.fail(at, refusal.label()),
        }
        recorder.leave(self.proxy.shared.clock.mono());
    }

    /// The request is over. Returns its trace if that leads somewhere, for metrics.
    pub(crate) fn end_trace(&mut self, status: u16, took: Duration, ended: &str) -> Option<u128> {
        let Some(mut recorder) = self.traced.recorder.take() else {
            let sampled = |parent: &Parent| !self.traced.on && parent.sampled == Some(true);
            let parent = self.traced.parent.filter(sampled);
            return parent.map(|parent| parent.trace.get());
        };
        let settings = settings(&self.live, true)?;
        let route = self.route.map(|route| &self.live.snapshot.routes[route]);
        let head = self
            .traced
            .head(settings, route.map(|route| route.name.as_str()));
        let outcome = Outcome {
            failed: status >= 500 || recorder.failed() || !self.broken.is_empty(),
            took,
        };
        let now = self.proxy.shared.clock.now();
        let traces = &self.proxy.shared.traces;
        let consumer = self.caller.as_ref().map_or("", Identity::consumer);
        let late = Late {
            host: &self.host,
            client: self.client.or_else(|| Some(self.conn.peer.ip())),
            route: route.map_or("", |route| &route.name),
            consumer: (!self.traced.trusted).then_some(consumer),
            status,
        };
        let mut wanting = std::mem::take(&mut self.traced.watched);
        wanting.retain(|watch| watch.wants(&late, now.mono));
        let by_rule = head.filter(|kept| *kept != Kept::Demand);
        let kept = by_rule
            .or_else(|| settings.sampling.tail(outcome))
            .or_else(|| (!wanting.is_empty()).then_some(Kept::Demand))?;
        // In an outage every request would be kept, and most are not: those are not described.
        let admitted = traces.admits(recorder.len(), settings.per_second_max, now.wall);
        if !admitted && wanting.is_empty() {
            return None;
        }
        self.describe(&mut recorder, status, ended);
        let trace = Arc::new(recorder.finish(head.is_some(), now.mono));
        for watch in &wanting {
            traces.watches.give(watch, &trace);
        }
        let exported = admitted && traces.keep(&trace, kept);
        exported.then(|| trace.trace.get())
    }

    /// The request itself, by OpenTelemetry's names. Queries are left out: they may hold secrets.
    fn describe(&self, recorder: &mut Recorder, status: u16, ended: &str) {
        let at = recorder.root();
        let method = method(&self.method);
        let path = self.uri.path().to_owned();
        recorder.note(at, "http.request.method", method);
        recorder.note(at, "url.path", path);
        recorder.note(
            at,
            "url.scheme",
            if self.conn.secure { "https" } else { "http" },
        );
        recorder.note(
            at,
            "network.protocol.version",
            match self.conn.protocol {
                Protocol::Http1 => "1.1",
                Protocol::Http2 => "2",
            },
        );
        let peer = self.conn.peer.ip();
        recorder.note(at, "network.peer.address", peer.to_string());
        let client = self.client.unwrap_or(peer);
        recorder.note(at, "client.address", client.to_string());
        recorder.note(at, "http.response.status_code", i64::from(status));
        recorder.note(at, "tidegate.request_id", self.id.as_str().to_owned());
        recorder.note(at, "tidegate.door", self.conn.door.to_string());
        let mut name = if method == OTHER { "HTTP" } else { method }.to_owned();
        if let Some(route) = self.route.map(|route| &self.live.snapshot.routes[route]) {
            recorder.note(at, "http.route", route.path.clone());
            recorder.note(at, "tidegate.route", route.name.clone());
            name.push(' ');
            name.push_str(&route.path);
        }
        recorder.name(name);
        let relay = self.relay.as_ref().map_or("", RegionId::as_str);
        let caller = self.caller.as_ref();
        for (name, text) in [
            ("server.address", self.host.as_str()),
            ("tidegate.refusal", self.refusal),
            (
                "tidegate.limit.shadow",
                self.shadow.as_deref().unwrap_or_default(),
            ),
            ("tidegate.partition", self.partition),
            ("tidegate.consumer", caller.map_or("", Identity::consumer)),
            ("tidegate.auth", caller.map_or("", Identity::method)),
            ("tidegate.relay", relay),
            ("tidegate.ended", ended),
        ] {
            if !text.is_empty() {
                recorder.note(at, name, text.to_owned());
            }
        }
        if status >= 500 {
            let why = match self.refusal {
                "" => status.to_string(),
                refusal => refusal.to_owned(),
            };
            recorder.fail(at, why);
        } else if !self.broken.is_empty() {
            recorder.fail(at, self.broken);
        }
    }
}

/// What OpenTelemetry calls methods that clients make up.
const OTHER: &str = "_OTHER";

fn method(method: &Method) -> &'static str {
    let known = [
        "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH",
    ];
    let found = known.into_iter().find(|known| method == known);
    found.unwrap_or(OTHER)
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
