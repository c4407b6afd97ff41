//! The phases of a request's life, in order.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use http::request::Parts;
use http::uri::PathAndQuery;
use tidegate_identity::{AuthMethod, Denied, KeyCache, KeyId, KeyRecord, KeyText, Lookup, Pepper};
use tidegate_limit::{Ask, Decision, LIMITS_PER_REQUEST_MAX, Table, retry_after_secs};
use tidegate_model::Now;
use tidegate_route::Miss;

use crate::Refusal;
use crate::cost::cost_before;
use crate::snapshot::{Route, Snapshot};
use crate::subject::subject;

/// A request that can be read in one way only.
#[derive(Debug)]
pub struct Arrival<'r> {
    pub(crate) head: &'r Parts,
    pub(crate) host: Cow<'r, str>,
    pub(crate) path: Cow<'r, str>,
    pub(crate) client: IpAddr,
}

impl<'r> Arrival<'r> {
    /// Who asks.
    #[must_use]
    pub const fn client(&self) -> IpAddr {
        self.client
    }

    /// The host that the client named: lower case, without port.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Finds the route.
    ///
    /// # Errors
    /// [`Refusal::NoRoute`] or [`Refusal::MethodNotAllowed`].
    pub fn route(self, snapshot: &Snapshot) -> Result<Routed<'r, '_>, Refusal> {
        let found = snapshot
            .table
            .find(&self.host, &self.path, &self.head.method);
        let ix = found.map_err(|miss| match miss {
            Miss::NoRoute => Refusal::NoRoute,
            Miss::Method(allowed) => Refusal::MethodNotAllowed(allowed),
        })?;
        Ok(Routed {
            arrival: self,
            route: &snapshot.routes[ix],
        })
    }
}

/// A request whose route is known.
#[derive(Debug)]
pub struct Routed<'r, 's> {
    arrival: Arrival<'r>,
    /// The route.
    pub route: &'s Route,
}

/// What identity says.
#[derive(Debug)]
pub enum Identified<'r, 's> {
    /// The caller is known, or the route takes everyone.
    Known(Known<'r, 's>),
    /// The key must be looked up first; then ask again.
    Ask {
        /// The request, to ask again with.
        routed: Routed<'r, 's>,
        /// The key to look up.
        kid: KeyId,
        /// An old record, to go on with should the store not answer.
        stale: Option<Arc<KeyRecord>>,
    },
}

impl<'r, 's> Routed<'r, 's> {
    /// Finds out who is calling.
    ///
    /// # Errors
    /// [`Refusal::Denied`].
    pub fn identify(
        self,
        snapshot: &Snapshot,
        cache: &KeyCache,
        pepper: &Pepper,
        now: Now,
    ) -> Result<Identified<'r, 's>, Refusal> {
        match self.route.auth {
            AuthMethod::None => Ok(Identified::Known(Known {
                routed: self,
                key: None,
            })),
            AuthMethod::Key => {
                let key = presented_key(self.arrival.head, snapshot)?;
                match cache.lookup(&key.kid, now.mono) {
                    Lookup::Known(record) => self
                        .accept(&key, record, pepper, now)
                        .map(Identified::Known),
                    Lookup::Revoked => Err(Refusal::Denied(Denied::Revoked)),
                    Lookup::Unknown => Err(Refusal::Denied(Denied::Unknown)),
                    Lookup::Ask { stale } => Ok(Identified::Ask {
                        kid: key.kid,
                        stale,
                        routed: self,
                    }),
                }
            }
        }
    }

    /// Goes on with an old record, because the store does not answer.
    ///
    /// # Errors
    /// [`Refusal::Denied`].
    pub fn identify_stale(
        self,
        snapshot: &Snapshot,
        stale: Option<Arc<KeyRecord>>,
        pepper: &Pepper,
        now: Now,
    ) -> Result<Known<'r, 's>, Refusal> {
        let key = presented_key(self.arrival.head, snapshot)?;
        let record = stale.ok_or(Refusal::Denied(Denied::StoreDown))?;
        self.accept(&key, record, pepper, now)
    }

    fn accept(
        self,
        key: &KeyText<'_>,
        record: Arc<KeyRecord>,
        pepper: &Pepper,
        now: Now,
    ) -> Result<Known<'r, 's>, Refusal> {
        // The secret is checked first: who does not hold it learns nothing about the key, not even
        // its age.
        if !pepper.verify(key, &record.digest) {
            return Err(Refusal::Denied(Denied::WrongSecret));
        }
        if record.expired(now.wall) {
            return Err(Refusal::Denied(Denied::Expired));
        }
        Ok(Known {
            routed: self,
            key: Some(record),
        })
    }
}

