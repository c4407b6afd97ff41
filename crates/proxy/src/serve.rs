//! The life of a request, from top to bottom.

mod identify;

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::header::CONTENT_LENGTH;
use http::request::Parts;
use http::{HeaderMap, Request, Response, Version};
use hyper::body::Incoming;
use rand::Rng as _;
use tidegate_identity::{Denied, Identity, strip_query};
use tidegate_limit::{Decision, OnPartition, OnStoreDown, StoreReceipt};
use tidegate_net::{Busy, ConnFacts, Protocol, ServeRequest};
use tidegate_pipeline::{
    Admitted, Forwarding, Origin, Permitted, Refusal, RequestId, Terms, arrive, forward_request,
    forward_response,
};
use tidegate_telemetry::RequestFacts;
use tidegate_telemetry::metrics::Cut;

use crate::attempt::Errand;
use crate::body::Answer;
use crate::held::Held;
use crate::introduce::{introduce, publish, published};
use crate::login::{begin_login, tell, turned};
use crate::observe::Story;
use crate::own;
use crate::patience::{Waiting, pause};
use crate::proxy::Proxy;
use crate::respond::{debug_field, limit_fields, refuse};
use crate::shared::Live;
use crate::signed::checked;
use crate::traced::phase;
use crate::upload::{Upload, UploadFacts};

impl Proxy {
    async fn answer(
        self: Rc<Self>,
        request: Request<Incoming>,
        conn: Rc<ConnFacts>,
        busy: Busy,
    ) -> Response<Answer> {
        let live = self.shared.live.load_full();
        let (mut head, body) = request.into_parts();
        let now = self.shared.clock.now();
        let id = RequestId::of(&head.headers, self.rng.borrow_mut().next_u64());
        let http1 = conn.protocol == Protocol::Http1;
        let mut story = Story::begin(
            Rc::clone(&self),
            Arc::clone(&live),
            Rc::clone(&conn),
            &head,
            id,
            now,
        );
        if self.shared.own_word.is_said_in(&head) {
            return own::answer(story, busy);
        }
        if let Some(node) = &conn.node {
            return self.relayed(&live, node, head, body, story, busy).await;
        }
        if let Some(keys) = published(&live, &head) {
            return publish(keys.clone(), story, busy);
        }
        if let Some(client) = &conn.client {
            let Some(names) = client.still_good(now) else {
                let over = Refusal::Denied(Denied::Certificate);
                return refuse(&over, &live.snapshot, None, story, busy, http1);
            };
            head.extensions.insert(Arc::clone(names));
        }
        if let Some(done) = self.at_login(&live, &head, &conn, &mut story).await {
            return match done {
                Ok(turn) => turned(turn, &head, story, busy),
                Err(refusal) => refuse(&refusal, &live.snapshot, None, story, busy, http1),
            };
        }
        let mut limits = None;
        let admitted = self
            .admit(&live, &head, &conn, &mut story, &mut limits)
            .await;
        let forwarded = match admitted {
            Ok(admitted) => {
                self.forward(&live, admitted, head, body, &conn, &mut story, &busy)
                    .await
            }
            Err(refusal) => match begin_login(&live, refusal, &head, &mut story).await {
                Ok(turn) => return turned(turn, &head, story, busy),
                Err(refusal) => Err(refusal),
            },
        };
        match forwarded {
            Ok(Forwarded {
                mut response,
                errand,
            }) => {
                story.status = response.status().as_u16();
                if let Some(held) = &story.held {
                    held.settle(response.headers());
                }
                if let Some(limits) = limits {
                    response.headers_mut().extend(limits);
                }
                if let Some(told) = story.told.take() {
                    tell(response.headers_mut(), told);
                }
                response.map(|body| {
                    Answer::streamed(body, errand.lease, errand.idle, errand.until, story, busy)
                })
            }
            Err(refusal) => refuse(&refusal, &live.snapshot, limits, story, busy, http1),
        }
    }

