//! Who is calling: the route's methods in order, until one finds a credential of its own.

use std::net::IpAddr;
use std::sync::Arc;

use tidegate_identity::{
    Authenticator, Denied, Finding, Identity, KeyCache, KeyId, KeyRecord, KeyText, Lookup,
    OnKeyStoreDown, Pepper, Said, TokenDenied, is_present, present,
};
use tidegate_model::Now;

use crate::snapshot::Snapshot;
use crate::spine::{Arrival, Known, Routed};
use crate::{Refusal, Terms};

/// A method of a route.
#[derive(Clone, Debug)]
pub enum Method {
    /// API keys.
    Key,
    /// Another credential.
    Other(Arc<dyn Authenticator>),
    /// Everyone who shows no credential; under the limits at these places if there are any, else
    /// under the route's own.
    Anonymous(Option<Vec<usize>>),
}

/// What identity says.
#[derive(Debug)]
pub enum Identified<'r, 's> {
    /// The caller is known, or the route takes everyone.
    Known(Known<'r, 's>),
    /// Something must be fetched first; then ask again.
    Ask {
        /// The request, to ask again with.
        routed: Routed<'r, 's>,
        /// What to fetch.
        need: Need,
    },
}

/// What must be fetched before a caller is known.
#[derive(Debug)]
pub enum Need {
    /// A key's record.
    Key {
        /// The key to look up.
        kid: KeyId,
        /// An old record, to go on with should the store not answer.
        stale: Option<Arc<KeyRecord>>,
    },
    /// What the method of this name lacks.
    Method {
        /// The method.
        method: Arc<dyn Authenticator>,
        /// Why the request is refused if fetching does not help.
        otherwise: Denied,
    },
}

/// What the methods of a route found, before it becomes a phase.
enum Found {
    Caller(Identity, Option<KeyId>),
    Nobody,
    Need(Need),
}

impl<'r, 's> Routed<'r, 's> {
    /// Finds out who is calling, unless nobody may call from there.
    ///
    /// # Errors
    /// [`Refusal::Denied`], or [`Refusal::Forbidden`] for the address.
    pub fn identify(
        self,
        snapshot: &Snapshot,
        cache: &KeyCache,
        pepper: &Pepper,
        now: Now,
    ) -> Result<Identified<'r, 's>, Refusal> {
        let from = self.route.require.check_address(self.arrival.client);
        from.map_err(Refusal::Forbidden)?;
        let found = find(
            &self.arrival,
            &self.route.methods,
            snapshot,
            cache,
            pepper,
            now,
        );
        Ok(match found.map_err(Refusal::Denied)? {
            Found::Caller(caller, refresh) => Identified::Known(self.known(Some(caller), refresh)),
            Found::Nobody => Identified::Known(self.known(None, None)),
            Found::Need(need) => Identified::Ask { routed: self, need },
        })
    }

    /// Goes on with what somebody who was asked said of the caller.
    ///
    /// # Errors
    /// [`Refusal::Denied`].
    pub fn decided(self, said: Said) -> Result<Known<'r, 's>, Refusal> {
        let caller = said.map_err(Refusal::Denied)?;
        Ok(self.known(Some(Identity::of(caller)), None))
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
        let caller = (|| {
            let text = present(self.arrival.head, &snapshot.keys)?;
            let key = parse(&text, snapshot)?;
            let record = stale.ok_or(match snapshot.keys.on_store_down {
                OnKeyStoreDown::Unavailable => Denied::StoreDown,
                OnKeyStoreDown::Refuse => Denied::Unchecked,
            })?;
            accept(&key, record, self.arrival.client, pepper, now)
        })();
        let caller = caller.map_err(Refusal::Denied)?;
        Ok(self.known(Some(caller), None))
    }

    fn known(self, caller: Option<Identity>, refresh: Option<KeyId>) -> Known<'r, 's> {
        let own: &Terms = match (&caller, &self.route.anonymous) {
            (None, Some(anonymous)) => anonymous,
            _ => &self.route.terms,
        };
        Known::new(self, own, caller, refresh)
    }
}

/// The first method that finds a credential of its own decides.
fn find(
    arrival: &Arrival<'_>,
    methods: &[Method],
    snapshot: &Snapshot,
    cache: &KeyCache,
    pepper: &Pepper,
    now: Now,
) -> Result<Found, Denied> {
    let head = arrival.head;
    let mut foreign = None;
    for method in methods {
        match method {
            Method::Key if is_present(head, &snapshot.keys) => {
                return by_key(arrival, snapshot, cache, pepper, now);
            }
            Method::Key => {}
            Method::Other(method) => match method.identify(head, arrival.scheme, now) {
                Finding::Absent => {}
                Finding::Foreign(why) => foreign = Some(why),
                Finding::Verified(who) => return Ok(Found::Caller(Identity::of(who), None)),
                Finding::Denied(why) => return Err(why),
                Finding::Ask(otherwise) => {
                    let method = Arc::clone(method);
                    return Ok(Found::Need(Need::Method { method, otherwise }));
                }
            },
            // Who shows a token that nobody takes is told so, and not taken for nobody.
            Method::Anonymous(_) if foreign.is_none() => return Ok(Found::Nobody),
            Method::Anonymous(_) => {}
        }
    }
    Err(foreign.unwrap_or(match methods {
        [Method::Key] => Denied::Missing,
        _ => Denied::Token(TokenDenied::Missing),
    }))
}

fn by_key(
    arrival: &Arrival<'_>,
    snapshot: &Snapshot,
    cache: &KeyCache,
    pepper: &Pepper,
    now: Now,
) -> Result<Found, Denied> {
    let text = present(arrival.head, &snapshot.keys)?;
    let key = parse(&text, snapshot)?;
    let judge = |record, refresh| {
        let caller = accept(&key, record, arrival.client, pepper, now)?;
        Ok(Found::Caller(caller, refresh))
    };
    match cache.lookup(&key.kid, now.mono) {
        Lookup::Known(record) => judge(record, None),
        Lookup::Refresh(record) => judge(record, Some(key.kid)),
        Lookup::Revoked => Err(Denied::Revoked),
        Lookup::Unknown => Err(Denied::Unknown),
        Lookup::Ask { stale } => Ok(Found::Need(Need::Key {
            kid: key.kid,
            stale,
        })),
    }
}

fn accept(
    key: &KeyText<'_>,
    record: Arc<KeyRecord>,
    client: IpAddr,
    pepper: &Pepper,
    now: Now,
) -> Result<Identity, Denied> {
    // The secret is checked first: who does not hold it learns nothing about the key, not even
    // its age.
    if !pepper.verify(key, record.digests(now.wall)) {
        return Err(Denied::WrongSecret);
    }
    if record.premature(now.wall) {
        return Err(Denied::Premature);
    }
    if record.expired(now.wall) {
        return Err(Denied::Expired);
    }
    if !record.allows(client) {
        return Err(Denied::Elsewhere);
    }
    Ok(Identity::of_key(record))
}

fn parse<'t>(text: &'t str, snapshot: &Snapshot) -> Result<KeyText<'t>, Denied> {
    let key = KeyText::parse(text).map_err(|_| Denied::Malformed)?;
    if key.env == snapshot.keys.env {
        Ok(key)
    } else {
        Err(Denied::Malformed)
    }
}