fn presented_key<'h>(head: &'h Parts, snapshot: &Snapshot) -> Result<KeyText<'h>, Refusal> {
    let mut fields = head.headers.get_all(&snapshot.keys.header).iter();
    let (Some(field), None) = (fields.next(), fields.next()) else {
        return Err(Refusal::Denied(Denied::Missing));
    };
    let text = field
        .to_str()
        .map_err(|_| Refusal::Denied(Denied::Malformed))?;
    let key = KeyText::parse(text).map_err(|_| Refusal::Denied(Denied::Malformed))?;
    if key.env == snapshot.keys.env {
        Ok(key)
    } else {
        Err(Refusal::Denied(Denied::Malformed))
    }
}

/// A request whose caller is known, or need not be.
#[derive(Debug)]
pub struct Known<'r, 's> {
    routed: Routed<'r, 's>,
    key: Option<Arc<KeyRecord>>,
}

impl<'s> Known<'_, 's> {
    /// Who is calling, if the route asks.
    #[must_use]
    pub const fn key(&self) -> Option<&Arc<KeyRecord>> {
        self.key.as_ref()
    }

    /// The route.
    #[must_use]
    pub const fn route(&self) -> &'s Route {
        self.routed.route
    }

    /// Asks the route's limits, and counts the request if all let it through. `again` if it was
    /// asked before, found no room and waited. `None` if the route has no limits.
    #[must_use]
    pub fn decide(
        &self,
        snapshot: &Snapshot,
        table: &Table,
        now: Now,
        again: bool,
    ) -> Option<Decision> {
        let Routed { arrival, route } = &self.routed;
        let mut asks = asks(arrival, route, self.key.as_deref(), snapshot);
        // At most eight limits a route, which the configuration's check upholds.
        let first = asks.next()?;
        let mut all = [first; LIMITS_PER_REQUEST_MAX];
        let mut count = 1;
        for (place, ask) in all[1..].iter_mut().zip(asks) {
            *place = ask;
            count += 1;
        }
        Some(match again {
            false => table.decide(now, &all[..count]),
            true => table.decide_again(now, &all[..count]),
        })
    }

    /// One question for each limit of the route, for whoever asks them in several places.
    #[must_use]
    pub fn asks(&self, snapshot: &'s Snapshot) -> Vec<Ask<'s>> {
        let Routed { arrival, route } = &self.routed;
        asks(arrival, route, self.key.as_deref(), snapshot).collect()
    }

    /// Goes on as limits have decided.
    ///
    /// # Errors
    /// [`Refusal::Limited`].
    pub fn admit(self, decision: Option<&Decision>) -> Result<Admitted<'s>, Refusal> {
        let Routed { arrival, route } = self.routed;
        match decision {
            Some(decision) if !decision.admitted => Err(limited(route, decision)),
            _ => Ok(Admitted {
                route,
                target: target(&arrival),
                host: arrival.host.into_owned(),
                key: self.key,
            }),
        }
    }
}

/// One question for each limit of the route.
fn asks<'s>(
    arrival: &Arrival<'_>,
    route: &'s Route,
    key: Option<&KeyRecord>,
    snapshot: &'s Snapshot,
) -> impl Iterator<Item = Ask<'s>> {
    let plan = key.and_then(|key| key.plan.as_deref());
    route.limits.iter().map(move |&at| {
        let (limit, ix) = &snapshot.limits[at];
        let subject = subject(snapshot.subject_seed, limit, arrival, &route.name, key);
        Ask {
            limit,
            ix: *ix,
            subject,
            amount: snapshot.amount(at, plan),
            cost: cost_before(&limit.cost, &arrival.head.headers),
        }
    })
}

fn limited(route: &Route, decision: &Decision) -> Refusal {
    let refused = route
        .limit_names
        .iter()
        .zip(decision.verdicts())
        .filter(|(_, verdict)| verdict.refuses());
    let mut violated = Vec::new();
    let mut wait = 0;
    for (name, verdict) in refused {
        violated.push(name.to_string());
        wait = wait.max(retry_after_secs(verdict.left));
    }
    Refusal::Limited {
        violated,
        retry_after_secs: wait,
    }
}

/// The target to forward, in origin form and in its one spelling.
fn target(arrival: &Arrival<'_>) -> PathAndQuery {
    let unchanged = arrival
        .head
        .uri
        .path_and_query()
        .filter(|given| given.path() == arrival.path);
    match (unchanged, arrival.head.uri.query()) {
        (Some(given), _) => given.clone(),
        (None, Some(query)) => format!("{}?{query}", arrival.path)
            .parse()
            .expect("parts of a parsed URI"),
        (None, None) => arrival.path.parse().expect("a part of a parsed URI"),
    }
}

/// A request that may go to its service.
#[derive(Debug)]
pub struct Admitted<'s> {
    /// The route.
    pub route: &'s Route,
    /// The target to forward.
    pub target: PathAndQuery,
    /// The host that the client named.
    pub host: String,
    /// Who is calling, if the route asks.
    pub key: Option<Arc<KeyRecord>>,
}
