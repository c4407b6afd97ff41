//! A session whose provider is asked again, with its refresh token, whether it still holds.

use std::sync::Arc;

use http::HeaderValue;
use http::request::Parts;
use sha2::{Digest as _, Sha256};
use tidegate_model::{Now, Wall};

use super::callback::Given;
use super::session::Session;
use super::{Login, LoginDenied, LoginEvent, Random};
use crate::Denied;
use crate::asked::Said;
use crate::digest_cache::Digest;
use crate::form::pairs;

/// A session that is to be renewed.
pub struct Renewal {
    session: Session,
    /// The body that exchanges the refresh token at the provider.
    pub exchange: String,
    /// What stands for this renewal, so that it is not made twice.
    pub digest: Digest,
}

/// What came of asking.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RenewalAnswer<'b> {
    /// What the provider gave.
    Given(&'b [u8]),
    /// It does not take this refresh token any longer.
    Ended,
    /// Nobody answered, or not in a way that can be used.
    Failed,
}

/// A session after its renewal.
#[derive(Clone, Debug)]
pub struct Renewed {
    /// Who is calling.
    pub said: Said,
    /// What tells the browser, if there is something to tell.
    pub cookie: Option<HeaderValue>,
}

impl Login {
    /// The session of a request, if it is to be renewed now.
    #[must_use]
    pub fn renewal(&self, head: &Parts, now: Wall) -> Option<Renewal> {
        let now = now.unix_secs();
        let session = self.session(&head.headers).ok()??;
        if now >= session.over(&self.spec) || !session.renewal_due(&self.spec, now) {
            return None;
        }
        let token = session.refresh_token.as_deref()?;
        let exchange = pairs([("grant_type", "refresh_token"), ("refresh_token", token)]);
        // Not every provider gives another token each time: the next renewal is another one.
        let digest = Sha256::new().chain_update(token);
        let digest = digest.chain_update(session.renewed.to_le_bytes());
        let digest = digest.finalize().into();
        Some(Renewal {
            session,
            exchange,
            digest,
        })
    }

    /// The session goes on with what the provider said. While it says nothing, it goes on as it is.
    #[must_use]
    pub fn renewed(
        &self,
        renewal: Renewal,
        answer: RenewalAnswer<'_>,
        now: Now,
        random: Random<'_>,
    ) -> Renewed {
        let session = renewal.session;
        let given = match answer {
            RenewalAnswer::Ended => return self.ended(),
            RenewalAnswer::Failed => return self.goes_on(&session),
            RenewalAnswer::Given(given) => given,
        };
        let Ok(given) = serde_json::from_slice::<Given>(given) else {
            return self.goes_on(&session);
        };
        let caller = given.id_token.map(|token| self.caller(&token, None, now));
        let caller = match caller.transpose() {
            // OpenID Connect Core section 12.2: it must be the same user.
            Ok(Some(caller)) if caller.account != session.account => return self.ended(),
            Ok(caller) => caller,
            Err(LoginDenied::ProviderDown) => return self.goes_on(&session),
            Err(_) => return self.ended(),
        };
        let secs = now.wall.unix_secs();
        let session = session.renew(caller, given.refresh_token, secs);
        self.counts.count(LoginEvent::Renewed);
        let said = Ok(Arc::new(session.caller(&self.name, &self.spec)));
        let cookie = self.told(session, secs, random);
        Renewed { said, cookie }
    }

    fn goes_on(&self, session: &Session) -> Renewed {
        self.counts.count(LoginEvent::RenewalFailed);
        Renewed {
            said: Ok(Arc::new(session.caller(&self.name, &self.spec))),
            cookie: None,
        }
    }

    fn ended(&self) -> Renewed {
        self.counts.count(LoginEvent::RenewalEnded);
        Renewed {
            said: Err(Denied::Login(LoginDenied::Over)),
            cookie: self.forget(),
        }
    }
}
