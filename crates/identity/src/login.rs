//! Logins in the browser, by OpenID Connect: the authorization code flow with PKCE, and a session
//! in a sealed cookie.
//!
//! [`Login`] is the method and decides everything: requests, times, random bytes and a provider's
//! answers come in, redirects, sessions and refusals go out. Nothing is remembered here: a login
//! under way (`flow`) and a session (`session`) are cookies that only our keys open (`seal`), so
//! any node of any region goes on with what another began.

mod callback;
mod cookies;
mod counts;
mod denied;
mod flow;
mod provider;
mod renewal;
mod seal;
mod session;
mod spec;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use http::header::ACCEPT;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method};
use tidegate_model::{Now, Wall};

use crate::form::pairs;
use crate::{Authenticator, Denied, Finding, Jwt, Scheme, Wanted};

pub use callback::{Returned, TurnedAway};
pub use cookies::strip_login_cookies;
pub use counts::{LOGINS, LoginCounts, LoginEvent};
pub use denied::LoginDenied;
pub use provider::Provider;
pub use renewal::{Renewal, RenewalAnswer, Renewed};
pub use seal::{Nonce, Random, Seal};
pub use spec::{ClientAuth, LoginSpec};

use cookies::{OF_FLOW, PREFIX, clear, cookie, cookies, set};
use flow::{Flow, name_of};
use seal::nonce;
use session::Session;

/// Cookies of logins that are looked at in one request at most.
const LOOKED_AT_MAX: usize = 32;

/// Logins of one site as a method.
#[derive(Debug)]
pub struct Login {
    name: Arc<str>,
    spec: LoginSpec,
    host: String,
    /// The session's cookie; those of logins under way begin with it.
    cookie: String,
    /// What sessions and logins are sealed for: nothing of another method, provider or site opens.
    purposes: [String; 2],
    seal: Arc<dyn Seal>,
    /// Judges ID tokens.
    tokens: Arc<Jwt>,
    wants_all: bool,
    counts: Arc<LoginCounts>,
}

/// A path that is the method's own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// The provider sends browsers here.
    Callback,
    /// Browsers log out here.
    Logout,
}

/// Where a browser is sent, and the cookies that it is told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Turn {
    /// The URL.
    pub location: String,
    /// Values of `Set-Cookie`.
    pub cookies: Vec<HeaderValue>,
}

impl Login {
    /// The method of this name. ID tokens are judged by `tokens`; of their claims those that are
    /// `wanted` are kept.
    #[must_use]
    pub fn new(
        name: &str,
        spec: LoginSpec,
        wanted: &Wanted,
        seal: Arc<dyn Seal>,
        tokens: Arc<Jwt>,
        counts: Arc<LoginCounts>,
    ) -> Self {
        let bound = [name, &spec.issuer, &spec.client_id, &spec.origin].join("\n");
        Self {
            name: name.into(),
            host: spec.host().unwrap_or_default(),
            cookie: format!("{PREFIX}{name}"),
            purposes: ["session", "login"].map(|what| format!("{what}\n{bound}")),
            seal,
            tokens,
            wants_all: wanted.all,
            counts,
            spec,
        }
    }

    /// What was configured.
    #[must_use]
    pub const fn spec(&self) -> &LoginSpec {
        &self.spec
    }

    /// What came of logins.
    #[must_use]
    pub const fn counts(&self) -> &Arc<LoginCounts> {
        &self.counts
    }

    /// Whether browsers log in at this host.
    #[must_use]
    pub fn is_at(&self, host: &str) -> bool {
        self.host == host
    }

    /// Which of the method's own paths this is.
    #[must_use]
    pub fn place(&self, host: &str, path: &str) -> Option<Place> {
        if !self.is_at(host) {
            return None;
        }
        match path {
            path if path == self.spec.callback_path => Some(Place::Callback),
            path if path == self.spec.logout_path => Some(Place::Logout),
            _ => None,
        }
    }

