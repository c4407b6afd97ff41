//! Tokens in the `Authorization` field (RFC 6750 section 2.1) as a method.

use std::collections::BTreeSet;
use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::request::Parts;
use sha2::{Digest as _, Sha256};
use tidegate_model::Now;

use super::cache::TokenCache;
use super::compact::Compact;
use super::rules::judge;
use super::{Checked, JwtSpec, TokenCounts, TokenDenied, Verify};
use crate::{Authenticator, Denied, Finding, Verified};

/// Tokens of one issuer.
#[derive(Debug)]
pub struct Jwt {
    name: Arc<str>,
    spec: JwtSpec,
    /// Claims that limits ask for.
    wanted: BTreeSet<String>,
    verify: Arc<dyn Verify>,
    cache: TokenCache,
    counts: Arc<TokenCounts>,
}

/// How judging a token ended, if not well.
enum Trouble {
    Denied(TokenDenied),
    Foreign,
    /// Keys must be fetched first.
    Ask(TokenDenied),
}

impl From<TokenDenied> for Trouble {
    fn from(why: TokenDenied) -> Self {
        Self::Denied(why)
    }
}

impl Jwt {
    /// The method of this name. Of each token's claims those in `wanted` are kept.
    #[must_use]
    pub fn new(
        name: &str,
        spec: JwtSpec,
        wanted: BTreeSet<String>,
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
        let token = Compact::parse(token, self.spec.token_max.as_usize())?;
        let issuer = token.claims.get("iss").and_then(|issuer| issuer.text());
        if issuer != Some(&self.spec.issuer) {
            return Err(Trouble::Foreign);
        }
        if !self.spec.algorithms.contains(&token.algorithm) {
            return Err(TokenDenied::Algorithm.into());
        }
        let caller = judge(
            &self.name,
            &self.spec,
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
        let caller = Arc::new(caller);
        self.cache.insert(digest, generation, Arc::clone(&caller));
        Ok(caller)
    }
}

impl Authenticator for Jwt {
    fn name(&self) -> &str {
        &self.name
    }

    fn identify(&self, head: &Parts, now: Now) -> Finding {
        let judged = match bearer(head) {
            Bearer::Absent => return Finding::Absent,
            Bearer::Ambiguous => Err(TokenDenied::Malformed.into()),
            Bearer::Token(token) => self.judge(token, now),
        };
        match judged {
            Ok(caller) => Finding::Verified(caller),
            Err(Trouble::Foreign) => {
                self.counts.denied(TokenDenied::Issuer);
                Finding::Foreign(Denied::Token(TokenDenied::Issuer))
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
        "Bearer"
    }
}

enum Bearer<'h> {
    Absent,
    Ambiguous,
    Token(&'h str),
}

/// The token of a request. Other schemes are somebody else's.
fn bearer(head: &Parts) -> Bearer<'_> {
    const SCHEME: &[u8] = b"bearer ";
    let mut fields = head.headers.get_all(AUTHORIZATION).iter();
    let Some(field) = fields.next() else {
        return Bearer::Absent;
    };
    let is_bearer = |field: &[u8]| {
        let start = field.get(..SCHEME.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(SCHEME))
    };
    if fields.next().is_some() {
        let several = head.headers.get_all(AUTHORIZATION);
        let any = several.iter().any(|field| is_bearer(field.as_bytes()));
        return if any {
            Bearer::Ambiguous
        } else {
            Bearer::Absent
        };
    }
    if !is_bearer(field.as_bytes()) {
        return Bearer::Absent;
    }
    match field.to_str() {
        Ok(text) => Bearer::Token(&text[SCHEME.len()..]),
        Err(_) => Bearer::Ambiguous,
    }
}