    /// Everything that is decided before a service is asked.
    async fn admit<'l>(
        &self,
        live: &'l Arc<Live>,
        head: &Parts,
        conn: &ConnFacts,
        story: &mut Story,
        limits: &mut Option<HeaderMap>,
    ) -> Result<Admitted<'l>, Refusal> {
        let origin = Origin {
            peer: conn.peer.ip(),
            secure: conn.secure,
            trusted_proxies: &conn.trusted_proxies,
            exposure: conn.exposure,
        };
        story.phase(phase::ROUTE);
        let arrival = arrive(head, origin)?;
        story.client = Some(arrival.client());
        story.host = arrival.host().to_owned();
        let routed = arrival.route(&live.snapshot)?;
        let route = routed.route;
        story.route = Some(route.ix);
        if announced_length(&head.headers).is_some_and(|length| length > route.body_max) {
            return Err(Refusal::BodyTooLarge);
        }
        story.phase(phase::AUTHENTICATE);
        let known = self.identify(live, routed, head, conn, story).await?;
        story.caller = known.caller().cloned();
        if let Some(caller) = known.caller()
            && caller.renew_due(story.begun().wall)
        {
            let told = live.logins.touch(caller.method(), head);
            story.told = story.told.take().or(told);
        }
        story.phase(phase::AUTHORIZE);
        let known = known.permit(&live.snapshot)?;
        let terms = known.terms();
        story.phase(phase::LIMIT);
        let mut open = Vec::new();
        let decision = self.decide(live, &known, story, &mut open).await;
        if let Some(decision) = &decision {
            story.note_limits(terms, decision);
            let plan = story.caller.as_ref().and_then(Identity::plan);
            let mut fields = limit_fields(
                terms,
                &live.snapshot,
                decision,
                plan,
                &mut self.scratch.borrow_mut(),
            );
            story.shadow = shadow_limit(terms, live, decision);
            let mut partition = decision.verdicts().iter().filter_map(|v| v.partition);
            story.partition = partition.next().map_or("", OnPartition::label);
            let mut unstored = decision.verdicts().iter().filter_map(|v| v.unstored);
            story.unstored = unstored.next().map_or("", OnStoreDown::label);
            if conn.debug {
                let store = terms.stored.then_some(story.unstored);
                debug_field(&mut fields, story.partition, store, story.waited);
            }
            *limits = Some(fields);
            story.held = Held::new(&self.shared, live, terms, decision, open);
        }
        known.admit(decision.as_ref())
    }

    /// Asks the limits once. `open` is what Redis is to be told later.
    async fn decide_once(
        &self,
        live: &Live,
        known: &Permitted<'_, '_>,
        again: bool,
        open: &mut Vec<(usize, StoreReceipt)>,
    ) -> Option<Decision> {
        if known.terms().stored {
            let decided = self.decide_stored(live, known, again).await;
            *open = decided.open;
            return Some(decided.decision);
        }
        let now = self.shared.clock.now();
        known.decide(&live.snapshot, &self.shared.counters, now, again)
    }

    /// Asks the limits, and again while it is worth waiting.
    async fn decide(
        &self,
        live: &Live,
        known: &Permitted<'_, '_>,
        story: &mut Story,
        open: &mut Vec<(usize, StoreReceipt)>,
    ) -> Option<Decision> {
        let clock = &self.shared.clock;
        let terms = known.terms();
        let began = clock.mono();
        let mut decision = self.decide_once(live, known, false, open).await?;
        let mut waiting = None;
        while !decision.admitted {
            self.spread(&decision);
            let waited = clock.mono().since(began);
            let Some(pause) = pause(live, terms, &decision, waited) else {
                break;
            };
            if waiting.is_none() {
                let mut place = Waiting::default();
                if let Some(full) = place.join(live, terms, &decision) {
                    live.limits[full].of(self.core).queue_full.add(1);
                    break;
                }
                waiting = Some(place);
            }
            tokio::time::sleep(pause).await;
            decision = self.decide_once(live, known, true, open).await?;
        }
        if waiting.is_some() {
            story.waited = clock.mono().since(began);
            for &at in &terms.limits {
                live.limits[at].of(self.core).delayed.add(1);
            }
        }
        self.note(live, &terms.limits, &decision);
        self.spread(&decision);
        Some(decision)
    }

    /// Sees to it that other nodes hear of it.
    fn spread(&self, decision: &Decision) {
        if decision.wake {
            (self.shared.news)();
        }
    }

    /// Counts what limits said.
    fn note(&self, live: &Live, limits: &[usize], decision: &Decision) {
        for (&at, verdict) in limits.iter().zip(decision.verdicts()) {
            let cells = live.limits[at].of(self.core);
            match (verdict.admitted, verdict.shadow) {
                (true, _) => cells.admitted.add(1),
                (false, false) => cells.refused.add(1),
                (false, true) => cells.shadowed.add(1),
            }
            if verdict.partition.is_some() {
                cells.partitioned.add(1);
            }
            if verdict.unstored.is_some() {
                cells.unstored.add(1);
            }
        }
    }

    /// Asks the service.
    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of one request, each used once"
    )]
    async fn forward(
        &self,
        live: &Live,
        admitted: Admitted<'_>,
        mut head: Parts,
        body: Incoming,
        conn: &ConnFacts,
        story: &mut Story,
        busy: &Busy,
    ) -> Result<Forwarded, Refusal> {
        story.phase(phase::FORWARD);
        let Admitted {
            route,
            target,
            host,
            caller,
        } = admitted;
        let (counters, keys) = (&live.routes[route.ix], &live.snapshot.keys);
        let spec = &route.pool.spec;
        let until = story.begun().mono + spec.total_timeout.get();
        busy.until(until);
        let until = self.shared.clock.instant(until);
        let forwarding = Forwarding {
            client: story.client.unwrap_or_else(|| conn.peer.ip()),
            through_trusted: conn
                .trusted_proxies
                .iter()
                .any(|prefix| prefix.contains(conn.peer.ip())),
            secure: conn.secure,
            host: &host,
            request_id: &story.id,
        };
        let target = match route.takes_keys() && !route.forward_credential {
            true => strip_query(target, keys),
            false => target,
        };
        forward_request(&mut head.headers, head.version, &forwarding);
        let now = self.shared.clock.now().wall;
        introduce(live, &mut head.headers, route, caller.as_ref(), now);
        head.uri = target.into();
        head.version = Version::HTTP_11;
        let upload = Rc::new(UploadFacts::default());
        story.upload = Some(Rc::clone(&upload));
        let idle = spec.idle_timeout.get();
        let body = Upload::new(body, Rc::clone(&upload), route.body_max, idle, until);
        let signed = caller.as_ref().and_then(Identity::verified);
        let body = match signed.and_then(|caller| caller.body.as_ref()) {
            Some(signed) => checked(body, signed, &upload).await?,
            None => body,
        };
        counters.route.of(self.core).forwarded.add(1);
        let errand = Errand {
            proxy: self,
            pool: &route.pool,
            metrics: &counters.pool,
            upload,
            until,
        };
        let (mut response, lease) = errand.anywhere(&route.name, head, body, story).await?;
        let version = response.version();
        forward_response(response.headers_mut(), version, &story.id);
        *response.version_mut() = Version::HTTP_11;
        Ok(Forwarded {
            response,
            errand: Underway { lease, idle, until },
        })
    }
}

