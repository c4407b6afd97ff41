//! What services are told of callers, and what clients may not say in their place.
//!
//! A service believes the fields that the gateway sets, so a client must never be able to send one:
//! what is reserved ([`reserved`](self)) is taken off every request, of known callers and unknown
//! ones alike, in every spelling that some server reads as the same name. Then the fields are set
//! from what was verified, and from nothing else. A fact that a caller does not have sets no field.

mod reserved;
mod spec;

use http::{HeaderMap, HeaderName, HeaderValue};
use tidegate_identity::Identity;

pub use spec::{CallerSpec, Fact};

use reserved::Reserved;

use crate::relay;

/// What services are told of callers, ready for use.
#[derive(Debug)]
pub struct Caller {
    headers: Vec<(HeaderName, Fact)>,
    reserved: Reserved,
}

impl Caller {
    pub(crate) fn new(spec: &CallerSpec) -> Self {
        let assertion = spec.assertion.as_ref().map(|spec| spec.header.as_str());
        let headers: Vec<(HeaderName, Fact)> = spec
            .headers
            .iter()
            .filter_map(|(name, fact)| Some((name.parse().ok()?, fact.clone())))
            .collect();
        let set = headers.iter().map(|(name, _)| name.as_str());
        // Gateways say it to each other: no client ever may, whatever the operator keeps.
        let set = set.chain(assertion).chain([relay::NAME]);
        let reserved = Reserved::new(set, &spec.strip, &spec.keep);
        Self { headers, reserved }
    }

    /// Takes off what a client may not say.
    pub(crate) fn strip(&self, headers: &mut HeaderMap) {
        self.reserved.strip(headers);
    }

    /// Says what is known of a caller.
    pub(crate) fn tell(&self, headers: &mut HeaderMap, caller: &Identity) {
        for (name, fact) in &self.headers {
            let value = fact.of(caller).map(HeaderValue::from_maybe_shared);
            if let Some(Ok(value)) = value {
                // The map is full at 32,768 entries; a field that is missing gives nobody a right.
                let _full = headers.try_insert(name.clone(), value);
            }
        }
    }
}

impl Fact {
    /// What it is for this caller. `None` if they have no such thing.
    #[must_use]
    pub fn of(&self, caller: &Identity) -> Option<String> {
        let text = match self {
            Self::Account => caller.account().to_owned(),
            Self::Subject => caller.subject().to_owned(),
            Self::Consumer => caller.consumer().to_owned(),
            Self::Plan => caller.plan()?.to_owned(),
            Self::Method => caller.method().to_owned(),
            Self::Roles => listed(caller.roles()),
            Self::Scopes => caller.scopes().join(" "),
            Self::Claim(name) => caller.claim(name)?.to_owned(),
        };
        (!text.is_empty()).then_some(text)
    }
}

/// A list in one field. What would read as two items is left out.
fn listed(items: &[String]) -> String {
    let plain = items.iter().filter(|item| !item.contains(','));
    let plain: Vec<&str> = plain.map(String::as_str).collect();
    plain.join(",")
}

#[cfg(test)]
mod tests;
