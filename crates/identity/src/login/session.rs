//! What a browser keeps of who it is, sealed. No node remembers a session, so every node of every
//! region knows each.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::LoginSpec;
use crate::Verified;

/// A session is told anew to the browser when this part of its idle time is over.
const TOUCHES: u64 = 4;

/// Claims that say how an ID token travels, not who somebody is.
const OF_PROTOCOL: [&str; 11] = [
    "at_hash", "aud", "azp", "c_hash", "exp", "iat", "jti", "nbf", "nonce", "s_hash", "sid",
];

/// A session. It has a refresh token, so it does not print.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Session {
    #[serde(rename = "a")]
    pub(super) account: String,
    /// If it is not the account.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    consumer: Option<String>,
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    plan: Option<String>,
    #[serde(rename = "s", default, skip_serializing_if = "Vec::is_empty")]
    scopes: Vec<String>,
    #[serde(rename = "r", default, skip_serializing_if = "Vec::is_empty")]
    roles: Vec<String>,
    #[serde(rename = "n", default, skip_serializing_if = "BTreeMap::is_empty")]
    claims: BTreeMap<String, String>,
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    all_claims: Option<Value>,
    #[serde(rename = "b")]
    begun: u64,
    #[serde(rename = "u")]
    seen: u64,
    #[serde(rename = "w")]
    pub(super) renewed: u64,
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    pub(super) refresh_token: Option<String>,
}

impl Session {
    /// The session of a caller who has just logged in.
    pub(super) fn begin(caller: Verified, refresh_token: Option<String>, now: u64) -> Self {
        Self {
            consumer: (caller.consumer != caller.account).then_some(caller.consumer),
            account: caller.account,
            plan: caller.plan,
            scopes: caller.scopes,
            roles: caller.roles,
            claims: caller.claims,
            all_claims: caller.all_claims,
            begun: now,
            seen: now,
            renewed: now,
            refresh_token,
        }
    }

    /// The same session, as the provider speaks of its caller now.
    pub(super) fn renew(
        self,
        caller: Option<Verified>,
        refresh_token: Option<String>,
        now: u64,
    ) -> Self {
        let refresh_token = refresh_token.or_else(|| self.refresh_token.clone());
        let begun = self.begun;
        let told = match caller {
            Some(caller) => Self::begin(caller, None, now),
            None => self,
        };
        Self {
            begun,
            seen: now,
            renewed: now,
            refresh_token,
            ..told
        }
    }

    pub(super) fn touch(self, now: u64) -> Self {
        Self { seen: now, ..self }
    }

    /// From when on it is over.
    pub(super) fn over(&self, spec: &LoginSpec) -> u64 {
        let idle = self.seen.saturating_add(spec.session_idle.get().as_secs());
        let lifetime = spec.session_lifetime.get().as_secs();
        idle.min(self.begun.saturating_add(lifetime))
    }

    /// From when on the browser is to be told that it was used.
    pub(super) fn touch_due(&self, spec: &LoginSpec) -> u64 {
        let part = spec.session_idle.get().as_secs() / TOUCHES;
        self.seen.saturating_add(part.max(1))
    }

    /// Whether the provider is to be asked again.
    pub(super) fn renewal_due(&self, spec: &LoginSpec, now: u64) -> bool {
        let due = self
            .renewed
            .saturating_add(spec.renew_after.get().as_secs());
        self.refresh_token.is_some() && now >= due
    }

    /// Who it is.
    pub(super) fn caller(&self, method: &Arc<str>, spec: &LoginSpec) -> Verified {
        Verified {
            method: Arc::clone(method),
            account: self.account.clone(),
            consumer: self
                .consumer
                .clone()
                .unwrap_or_else(|| self.account.clone()),
            plan: self.plan.clone(),
            scopes: self.scopes.clone(),
            roles: self.roles.clone(),
            claims: self.claims.clone(),
            all_claims: self.all_claims.clone(),
            expires_unix_secs: Some(self.over(spec)),
            body: None,
            renew_unix_secs: Some(self.touch_due(spec)),
        }
    }
}

/// Of all claims those that rules are to see.
pub(super) fn kept(all: Value, named: Option<&[String]>) -> Value {
    let Value::Object(all) = all else {
        return all;
    };
    let keeps = |name: &String| match named {
        Some(named) => named.contains(name),
        None => !OF_PROTOCOL.contains(&name.as_str()),
    };
    Value::Object(all.into_iter().filter(|(name, _)| keeps(name)).collect())
}
