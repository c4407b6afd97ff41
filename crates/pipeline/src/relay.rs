//! A request on its way to another region, whose own service is gone.
//!
//! The region that the client came to has decided everything: who calls, whether they may, what
//! counts. What it passes on is the request as its service would have got it, with one field
//! more, which says where it belongs. The field is meant for gateways alone: clients cannot
//! send it (it is reserved), services never see it, and it counts only on the door for nodes of
//! other regions. A request that was passed on is never passed on again.

use http::{HeaderMap, HeaderName, HeaderValue, Version};

use crate::forward::{append_via, strip_hop_by_hop};

/// The field that goes with a request that is passed on, and with an answer that says that no
/// service saw it.
pub(crate) const NAME: &str = "x-tidegate-relay";
const RELAY: HeaderName = HeaderName::from_static(NAME);
/// What an answer says if no service saw the request.
const NOT_SERVED: HeaderValue = HeaderValue::from_static("not-served");
/// How often a request may be passed from region to region.
const HOPS_MAX: u8 = 1;
/// Names of routes and upstreams are DNS labels.
const FIELD_MAX: usize = 200;

/// Where a request belongs that is passed on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Passage {
    /// The service.
    pub upstream: String,
    /// The route that led to it.
    pub route: String,
    /// How often it may still be passed on, this time included.
    hops: u8,
}

/// Why a request that came by the relay door is not served.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BadPassage {
    /// It does not say where it belongs, or in words of another version.
    Unreadable,
    /// It was passed on too often.
    Loop,
}

impl Passage {
    /// The passage of a request that came from a client.
    #[must_use]
    pub fn new(upstream: &str, route: &str) -> Self {
        Self {
            upstream: upstream.to_owned(),
            route: route.to_owned(),
            hops: HOPS_MAX,
        }
    }

    /// Writes it into a request's head, in place of whatever stood there.
    pub fn write(&self, headers: &mut HeaderMap) {
        let Self {
            upstream,
            route,
            hops,
        } = self;
        let text = format!("upstream={upstream}, route={route}, hops={hops}");
        if let Ok(value) = HeaderValue::from_maybe_shared(text) {
            headers.insert(RELAY, value);
        }
    }

    /// Takes it out of a request's head.
    ///
    /// # Errors
    /// [`BadPassage`].
    pub fn take(headers: &mut HeaderMap) -> Result<Self, BadPassage> {
        let mut fields = headers.get_all(RELAY).iter();
        let (first, second) = (fields.next(), fields.next());
        let text = match (first, second) {
            (Some(only), None) if only.len() <= FIELD_MAX => only.to_str().ok(),
            _ => None,
        };
        let passage = text.and_then(Self::parse).ok_or(BadPassage::Unreadable);
        headers.remove(RELAY);
        match passage? {
            Self { hops: 0, .. } => Err(BadPassage::Loop),
            Self { hops, .. } if hops > HOPS_MAX => Err(BadPassage::Loop),
            passage => Ok(passage),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(", ");
        let mut next = |name: &str| parts.next()?.strip_prefix(name)?.strip_prefix('=');
        let passage = Self {
            upstream: next("upstream")?.to_owned(),
            route: next("route")?.to_owned(),
            hops: next("hops")?.parse().ok()?,
        };
        parts.next().is_none().then_some(passage)
    }
}

/// Says in an answer that no service saw the request.
pub fn mark_not_served(headers: &mut HeaderMap) {
    headers.insert(RELAY, NOT_SERVED);
}

/// Whether an answer says that no service saw the request. The word is taken out: it is not for
/// clients.
pub fn take_not_served(headers: &mut HeaderMap) -> bool {
    let said = headers.get(RELAY) == Some(&NOT_SERVED);
    headers.remove(RELAY);
    said
}

/// Makes the head of a request that was passed on fit for the service: only what belongs to the one
/// connection goes, for the rest was settled where the client came in.
pub fn forward_relayed(headers: &mut HeaderMap, version: Version) {
    strip_hop_by_hop(headers);
    append_via(headers, version);
}

#[cfg(test)]
mod tests {
    use http::header::{CONNECTION, VIA};

    use super::*;

    fn sent(text: &'static str) -> Result<Passage, BadPassage> {
        let mut headers = HeaderMap::new();
        headers.insert(RELAY, HeaderValue::from_static(text));
        let taken = Passage::take(&mut headers);
        assert!(headers.is_empty(), "no service sees it: {text}");
        taken
    }

    #[test]
    fn a_passage_is_read_as_it_was_written_and_taken_out() {
        let passage = Passage::new("echo", "api");
        let mut headers = HeaderMap::new();
        headers.append(RELAY, HeaderValue::from_static("what a client said"));
        headers.append(RELAY, HeaderValue::from_static("twice"));
        passage.write(&mut headers);
        assert_eq!(Passage::take(&mut headers), Ok(passage));
        assert!(headers.is_empty());
        assert_eq!(Passage::take(&mut headers), Err(BadPassage::Unreadable));
    }

    #[test]
    fn what_has_no_hop_left_or_claims_more_is_a_loop() {
        assert!(sent("upstream=echo, route=api, hops=1").is_ok());
        for hops in ["0", "2", "255"] {
            let text = format!("upstream=echo, route=api, hops={hops}").leak();
            assert_eq!(sent(text), Err(BadPassage::Loop), "{hops}");
        }
        for text in [
            "",
            "not-served",
            "upstream=echo",
            "upstream=echo, route=api, hops=256",
            "upstream=echo, route=api, hops=1, more=2",
            "route=api, upstream=echo, hops=1",
        ] {
            assert_eq!(sent(text), Err(BadPassage::Unreadable), "{text}");
        }
    }

    #[test]
    fn an_answer_tells_gateways_alone_that_no_service_saw_the_request() {
        let mut headers = HeaderMap::new();
        assert!(!take_not_served(&mut headers));
        mark_not_served(&mut headers);
        assert!(take_not_served(&mut headers));
        headers.insert(RELAY, HeaderValue::from_static("a service said so"));
        assert!(!take_not_served(&mut headers) && headers.is_empty());
    }

    #[test]
    fn a_second_gateway_adds_itself_to_via_and_changes_nothing_else() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("via", "2 tidegate"),
            ("x-forwarded-for", "203.0.113.5"),
            ("x-forwarded-proto", "https"),
            ("x-user-id", "ada"),
            ("connection", "keep-alive"),
        ] {
            headers.append(name, HeaderValue::from_static(value));
        }
        forward_relayed(&mut headers, Version::HTTP_11);
        let via: Vec<_> = headers.get_all(VIA).iter().collect();
        assert_eq!(via, ["2 tidegate", "1.1 tidegate"]);
        assert_eq!(headers["x-forwarded-for"], "203.0.113.5");
        assert_eq!(headers["x-user-id"], "ada");
        assert!(!headers.contains_key(CONNECTION));
    }
}
