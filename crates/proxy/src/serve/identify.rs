//! Finds out who is calling.

use http::request::Parts;
use tidegate_identity::{KeyId, strip_query};
use tidegate_net::ConnFacts;
use tidegate_pipeline::{Identified, Known, Need, Refusal, Routed};

use crate::observe::Story;
use crate::proxy::Proxy;
use crate::shared::{Live, Shared};

impl Proxy {
    /// Finds out who is calling, asking the store or others if need be.
    pub(super) async fn identify<'r, 'l>(
        &self,
        live: &'l Live,
        routed: Routed<'r, 'l>,
        head: &Parts,
        conn: &ConnFacts,
        story: &mut Story,
    ) -> Result<Known<'r, 'l>, Refusal> {
        let Shared {
            cache,
            pepper,
            keys,
            clock,
            ..
        } = &*self.shared;
        let (routed, need) = match routed.identify(&live.snapshot, cache, pepper, clock.now())? {
            Identified::Known(known) => {
                self.refresh(known.refresh());
                return Ok(known);
            }
            Identified::Ask { routed, need } => (routed, need),
        };
        let (fetched, stale) = match need {
            // A store that does not answer is waited for by nobody who can go on without it.
            Need::Key { kid, stale } if stale.is_some() && !keys.store_answers() => {
                keys.refresh(kid);
                (false, stale)
            }
            Need::Key { kid, stale } => (keys.fetch(kid).await, stale),
            Need::Method { method, otherwise } => {
                let mut target = routed.target();
                if routed.route.takes_keys() {
                    target = strip_query(target, &live.snapshot.keys);
                }
                let origin = tidegate_ask::Origin {
                    client: routed.client(),
                    secure: conn.secure,
                    host: routed.host(),
                    target: target.as_str(),
                };
                if let Some(renewed) = live.logins.renew(method.name(), head).await {
                    story.told = renewed.cookie;
                    return routed.decided(renewed.said);
                }
                if let Some(said) = live.askers.ask(method.name(), head, origin).await {
                    return routed.decided(said);
                }
                if !live.tokens.fetch(method.name()).await {
                    return Err(Refusal::Denied(otherwise));
                }
                (true, None)
            }
        };
        if !fetched {
            self.shared.metrics.keys.stale.add(stale.is_some().into());
            return routed.identify_stale(&live.snapshot, stale, pepper, clock.now());
        }
        match routed.identify(&live.snapshot, cache, pepper, clock.now())? {
            Identified::Known(known) => Ok(known),
            // Evicted or expired again in the same moment: what the store just said still holds.
            Identified::Ask { routed, need } => match need {
                Need::Key { stale, .. } => {
                    routed.identify_stale(&live.snapshot, stale, pepper, clock.now())
                }
                Need::Method { otherwise, .. } => Err(Refusal::Denied(otherwise)),
            },
        }
    }

    /// Asks the store for a key whose record was used though it is no longer fresh.
    fn refresh(&self, kid: Option<KeyId>) {
        if let Some(kid) = kid {
            let Shared { keys, metrics, .. } = &*self.shared;
            keys.refresh(kid);
            metrics.keys.stale.add((!keys.store_answers()).into());
        }
    }
}