    /// Sends a browser that wanted `target` to the provider.
    #[must_use]
    pub fn begin(
        &self,
        head: &Parts,
        target: &str,
        provider: &Provider,
        now: Wall,
        random: Random<'_>,
    ) -> Option<Turn> {
        let now = now.unix_secs();
        let flow = Flow::begin(target, now, random);
        let lifetime = self.spec.login_timeout.get().as_secs();
        let name = self.flow_cookie(&flow.state)?;
        let sealed = self.sealed(1, &flow, random)?;
        let bytes_max = self.spec.cookie_max.as_usize();
        let mut told = self.room(&head.headers, now);
        told.push(set(&name, &sealed, lifetime, bytes_max)?);
        let (redirect, scope) = (self.redirect_uri(), self.spec.scopes.join(" "));
        let challenge = flow.challenge();
        let ours = [
            ("response_type", "code"),
            ("client_id", &self.spec.client_id),
            ("redirect_uri", &redirect),
            ("scope", &scope),
            ("state", &flow.state),
            ("nonce", &flow.nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        let more = self.spec.params.iter();
        let more = more.map(|(name, value)| (name.as_str(), value.as_str()));
        let query = pairs(ours.into_iter().chain(more));
        self.counts.count(LoginEvent::Begun);
        Some(Turn {
            location: extended(&provider.authorization_endpoint, &query),
            cookies: told,
        })
    }

    /// Logs a browser out: here, and at the provider if that is known and wanted.
    ///
    /// # Errors
    /// If another site asks for it.
    pub fn leave(&self, head: &Parts, provider: Option<&Provider>) -> Result<Turn, LoginDenied> {
        if said(&head.headers, "sec-fetch-site") == Some("cross-site") {
            return Err(LoginDenied::CrossSite);
        }
        let home = format!("{}{}", self.site(), self.spec.logout_return);
        let end = provider
            .filter(|_| self.spec.logout_at_provider)
            .and_then(|provider| provider.end_session_endpoint.as_deref());
        let location = match end {
            // The client's name in place of an ID token, which has no room in the session.
            Some(end) => extended(
                end,
                &pairs([
                    ("client_id", self.spec.client_id.as_str()),
                    ("post_logout_redirect_uri", &home),
                ]),
            ),
            None => home,
        };
        let flows = self.flows(&head.headers).map(|(name, _)| name);
        let ours = std::iter::once(self.cookie.as_str()).chain(flows);
        self.counts.count(LoginEvent::Left);
        Ok(Turn {
            location,
            cookies: ours.filter_map(clear).collect(),
        })
    }

    /// What tells a browser that its session was used, so that it does not end of idleness. `None`
    /// if there is no session, or it was told lately.
    #[must_use]
    pub fn touch(&self, head: &Parts, now: Wall, random: Random<'_>) -> Option<HeaderValue> {
        let now = now.unix_secs();
        let session = self.session(&head.headers).ok()??;
        if now < session.touch_due(&self.spec) || now >= session.over(&self.spec) {
            return None;
        }
        self.told(session.touch(now), now, random)
    }

    /// What makes a browser forget a session that is of no use any longer.
    #[must_use]
    pub fn forget(&self) -> Option<HeaderValue> {
        clear(&self.cookie)
    }

    /// The session that a browser shows.
    fn session(&self, headers: &HeaderMap) -> Result<Option<Session>, LoginDenied> {
        let mut given = cookies(headers).filter(|(name, _)| *name == self.cookie);
        let Some((_, sealed)) = given.next() else {
            return Ok(None);
        };
        if given.next().is_some() {
            return Err(LoginDenied::Session);
        }
        let opened = self.seal.open(&self.purposes[0], sealed);
        let session = opened.and_then(|text| serde_json::from_slice(&text).ok());
        session.map(Some).ok_or(LoginDenied::Session)
    }

    /// What sets a session's cookie. If it is too large, it goes without its refresh token: that
    /// is longer than all else, and the session only ends earlier without it.
    fn told(&self, mut session: Session, now: u64, random: Random<'_>) -> Option<HeaderValue> {
        let secs = session.over(&self.spec).saturating_sub(now);
        let bytes_max = self.spec.cookie_max.as_usize();
        let mut tell = |session: &Session| {
            let sealed = self.sealed(0, session, random)?;
            set(&self.cookie, &sealed, secs, bytes_max)
        };
        if let Some(told) = tell(&session) {
            return Some(told);
        }
        session.refresh_token.take()?;
        self.counts.count(LoginEvent::RefreshTokenLeftOut);
        tell(&session)
    }

    fn sealed<T: serde::Serialize>(
        &self,
        purpose: usize,
        what: &T,
        random: Random<'_>,
    ) -> Option<String> {
        let text = serde_json::to_vec(what).ok()?;
        Some(
            self.seal
                .seal(&self.purposes[purpose], &text, nonce(random)),
        )
    }

    /// Cookies of logins under way.
    fn flows<'h>(&self, headers: &'h HeaderMap) -> impl Iterator<Item = (&'h str, &'h str)> {
        let ours = |name: &str| {
            let rest = name.strip_prefix(&self.cookie);
            rest.is_some_and(|rest| rest.starts_with(OF_FLOW))
        };
        cookies(headers)
            .filter(move |(name, _)| ours(name))
            .take(LOOKED_AT_MAX)
            .collect::<Vec<_>>()
            .into_iter()
    }

    /// Makes room for one more login under way: cookies to take away, the oldest first.
    fn room(&self, headers: &HeaderMap, now: u64) -> Vec<HeaderValue> {
        let begun = |sealed| self.flow(sealed, now).map_or(0, |flow| flow.begun);
        let flows = self.flows(headers);
        let mut flows: Vec<_> = flows.map(|(name, sealed)| (begun(sealed), name)).collect();
        flows.sort_unstable();
        let too_many = (flows.len() + 1).saturating_sub(self.spec.flows_max);
        for _ in 0..too_many {
            self.counts.count(LoginEvent::FlowDropped);
        }
        let dropped = flows.into_iter().take(too_many);
        dropped.filter_map(|(_, name)| clear(name)).collect()
    }

    /// A login under way, unless it took too long.
    fn flow(&self, sealed: &str, now: u64) -> Option<Flow> {
        let text = self.seal.open(&self.purposes[1], sealed)?;
        let flow: Flow = serde_json::from_slice(&text).ok()?;
        let took = now.saturating_sub(flow.begun);
        (took < self.spec.login_timeout.get().as_secs()).then_some(flow)
    }

    fn flow_cookie(&self, state: &str) -> Option<String> {
        Some(format!("{}{OF_FLOW}{}", self.cookie, name_of(state)?))
    }

    fn site(&self) -> &str {
        self.spec.origin.trim_end_matches('/')
    }

    fn redirect_uri(&self) -> String {
        format!("{}{}", self.site(), self.spec.callback_path)
    }
}

impl Authenticator for Login {
    fn name(&self) -> &str {
        &self.name
    }

