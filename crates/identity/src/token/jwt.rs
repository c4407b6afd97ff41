//! Tokens in the `Authorization` field (RFC 6750 section 2.1) as a method.

use std::sync::Arc;

use http::HeaderMap;
use http::request::Parts;
use sha2::{Digest as _, Sha256};
use tidegate_model::Now;

use super::cache::TokenCache;
use super::compact::Compact;
use super::json::{Json, Object};
use super::rules::{Rules, judge};
use super::{Checked, JwtSpec, TokenCounts, TokenDenied, Verify};
use crate::authorization::{Presented, conceal, presented};
use crate::{Authenticator, Denied, Finding, Scheme, Verified, Wanted};

const SCHEME: &str = "Bearer";

/// Tokens of one issuer.
#[derive(Debug)]
pub struct Jwt {
    name: Arc<str>,
    spec: JwtSpec,
    /// Claims that are kept.
    wanted: Wanted,
    verify: Arc<dyn Verify>,
    cache: TokenCache,
    counts: Arc<TokenCounts>,
}

/// How judging a token ended, if not well.
enum Trouble {
    Denied(TokenDenied),
    /// Perhaps another method's: no JWT at all, or of another issuer.
    Foreign(TokenDenied),
    /// Keys must be fetched first.
    Ask(TokenDenied),
}

impl From<TokenDenied> for Trouble {
    fn from(why: TokenDenied) -> Self {
        Self::Denied(why)
    }
}

impl Jwt {
    /// The method of this name. Of each token's claims those that are `wanted` are kept.
    #[must_use]
    pub fn new(
        name: &str,
        spec: JwtSpec,
        wanted: Wanted,
        verify: Arc<dyn Verify>,
        counts: Arc<TokenCounts>,
    ) -> Self {
        Self {
            name: name.into(),
            cache: TokenCache::new(spec.cache_max),
            spec,
            wanted,
            verify,
            counts,
        }
    }

    /// Verified tokens that are remembered.
    #[must_use]
    pub fn cached(&self) -> usize {
        self.cache.len()
    }

    /// What is cheap comes first: a token that is expired, or not for us, costs no signature.
    fn judge(&self, token: &str, now: Now) -> Result<Arc<Verified>, Trouble> {
        if token.len() > self.spec.token_max.as_usize() {
            return Err(TokenDenied::Malformed.into());
        }
        let digest = Sha256::digest(token).into();
        // Read before the keys are used: should they change meanwhile, the entry is stale at once.
        let generation = self.verify.generation();
        if let Some(known) = self.cache.get(&digest, generation, now.wall) {
            self.counts.cached(digest[0]);
            return Ok(known);
        }
        let (caller, _) = self.check(token, now)?;
        let caller = Arc::new(caller);
        self.cache.insert(digest, generation, Arc::clone(&caller));
        Ok(caller)
    }

    /// Judges an ID token (OpenID Connect Core section 3.1.3.7), which is seen once and not
    /// remembered. Claims and signature are those of any token; it must be for this client alone,
    /// or name it as the one that asked, and answer this login.
    pub(crate) fn id_token(
        &self,
        token: &str,
        client_id: &str,
        nonce: Option<&str>,
        now: Now,
    ) -> Result<Verified, TokenDenied> {
        let judged = self.check(token, now).and_then(|(caller, claims)| {
            let text = |name| {
                claims
                    .get(name)
                    .map(|claim| claim.text().unwrap_or_default())
            };
            let asked_by = text("azp");
            let several = matches!(claims.get("aud"), Some(Json::List(list)) if list.len() > 1);
            let for_us = asked_by.map_or(!several, |by| by == client_id);
            if !for_us {
                return Err(TokenDenied::Audience.into());
            }
            let complete = claims.contains_key("sub") && claims.contains_key("iat");
            let answers = nonce.is_none_or(|nonce| text("nonce") == Some(nonce));
            if !complete || !answers {
                return Err(TokenDenied::Claim.into());
            }
            Ok(caller)
        });
        judged.map_err(|trouble| {
            let (Trouble::Denied(why) | Trouble::Foreign(why) | Trouble::Ask(why)) = trouble;
            self.counts.denied(why);
            why
        })
    }

    /// Judges a token that is not remembered.
    fn check(&self, token: &str, now: Now) -> Result<(Verified, Object), Trouble> {
        if token.matches('.').count() != 2 {
            return Err(Trouble::Foreign(TokenDenied::Malformed));
        }
        let token = Compact::parse(token, self.spec.token_max.as_usize())?;
        let issuer = token.claims.get("iss").and_then(|issuer| issuer.text());
        if issuer != Some(&self.spec.issuer) {
            return Err(Trouble::Foreign(TokenDenied::Issuer));
        }
        if !self.spec.algorithms.contains(&token.algorithm) {
            return Err(TokenDenied::Algorithm.into());
        }
        let caller = judge(
            &self.name,
            Rules::from(&self.spec),
            &self.wanted,
            &token.claims,
            now.wall,
        )?;
        let kid = token.kid.as_deref();
        match self
            .verify
            .verify(kid, token.algorithm, token.message, token.signature)
        {
            Checked::Good => {}
            Checked::Bad => return Err(TokenDenied::Signature.into()),
            Checked::Unfit => return Err(TokenDenied::Algorithm.into()),
            Checked::Unknown => return Err(Trouble::Ask(TokenDenied::UnknownKey)),
            Checked::NoKeys => return Err(Trouble::Ask(TokenDenied::KeysDown)),
        }
        self.counts.verified();
        Ok((caller, token.claims))
    }
}

impl Authenticator for Jwt {
    fn name(&self) -> &str {
        &self.name
    }

    fn identify(&self, head: &Parts, _: Scheme, now: Now) -> Finding {
        let judged = match presented(head, SCHEME) {
            Presented::Absent => return Finding::Absent,
            Presented::Ambiguous => Err(TokenDenied::Malformed.into()),
            Presented::Credentials(token) => self.judge(token, now),
        };
        match judged {
            Ok(caller) => Finding::Verified(caller),
            Err(Trouble::Foreign(why)) => {
                self.counts.denied(why);
                Finding::Foreign(Denied::Token(why))
            }
            Err(Trouble::Denied(why)) => {
                self.counts.denied(why);
                Finding::Denied(Denied::Token(why))
            }
            Err(Trouble::Ask(why)) => {
                self.counts.denied(why);
                Finding::Ask(Denied::Token(why))
            }
        }
    }

    fn scheme(&self) -> &'static str {
        SCHEME
    }

    fn conceal(&self, headers: &mut HeaderMap) {
        conceal(headers, SCHEME);
    }
}
