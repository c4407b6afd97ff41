//! Who is calling, whichever way it was found out.
//!
//! Limits, logs and services see an [`Identity`] and need not know whether a key or a token stood
//! behind it. A method that is not API keys makes a [`Verified`] once and shares it.

use std::collections::BTreeMap;
use std::sync::Arc;

use tidegate_model::Wall;

use crate::{KeyRecord, SignedBody};

/// A caller that was verified. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Identity(Who);

#[derive(Clone, Debug)]
enum Who {
    Key(Arc<KeyRecord>),
    Verified(Arc<Verified>),
}

/// What a method found out about a caller. Everything in it is verified, and bounded by the method.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Verified {
    /// The method's name in the configuration.
    pub method: Arc<str>,
    /// The account, which no other method's can be taken for: the method's name, a colon, and who
    /// the credential was issued to.
    pub account: String,
    /// Whose requests limits `per: consumer` count together.
    pub consumer: String,
    /// The plan whose amounts apply.
    pub plan: Option<String>,
    /// What the credential may be used for.
    pub scopes: Vec<String>,
    /// Roles and groups.
    pub roles: Vec<String>,
    /// Claims by name: texts as they are, other values as JSON.
    pub claims: BTreeMap<String, String>,
    /// All claims, if rules ask for them.
    pub all_claims: Option<serde_json::Value>,
    /// From when on it is refused, in seconds since the Unix epoch.
    pub expires_unix_secs: Option<u64>,
    /// What the body must be, if the credential says.
    pub body: Option<SignedBody>,
    /// From when on its method has something to tell the client with an answer, likewise.
    pub renew_unix_secs: Option<u64>,
}

/// The name of API keys as a method.
const KEY: &str = "key";

impl Identity {
    /// The holder of a verified API key.
    #[must_use]
    pub const fn of_key(record: Arc<KeyRecord>) -> Self {
        Self(Who::Key(record))
    }

    /// A caller that another method verified.
    #[must_use]
    pub const fn of(verified: Arc<Verified>) -> Self {
        Self(Who::Verified(verified))
    }

    /// The method's name in the configuration.
    #[must_use]
    pub fn method(&self) -> &str {
        match &self.0 {
            Who::Key(_) => KEY,
            Who::Verified(verified) => &verified.method,
        }
    }

    /// The one account: a key's public part, or method and subject. What limits `per: key` count
    /// by.
    #[must_use]
    pub fn account(&self) -> &str {
        match &self.0 {
            Who::Key(record) => record.kid.as_str(),
            Who::Verified(verified) => &verified.account,
        }
    }

    /// Who it is in the words of whoever issued the credential: the account without the method's
    /// name. Two methods may say the same of different callers.
    #[must_use]
    pub fn subject(&self) -> &str {
        match &self.0 {
            Who::Key(record) => record.kid.as_str(),
            Who::Verified(verified) => {
                let rest = verified.account.strip_prefix(&*verified.method);
                let subject = rest.and_then(|rest| rest.strip_prefix(':'));
                subject.unwrap_or(&verified.account)
            }
        }
    }

    /// Roles and groups.
    #[must_use]
    pub fn roles(&self) -> &[String] {
        match &self.0 {
            Who::Key(record) => &record.roles,
            Who::Verified(verified) => &verified.roles,
        }
    }

    /// From when on the credential is refused, in seconds since the Unix epoch.
    #[must_use]
    pub fn expires_unix_secs(&self) -> Option<u64> {
        match &self.0 {
            Who::Key(record) => record.expires_unix_secs,
            Who::Verified(verified) => verified.expires_unix_secs,
        }
    }

    /// Whether the method has something to tell the client with the answer.
    #[must_use]
    pub fn renew_due(&self, now: Wall) -> bool {
        let due = self.verified().and_then(|caller| caller.renew_unix_secs);
        due.is_some_and(|due| now.unix_secs() >= due)
    }

    /// Who it is, as operators name them.
    #[must_use]
    pub fn consumer(&self) -> &str {
        match &self.0 {
            Who::Key(record) => &record.consumer,
            Who::Verified(verified) => &verified.consumer,
        }
    }

    /// The plan whose amounts apply, if not the limits' own.
    #[must_use]
    pub fn plan(&self) -> Option<&str> {
        match &self.0 {
            Who::Key(record) => record.plan.as_deref(),
            Who::Verified(verified) => verified.plan.as_deref(),
        }
    }

    /// What the credential may be used for.
    #[must_use]
    pub fn scopes(&self) -> &[String] {
        match &self.0 {
            Who::Key(record) => &record.scopes,
            Who::Verified(verified) => &verified.scopes,
        }
    }

    /// What the operator noted about an API key under this name. Others have nothing noted.
    #[must_use]
    pub fn metadata(&self, name: &str) -> Option<&str> {
        match &self.0 {
            Who::Key(record) => record.metadata.get(name).map(String::as_str),
            Who::Verified(_) => None,
        }
    }

    /// The value of a claim. API keys have none.
    #[must_use]
    pub fn claim(&self, name: &str) -> Option<&str> {
        match &self.0 {
            Who::Key(_) => None,
            Who::Verified(verified) => verified.claims.get(name).map(String::as_str),
        }
    }

    /// All claims, if there are any and rules ask for them.
    #[must_use]
    pub fn all_claims(&self) -> Option<&serde_json::Value> {
        self.verified()?.all_claims.as_ref()
    }

    /// What a method found out; `None` of API keys.
    #[must_use]
    pub const fn verified(&self) -> Option<&Arc<Verified>> {
        match &self.0 {
            Who::Key(_) => None,
            Who::Verified(verified) => Some(verified),
        }
    }
}