    fn identify(&self, head: &Parts, _: Scheme, now: Now) -> Finding {
        let now = now.wall.unix_secs();
        let denied = |why| {
            self.counts.denied(why);
            Finding::Denied(Denied::Login(why))
        };
        match self.session(&head.headers) {
            Ok(None) => Finding::Absent,
            Ok(Some(session)) if now >= session.over(&self.spec) => denied(LoginDenied::Over),
            Ok(Some(session)) if session.renewal_due(&self.spec, now) => {
                Finding::Ask(Denied::Login(LoginDenied::Over))
            }
            Ok(Some(session)) => {
                Finding::Verified(Arc::new(session.caller(&self.name, &self.spec)))
            }
            Err(why) => denied(why),
        }
    }

    /// No scheme of HTTP authentication fits a form in a browser; scripts read this one as the sign
    /// that a login is needed.
    fn scheme(&self) -> &'static str {
        "Cookie"
    }

    /// Cookies of logins are taken off every request, whatever its route.
    fn conceal(&self, headers: &mut HeaderMap) {
        strip_login_cookies(headers);
    }
}

/// Whether a browser opens a page, rather than a script or a picture asking for something: only
/// then a redirect to a form makes sense.
#[must_use]
pub fn opens_a_page(head: &Parts) -> bool {
    let says = |name| said(&head.headers, name);
    let by_mode = match says("sec-fetch-mode") {
        Some(mode) => {
            mode == "navigate" && says("sec-fetch-dest").is_none_or(|to| to == "document")
        }
        None => true,
    };
    let mut accepted = head.headers.get_all(ACCEPT).iter();
    let wants_html = accepted.any(|field| {
        let field = field.to_str().unwrap_or_default().to_ascii_lowercase();
        let mut kinds = field.split(',').filter_map(|kind| kind.split(';').next());
        kinds.any(|kind| kind.trim() == "text/html")
    });
    let ahead = says("sec-purpose").is_some_and(|why| why.contains("prefetch"));
    head.method == Method::GET && by_mode && wants_html && !ahead
}

/// What a field says, if it says one thing.
fn said<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// A URL with more in its query.
fn extended(url: &str, query: &str) -> String {
    let mark = if url.contains('?') { '&' } else { '?' };
    format!("{url}{mark}{query}")
}