/// A service's answer, of which the head is there.
pub(crate) struct Forwarded {
    pub(crate) response: Response<Incoming>,
    pub(crate) errand: Underway,
}

/// What the rest of the answer needs.
pub(crate) struct Underway {
    pub(crate) lease: crate::upstream::Lease,
    pub(crate) idle: Duration,
    pub(crate) until: tokio::time::Instant,
}

/// The first limit in shadow mode that would have refused.
fn shadow_limit(terms: &Terms, live: &Live, decision: &Decision) -> Option<Arc<str>> {
    let verdicts = terms.limits.iter().zip(decision.verdicts());
    let mut shadowed = verdicts.filter(|(_, verdict)| verdict.shadow && !verdict.admitted);
    let (&at, _) = shadowed.next()?;
    Some(Arc::clone(&live.snapshot.limits[at].0.name))
}

pub(crate) fn announced_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

impl ServeRequest for Proxy {
    type Body = Answer;

    fn serve(
        self: Rc<Self>,
        request: Request<Incoming>,
        conn: Rc<ConnFacts>,
        busy: Busy,
    ) -> impl Future<Output = Response<Answer>> + 'static {
        self.answer(request, conn, busy)
    }

    fn cut(&self, conn: &ConnFacts, why: Cut) {
        // What never became a request is logged if the client was told a status; hyper has told it.
        let (status, refusal) = match why {
            Cut::HeaderTooLarge => (431, "header-too-large"),
            Cut::Malformed => (400, "malformed"),
            Cut::Full
            | Cut::FirstByteTimeout
            | Cut::HeaderTimeout
            | Cut::Idle
            | Cut::Tls
            | Cut::Broken
            | Cut::Stopped => return,
        };
        self.shared.metrics.refusals.count(self.core, refusal);
        self.log.borrow_mut().write(&RequestFacts {
            at: self.shared.clock.now().wall,
            id: "",
            door: &conn.door,
            client: Some(conn.peer.ip()),
            protocol: match conn.protocol {
                Protocol::Http1 => "HTTP/1.1",
                Protocol::Http2 => "HTTP/2",
            },
            method: "",
            host: "",
            path: "",
            query: "",
            agent: "",
            referer: "",
            status,
            refusal,
            shadow: "",
            partition: "",
            unstored: "",
            waited: Duration::ZERO,
            ended: "",
            route: "",
            consumer: "",
            key: "",
            auth: "",
            endpoint: "",
            relay: "",
            attempts: 0,
            bytes_in: 0,
            bytes_out: 0,
            took: Duration::ZERO,
            upstream: None,
            trace: None,
        });
    }
}
