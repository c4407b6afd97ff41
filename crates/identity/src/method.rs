//! Methods of finding out who is calling, and the rule that holds between them.
//!
//! A route lists methods in order. Each looks for a credential of its own in the head, and the
//! first that finds one decides: a bad credential is refused, it does not fall through to the next
//! method, least of all to one that takes everyone. A credential that is of a method's kind but
//! meant for another (a token of another issuer) is passed on; if nobody takes it, it is refused.

use std::fmt;
use std::sync::Arc;

use http::request::Parts;
use http::{HeaderMap, HeaderValue};
use serde::Deserialize;
use tidegate_model::Now;

use crate::{Denied, Verified};

/// What a method says of a request.
#[derive(Clone, Debug)]
pub enum Finding {
    /// No credential of this method: the next one is asked.
    Absent,
    /// A credential of this kind, but not for this method: the next one is asked, and if none takes
    /// it the request is refused for this reason.
    Foreign(Denied),
    /// The caller is known.
    Verified(Arc<Verified>),
    /// The credential is bad.
    Denied(Denied),
    /// Something must be fetched first; if that does not help, the request is refused for this
    /// reason.
    Ask(Denied),
}

/// How a request came in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scheme {
    /// In clear.
    Http,
    /// Over TLS.
    Https,
}

impl Scheme {
    /// As URLs spell it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// The port that need not be said, behind its colon.
    #[must_use]
    pub(crate) const fn port(self) -> &'static str {
        match self {
            Self::Http => ":80",
            Self::Https => ":443",
        }
    }
}

/// A method of finding out who is calling, other than API keys. It never waits: what must be
/// fetched is asked for with [`Finding::Ask`], and a shell that knows the method by its name does
/// the fetching.
pub trait Authenticator: fmt::Debug + Send + Sync {
    /// Its name in the configuration.
    fn name(&self) -> &str;

    /// Looks for a credential and judges it. `scheme` is that of the connection.
    fn identify(&self, head: &Parts, scheme: Scheme, now: Now) -> Finding;

    /// The scheme that `WWW-Authenticate` offers, such as `Bearer`.
    fn scheme(&self) -> &'static str;

    /// What `Accept-Signature` asks for (RFC 9421 section 5.1), of methods that look at signatures.
    fn accept_signature(&self) -> Option<&HeaderValue> {
        None
    }

    /// Takes credentials of this method off a head, whoever they are of.
    fn conceal(&self, headers: &mut HeaderMap);
}
