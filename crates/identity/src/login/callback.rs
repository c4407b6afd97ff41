//! A browser that comes back from the provider.

use http::HeaderValue;
use http::request::Parts;
use serde::Deserialize;
use subtle::ConstantTimeEq;
use tidegate_model::{Now, Wall};

use super::flow::Flow;
use super::session::{Session, kept};
use super::{Login, LoginDenied, LoginEvent, Provider, Random, Turn, clear, cookie};
use crate::Verified;
use crate::form::{pairs, parameter};

/// A code is at most so long.
const CODE_MAX: usize = 4_096;
/// What a provider says while it is not able to answer (RFC 6749 section 4.1.2.1).
const NOT_NOW: [&str; 2] = ["server_error", "temporarily_unavailable"];

/// A browser that is back with a code.
pub struct Returned {
    flow: Flow,
    /// The body that exchanges the code at the provider.
    pub exchange: String,
    over: Option<HeaderValue>,
}

/// A login that went wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TurnedAway {
    /// Why.
    pub why: LoginDenied,
    /// Takes the cookie of the login away, if there is one.
    pub cookie: Option<HeaderValue>,
}

/// What a provider gives for a code or a refresh token (OpenID Connect Core section 3.1.3.3).
#[derive(Deserialize)]
pub(super) struct Given {
    pub(super) id_token: Option<String>,
    pub(super) refresh_token: Option<String>,
}

impl Login {
    /// Looks at a browser that comes back: whether it began this login here, and whether the answer
    /// is its provider's.
    ///
    /// # Errors
    /// If not, or if the provider said no.
    pub fn returned(
        &self,
        head: &Parts,
        provider: Option<&Provider>,
        now: Wall,
    ) -> Result<Returned, TurnedAway> {
        let query = head.uri.query().unwrap_or_default();
        let (flow, over) = self.flow_of(head, query, now.unix_secs())?;
        let turned_away = |why| self.turned_away(why, over.clone());
        let one = |name| parameter(query, name).map_err(|()| turned_away(LoginDenied::State));
        // RFC 9207: whoever mixes providers up is found by this, errors included.
        let must = provider.is_some_and(|provider| provider.names_itself);
        match one("iss")? {
            Some(issuer) if issuer != self.spec.issuer => {
                return Err(turned_away(LoginDenied::Issuer));
            }
            None if must => return Err(turned_away(LoginDenied::Issuer)),
            _ => {}
        }
        if let Some(error) = one("error")? {
            let why = match NOT_NOW.contains(&error.as_str()) {
                true => LoginDenied::ProviderDown,
                false => LoginDenied::Refused,
            };
            return Err(turned_away(why));
        }
        let code = one("code")?.filter(|code| (1..=CODE_MAX).contains(&code.len()));
        let code = code.ok_or_else(|| turned_away(LoginDenied::Code))?;
        let exchange = pairs([
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", &self.redirect_uri()),
            ("code_verifier", &flow.verifier),
        ]);
        Ok(Returned {
            flow,
            exchange,
            over,
        })
    }

    /// The login that a browser says it comes back from, and what takes its cookie away. The cookie
    /// proves that this browser began it.
    fn flow_of(
        &self,
        head: &Parts,
        query: &str,
        now: u64,
    ) -> Result<(Flow, Option<HeaderValue>), TurnedAway> {
        let unknown = || self.turned_away(LoginDenied::State, None);
        let state = parameter(query, "state").ok().flatten();
        let state = state.ok_or_else(unknown)?;
        let name = self.flow_cookie(&state).ok_or_else(unknown)?;
        let sealed = cookie(&head.headers, &name).ok_or_else(unknown)?;
        let flow = self.flow(sealed, now).ok_or_else(unknown)?;
        match bool::from(flow.state.as_bytes().ct_eq(state.as_bytes())) {
            true => Ok((flow, clear(&name))),
            false => Err(unknown()),
        }
    }

    /// Lets a browser in with what the provider gave for its code.
    ///
    /// # Errors
    /// If the ID token is not accepted, or the session does not fit into a cookie.
    pub fn enter(
        &self,
        returned: &Returned,
        given: &[u8],
        now: Now,
        random: Random<'_>,
    ) -> Result<Turn, TurnedAway> {
        let turned_away = |why| self.turned_away(why, returned.over.clone());
        let given: Given =
            serde_json::from_slice(given).map_err(|_| turned_away(LoginDenied::Token))?;
        let token = given.id_token.as_deref();
        let token = token.ok_or_else(|| turned_away(LoginDenied::Token))?;
        let caller = self.caller(token, Some(&returned.flow.nonce), now);
        let caller = caller.map_err(turned_away)?;
        let now = now.wall.unix_secs();
        let session = Session::begin(caller, given.refresh_token, now);
        let told = self.told(session, now, random);
        let told = told.ok_or_else(|| turned_away(LoginDenied::TooLarge))?;
        self.counts.count(LoginEvent::Entered);
        Ok(Turn {
            location: format!("{}{}", self.site(), returned.flow.return_to),
            cookies: std::iter::once(told).chain(returned.over.clone()).collect(),
        })
    }

    /// Counts that a login went wrong, for a reason that was found elsewhere.
    #[must_use]
    pub fn refused(&self, returned: &Returned, why: LoginDenied) -> TurnedAway {
        self.turned_away(why, returned.over.clone())
    }

    fn turned_away(&self, why: LoginDenied, cookie: Option<HeaderValue>) -> TurnedAway {
        self.counts.denied(why);
        TurnedAway { why, cookie }
    }

    /// Whom an ID token speaks of.
    pub(super) fn caller(
        &self,
        token: &str,
        nonce: Option<&str>,
        now: Now,
    ) -> Result<Verified, LoginDenied> {
        let judged = self
            .tokens
            .id_token(token, &self.spec.client_id, nonce, now);
        let mut caller = judged.map_err(|why| match why {
            // Its keys were asked for a moment ago, so they are under way.
            crate::TokenDenied::UnknownKey | crate::TokenDenied::KeysDown => {
                LoginDenied::ProviderDown
            }
            _ => LoginDenied::Token,
        })?;
        let all = caller.all_claims.take().filter(|_| self.wants_all);
        caller.all_claims = all.map(|all| kept(all, self.spec.claims.as_deref()));
        Ok(caller)
    }
}
