//! A request that another region passed on: served by this region's own endpoints, or not at all.
//!
//! Callers and limits were judged where the client came in, and are not judged again. It is never
//! passed on any further.

use std::rc::Rc;
use std::sync::Arc;

use http::header::HOST;
use http::request::Parts;
use http::{Response, Version};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tidegate_model::NodeId;
use tidegate_net::Busy;
use tidegate_pipeline::{
    BadPassage, Passage, Refusal, Route, forward_relayed, forward_response, mark_not_served,
    take_not_served,
};
use tidegate_telemetry::metrics::RelayTaken;

use crate::attempt::{Errand, Trouble};
use crate::body::Answer;
use crate::observe::Story;
use crate::proxy::Proxy;
use crate::respond::refuse;
use crate::serve::{Forwarded, Underway, announced_length};
use crate::shared::Live;
use crate::traced::phase;
use crate::upload::{Upload, UploadFacts};

/// Why a request that was passed on is not answered by a service.
enum Unserved {
    /// No service saw it: the region that it came from may do otherwise.
    Unseen,
    /// It is over.
    Final(Refusal),
}

impl Proxy {
    /// Serves a request that `from` passed on.
    pub(crate) async fn relayed(
        self: &Rc<Self>,
        live: &Arc<Live>,
        from: &NodeId,
        mut head: Parts,
        body: Incoming,
        mut story: Story,
        busy: Busy,
    ) -> Response<Answer> {
        story.relay = Some(from.region.clone());
        describe(&head, &mut story);
        let metrics = self.shared.metrics.relay(from.region.as_str());
        let route = match Passage::take(&mut head.headers) {
            Ok(passage) => route_of(live, &passage).ok_or(Unserved::Unseen),
            // Another version of us, perhaps.
            Err(BadPassage::Unreadable) => Err(Unserved::Unseen),
            Err(BadPassage::Loop) => Err(Unserved::Final(Refusal::Loop)),
        };
        let served = match route {
            Ok(route) => {
                self.serve_relayed(live, route, head, body, &mut story, &busy)
                    .await
            }
            Err(unserved) => Err(unserved),
        };
        let (refusal, unseen) = match served {
            Ok(Forwarded { response, errand }) => {
                metrics.taken(RelayTaken::Served);
                story.status = response.status().as_u16();
                let Underway { lease, idle, until } = errand;
                return response
                    .map(|body| Answer::streamed(body, lease, idle, until, story, busy));
            }
            Err(Unserved::Unseen) => (Refusal::NoEndpoint, true),
            Err(Unserved::Final(refusal)) => (refusal, false),
        };
        metrics.taken(match (&refusal, unseen) {
            (_, true) => RelayTaken::NotServed,
            (Refusal::Loop, _) => RelayTaken::Loop,
            _ => RelayTaken::Failed,
        });
        let mut response = refuse(&refusal, &live.snapshot, None, story, busy, true);
        if unseen {
            mark_not_served(response.headers_mut());
        }
        response
    }

    async fn serve_relayed(
        &self,
        live: &Live,
        route: &Route,
        mut head: Parts,
        body: Incoming,
        story: &mut Story,
        busy: &Busy,
    ) -> Result<Forwarded, Unserved> {
        story.route = Some(route.ix);
        story.phase(phase::FORWARD);
        if announced_length(&head.headers).is_some_and(|length| length > route.body_max) {
            return Err(Unserved::Final(Refusal::BodyTooLarge));
        }
        let (counters, spec) = (&live.routes[route.ix], &route.pool.spec);
        let until = story.begun().mono + spec.total_timeout.get();
        busy.until(until);
        let until = self.shared.clock.instant(until);
        let idle = spec.idle_timeout.get();
        forward_relayed(&mut head.headers, head.version);
        head.version = Version::HTTP_11;
        let upload = Rc::new(UploadFacts::default());
        story.upload = Some(Rc::clone(&upload));
        let body = Upload::new(body, Rc::clone(&upload), route.body_max, idle, until);
        counters.route.of(self.core).forwarded.add(1);
        let errand = Errand {
            proxy: self,
            pool: &route.pool,
            metrics: &counters.pool,
            upload,
            until,
        };
        let (mut response, lease) = match errand.run(head, body, story).await {
            Ok(answered) => answered,
            Err(Trouble::NotSent(request, _)) => {
                read_to_end(request.into_body()).await;
                return Err(Unserved::Unseen);
            }
            Err(Trouble::Final(refusal)) => return Err(Unserved::Final(refusal)),
        };
        let version = response.version();
        forward_response(response.headers_mut(), version, &story.id);
        // A service has no say in what gateways say to each other.
        take_not_served(response.headers_mut());
        *response.version_mut() = Version::HTTP_11;
        let errand = Underway { lease, idle, until };
        Ok(Forwarded { response, errand })
    }
}

/// The route, if it is known here and leads to the same service.
fn route_of<'l>(live: &'l Live, passage: &Passage) -> Option<&'l Route> {
    let mut routes = live.snapshot.routes.iter();
    let route = routes.find(|route| route.name == passage.route)?;
    (route.pool.name == passage.upstream).then_some(route)
}

/// Reads what is left of a body, within its bounds. Answered before, the other side could lose the
/// answer: a connection that is closed with bytes unread is reset.
async fn read_to_end(mut body: Upload) {
    while let Some(Ok(_)) = body.frame().await {}
}

/// What the region that it came from found out about the client, for the log.
fn describe(head: &Parts, story: &mut Story) {
    let text = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
    let client = text("x-forwarded-for").and_then(|list| list.rsplit(',').next());
    story.client = client.and_then(|client| client.trim().parse().ok());
    story.host = text("x-forwarded-host")
        .or_else(|| text(HOST.as_str()))
        .unwrap_or_default()
        .to_owned();
}
