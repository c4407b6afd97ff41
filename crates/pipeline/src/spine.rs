//! The phases of a request's life, in order.

use std::borrow::Cow;
use std::net::IpAddr;

use http::request::Parts;
use http::uri::PathAndQuery;
use tidegate_identity::{Identity, KeyId, Scheme};
use tidegate_limit::{Ask, Decision, LIMITS_PER_REQUEST_MAX, Table, retry_after_secs};
use tidegate_model::{Exposure, Now};
use tidegate_route::Miss;

use crate::cost::cost_before;
use crate::snapshot::{Route, Snapshot};
use crate::subject::subject;
use crate::{Refusal, Terms};

/// A request that can be read in one way only.
#[derive(Debug)]
pub struct Arrival<'r> {
    pub(crate) head: &'r Parts,
    pub(crate) host: Cow<'r, str>,
    pub(crate) path: Cow<'r, str>,
    pub(crate) client: IpAddr,
    pub(crate) scheme: Scheme,
    pub(crate) exposure: Exposure,
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

    /// The path, in its one spelling.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Finds the route.
    ///
    /// # Errors
    /// [`Refusal::NoRoute`] or [`Refusal::MethodNotAllowed`].
    pub fn route(self, snapshot: &Snapshot) -> Result<Routed<'r, '_>, Refusal> {
        let found = snapshot
            .table
            .find(&self.host, &self.path, &self.head.method, self.exposure);
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
    pub(crate) arrival: Arrival<'r>,
    /// The route.
    pub route: &'s Route,
}

impl Routed<'_, '_> {
    /// Who asks.
    #[must_use]
    pub const fn client(&self) -> IpAddr {
        self.arrival.client
    }

    /// The host that the client named: lower case, without port.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.arrival.host
    }

    /// What is asked for, in origin form and in its one spelling.
    #[must_use]
    pub fn target(&self) -> PathAndQuery {
        target(&self.arrival)
    }
}

/// A request whose caller is known, or need not be.
#[derive(Debug)]
pub struct Known<'r, 's> {
    routed: Routed<'r, 's>,
    terms: &'s Terms,
    caller: Option<Identity>,
    refresh: Option<KeyId>,
}

impl<'r, 's> Known<'r, 's> {
    pub(crate) const fn new(
        routed: Routed<'r, 's>,
        terms: &'s Terms,
        caller: Option<Identity>,
        refresh: Option<KeyId>,
    ) -> Self {
        Self {
            routed,
            terms,
            caller,
            refresh,
        }
    }

    /// The key whose record was used though it is no longer fresh: the store should be asked for
    /// it, which the request need not wait for.
    #[must_use]
    pub const fn refresh(&self) -> Option<KeyId> {
        self.refresh
    }

    /// Who is calling, if they are known.
    #[must_use]
    pub const fn caller(&self) -> Option<&Identity> {
        self.caller.as_ref()
    }

    /// Goes on if the caller has what the route requires.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`].
    pub fn permit(self, snapshot: &Snapshot) -> Result<Permitted<'r, 's>, Refusal> {
        let Routed { arrival, route } = &self.routed;
        let caller = self.caller.as_ref();
        let checked = route
            .require
            .check_caller(arrival, caller, &snapshot.groups);
        checked.map_err(Refusal::Forbidden)?;
        Ok(Permitted {
            routed: self.routed,
            terms: self.terms,
            caller: self.caller,
        })
    }
}

/// A request whose caller may make it.
#[derive(Debug)]
pub struct Permitted<'r, 's> {
    routed: Routed<'r, 's>,
    terms: &'s Terms,
    caller: Option<Identity>,
}

impl<'s> Permitted<'_, 's> {
    /// The limits that the request is under.
    #[must_use]
    pub const fn terms(&self) -> &'s Terms {
        self.terms
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
        let mut asks = asks(arrival, route, self.terms, self.caller.as_ref(), snapshot);
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
    pub fn asks<'a>(&'a self, snapshot: &'a Snapshot) -> Vec<Ask<'a>> {
        let Routed { arrival, route } = &self.routed;
        asks(arrival, route, self.terms, self.caller.as_ref(), snapshot).collect()
    }

    /// Goes on as limits have decided.
    ///
    /// # Errors
    /// [`Refusal::Limited`].
    pub fn admit(self, decision: Option<&Decision>) -> Result<Admitted<'s>, Refusal> {
        let Routed { arrival, route } = self.routed;
        match decision {
            Some(decision) if !decision.admitted => Err(limited(self.terms, decision)),
            _ => Ok(Admitted {
                route,
                target: target(&arrival),
                host: arrival.host.into_owned(),
                caller: self.caller,
            }),
        }
    }
}

/// One question for each limit of the route.
fn asks<'a>(
    arrival: &'a Arrival<'_>,
    route: &'a Route,
    terms: &'a Terms,
    caller: Option<&'a Identity>,
    snapshot: &'a Snapshot,
) -> impl Iterator<Item = Ask<'a>> {
    let plan = caller.and_then(Identity::plan);
    terms.limits.iter().map(move |&at| {
        let (limit, ix) = &snapshot.limits[at];
        let subject = subject(snapshot.subject_seed, limit, arrival, &route.name, caller);
        Ask {
            limit,
            ix: *ix,
            subject,
            amount: snapshot.amount(at, plan),
            cost: cost_before(&limit.cost, &arrival.head.headers),
        }
    })
}

fn limited(terms: &Terms, decision: &Decision) -> Refusal {
    let refused = terms
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
    /// Who is calling, if they are known.
    pub caller: Option<Identity>,
}
