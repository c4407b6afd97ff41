//! Passes a request on to another region, when this one has no endpoint left for it.
//!
//! Only what no service here has seen is passed on, so it may be any request. The other region says
//! whether a service there has seen it; if none has, and nothing of a body was used up, the next
//! region may be asked, up to the operator's bound.

use http::request::Parts;
use http::{Request, Response};
use hyper::body::Incoming;
use tidegate_balance::Fallback;
use tidegate_pipeline::{Passage, Refusal, take_not_served};
use tidegate_telemetry::metrics::{PoolFailure, RelaySent};

use crate::attempt::{Errand, Spare, Trouble};
use crate::observe::Story;
use crate::relays::Relays;
use crate::upload::Upload;
use crate::upstream::{Destination, Lease};

type Answered = (Response<Incoming>, Lease);

impl Errand<'_> {
    /// Gets an answer from this region, or else from another one if the service may be asked there.
    pub(crate) async fn anywhere(
        &self,
        route: &str,
        head: Parts,
        body: Upload,
        story: &mut Story,
    ) -> Result<Answered, Refusal> {
        let trouble = match self.run(head, body, story).await {
            Ok(answered) => return Ok(answered),
            Err(trouble) => trouble,
        };
        let relays = self.proxy.shared.relays.as_deref();
        match (trouble, &self.pool.fallback, relays) {
            (Trouble::NotSent(mut request, _), Some(fallback), Some(relays)) => {
                Passage::new(&self.pool.name, route).write(request.headers_mut());
                self.elsewhere(fallback, relays, *request, story).await
            }
            (trouble, ..) => Err(trouble.refusal()),
        }
    }

    async fn elsewhere(
        &self,
        fallback: &Fallback,
        relays: &Relays,
        mut request: Request<Upload>,
        story: &mut Story,
    ) -> Result<Answered, Refusal> {
        let clock = &self.proxy.shared.clock;
        let mut tried = Vec::new();
        while tried.len() < usize::from(fallback.spec.regions_max.get()) {
            let picked = fallback.pick(clock.mono(), &tried, |region| relays.sight(region));
            let Some(at) = picked else { break };
            tried.push(at);
            let region = fallback.region(at);
            story.relay = Some(region.clone());
            let metrics = self.proxy.shared.metrics.relay(region.as_str());
            let spare = Spare::of(&request);
            story.enter_relay(region);
            let asked = self.in_region(fallback, at, relays, request, story).await;
            story.leave();
            match asked {
                Ok((mut response, lease)) => {
                    if !take_not_served(response.headers_mut()) {
                        fallback.served(at);
                        metrics.sent(RelaySent::Answered);
                        return Ok((response, lease));
                    }
                    fallback.failed(at, clock.mono());
                    metrics.sent(RelaySent::NotServed);
                    let Some(spare) = spare else { break };
                    request = spare.with_body(&self.upload, self.until);
                }
                Err(Trouble::NotSent(unsent, _)) => {
                    fallback.failed(at, clock.mono());
                    metrics.sent(RelaySent::Unreachable);
                    request = *unsent;
                }
                Err(Trouble::Final(refusal)) => {
                    metrics.sent(RelaySent::Failed);
                    return Err(refusal);
                }
            }
        }
        Err(Refusal::NoEndpoint)
    }

    /// Tries the nodes of one region until one takes the request.
    async fn in_region(
        &self,
        fallback: &Fallback,
        at: usize,
        relays: &Relays,
        mut request: Request<Upload>,
        story: &mut Story,
    ) -> Result<Answered, Trouble> {
        let region = fallback.region(at);
        let nodes = relays.nodes(region, self.proxy.next_turn());
        for (node, addr) in nodes.into_iter().take(self.pool.spec.attempts_max as usize) {
            story.endpoint = Some(node.to_string().into());
            let destination = Destination::Node(Box::new(node), addr);
            match self.at(&destination, request, story).await {
                Err(Trouble::NotSent(unsent, _)) => request = *unsent,
                Ok((response, lease)) => {
                    // There and back.
                    let back = relays.under_way(region, 2);
                    return match tokio::time::timeout_at(self.until, back).await {
                        Ok(()) => Ok((response, lease)),
                        Err(_) => {
                            lease.failed(PoolFailure::FirstByteTimeout);
                            Err(Trouble::Final(Refusal::UpstreamTimeout))
                        }
                    };
                }
                done => return done,
            }
        }
        Err(Trouble::NotSent(request.into(), Refusal::NoEndpoint))
    }
}
