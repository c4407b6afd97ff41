//! Logins in the browser, as HTTP: the paths that are a login's own, redirects in place of
//! refusals, and cookies with answers.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, LOCATION, REFERRER_POLICY, SET_COOKIE};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method as Verb, Response, StatusCode};
use tidegate_identity::{Denied, TokenDenied, Turn, opens_a_page};
use tidegate_net::{Busy, ConnFacts};
use tidegate_pipeline::{Method, Origin, Refusal, arrive};

use crate::body::Answer;
use crate::observe::Story;
use crate::proxy::Proxy;
use crate::shared::Live;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// A redirect with a session, or with the parts of a login, is for one browser once.
const NOT_KEPT: HeaderValue = HeaderValue::from_static("no-store");
/// The address of a callback has a code in it.
const NO_REFERRER: HeaderValue = HeaderValue::from_static("no-referrer");

impl Proxy {
    /// Answers a request for one of the paths that are a login's own. `None` if it is none.
    pub(crate) async fn at_login(
        &self,
        live: &Live,
        head: &Parts,
        conn: &ConnFacts,
        story: &mut Story,
    ) -> Option<Result<Turn, Refusal>> {
        if !live.logins.may_be_at(head.uri.path()) {
            return None;
        }
        let origin = Origin {
            peer: conn.peer.ip(),
            secure: conn.secure,
            trusted_proxies: &conn.trusted_proxies,
            exposure: conn.exposure,
        };
        // What is no request at all is refused as any other such.
        let arrival = arrive(head, origin).ok()?;
        let (name, place) = live.logins.at(arrival.host(), arrival.path())?;
        story.client = Some(arrival.client());
        story.host = arrival.host().to_owned();
        let done = live.logins.visit(name, place, head).await;
        Some(done.map_err(|turned_away| {
            story.told = turned_away.cookie;
            Refusal::Denied(Denied::Login(turned_away.why))
        }))
    }
}

/// Sends a browser to log in, if it opens a page and that is what it lacks. Everybody else is
/// refused: a script that followed the redirect would get a form in place of data.
pub(crate) async fn begin_login(
    live: &Live,
    refusal: Refusal,
    head: &Parts,
    story: &mut Story,
) -> Result<Turn, Refusal> {
    let (of_use, had_session) = match &refusal {
        Refusal::Denied(Denied::Token(TokenDenied::Missing)) => (true, false),
        Refusal::Denied(Denied::Login(why)) => (why.may_begin(), why.may_begin()),
        _ => (false, false),
    };
    let route = story.route.map(|ix| &live.snapshot.routes[ix]);
    let mut logins = route
        .into_iter()
        .flat_map(|route| &route.methods)
        .filter_map(|method| match method {
            Method::Other(method) => Some((method.name(), live.logins.get(method.name())?)),
            _ => None,
        })
        .filter(|(_, login)| login.is_at(&story.host));
    let Some((name, login)) = logins.next().filter(|_| of_use) else {
        return Err(refusal);
    };
    if had_session {
        story.told = login.forget();
    }
    if !opens_a_page(head) {
        return Err(refusal);
    }
    let target = head
        .uri
        .path_and_query()
        .map_or("/", |target| target.as_str());
    let begun = live.logins.begin(name, head, target).await;
    begun.map_err(|why| Refusal::Denied(Denied::Login(why)))
}

/// A redirect.
pub(crate) fn turned(turn: Turn, head: &Parts, mut story: Story, busy: Busy) -> Response<Answer> {
    let status = match head.method {
        Verb::GET | Verb::HEAD => StatusCode::FOUND,
        _ => StatusCode::SEE_OTHER,
    };
    story.status = status.as_u16();
    let told = story.told.take();
    let id = HeaderValue::from_str(story.id.as_str());
    let mut response = Response::new(Answer::own(Bytes::new(), story, busy));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if let Ok(location) = HeaderValue::from_maybe_shared(turn.location) {
        headers.insert(LOCATION, location);
    }
    if let Ok(id) = id {
        headers.insert(REQUEST_ID, id);
    }
    for cookie in told.into_iter().chain(turn.cookies) {
        headers.append(SET_COOKIE, cookie);
    }
    headers.insert(CACHE_CONTROL, NOT_KEPT);
    headers.insert(REFERRER_POLICY, NO_REFERRER);
    response
}

/// Adds a session's cookie to a service's answer, which no shared cache may keep then: it would
/// give the session to the next who asks.
pub(crate) fn tell(headers: &mut HeaderMap, told: HeaderValue) {
    let private = headers.get_all(CACHE_CONTROL).iter().any(|field| {
        let field = field.to_str().unwrap_or_default().to_ascii_lowercase();
        let mut words = field.split(',').map(str::trim);
        words.any(|word| matches!(word, "private" | "no-store"))
    });
    if !private {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    }
    headers.append(SET_COOKIE, told);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_shared_cache_keeps_an_answer_with_a_session() {
        for (before, after) in [
            (None, "private, no-cache"),
            (Some("public, max-age=60"), "private, no-cache"),
            (Some("max-age=60, Private"), "max-age=60, Private"),
            (Some("no-store"), "no-store"),
        ] {
            let mut headers = HeaderMap::new();
            headers.extend(before.map(|text| (CACHE_CONTROL, HeaderValue::from_static(text))));
            tell(&mut headers, HeaderValue::from_static("a=b"));
            assert_eq!(headers[CACHE_CONTROL], after, "{before:?}");
            assert_eq!(headers[SET_COOKIE], "a=b");
        }
    }
}
