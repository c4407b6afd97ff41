//! Asks an authorizer about a request.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use tidegate_identity::{AskedOutcome, Authenticator, External, ExternalQuestion, Finding, Said};
use tidegate_runtime::Clock;

use crate::client::Client;
use crate::flights::Flights;
use crate::grpc::{Checker, Question};

/// Where a request comes from, for those who are asked about it.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'r> {
    /// The client's address.
    pub client: IpAddr,
    /// Whether its connection is encrypted.
    pub secure: bool,
    /// The host that it named.
    pub host: &'r str,
    /// The path, in its one spelling, and the query.
    pub target: &'r str,
}

/// How an authorizer is asked.
#[derive(Clone)]
pub(crate) enum By {
    /// With GET, as nginx and Traefik do.
    Http(Arc<Client>),
    /// As Envoy does.
    Grpc(Arc<Checker>),
}

/// Asks an authorizer.
pub(crate) struct Authorize {
    pub(crate) method: Arc<External>,
    pub(crate) by: By,
    pub(crate) clock: Clock,
    pub(crate) flights: Flights<Option<Said>>,
}

/// What the gateway says of a request itself, in the words that nginx and Traefik use.
fn around(head: &Parts, origin: Origin<'_>) -> HeaderMap {
    let said = [
        ("x-forwarded-method", head.method.as_str()),
        ("x-forwarded-proto", scheme(origin)),
        ("x-forwarded-host", origin.host),
        ("x-forwarded-uri", origin.target),
        ("x-forwarded-for", &origin.client.to_string()),
    ];
    let field = |(name, value): (&'static str, &str)| {
        Some((
            HeaderName::from_static(name),
            HeaderValue::from_str(value).ok()?,
        ))
    };
    said.into_iter().filter_map(field).collect()
}

impl Authorize {
    pub(crate) async fn ask(&self, head: &Parts, origin: Origin<'_>) -> Said {
        let question = self.method.question(head, around(head, origin));
        let answers = &self.method.answers;
        match answers.fresh(&question.digest, self.clock.now().wall) {
            Some(Finding::Verified(caller)) => return Ok(caller),
            Some(Finding::Denied(why)) => return Err(why),
            _ => {}
        }
        let digest = question.digest;
        let outcome = match self
            .flights
            .join(digest, || self.errand(head, origin, question))
            .await
        {
            Ok(Some(Some(said))) => {
                let good = said.is_ok();
                answers.count(if good {
                    AskedOutcome::Good
                } else {
                    AskedOutcome::Bad
                });
                return said;
            }
            Ok(_) => AskedOutcome::Failed,
            Err(_) => AskedOutcome::Full,
        };
        answers.count(outcome);
        match answers.stale(&digest, self.clock.now().wall) {
            Some(caller) => {
                answers.count(AskedOutcome::Stale);
                Ok(caller)
            }
            None => self.method.unanswered(),
        }
    }

    fn errand(
        &self,
        head: &Parts,
        origin: Origin<'_>,
        question: ExternalQuestion,
    ) -> impl Future<Output = Option<Said>> + use<> {
        let (method, clock) = (Arc::clone(&self.method), self.clock);
        let ExternalQuestion { headers, digest } = question;
        let asked = asked(self.by.clone(), head, origin, headers);
        async move {
            let said = asked.await.and_then(|(status, headers)| {
                method.judge(digest, status, &headers, clock.now().wall)
            });
            match said {
                Ok(said) => Some(said),
                Err(why) => {
                    let name = method.name();
                    tracing::warn!(authenticator = name, why, "The authorizer does not answer.");
                    None
                }
            }
        }
    }
}

/// A status, and fields that say who it is.
fn asked(
    by: By,
    head: &Parts,
    origin: Origin<'_>,
    headers: HeaderMap,
) -> impl Future<Output = Result<(StatusCode, HeaderMap), String>> + use<> {
    let question = Question {
        method: head.method.clone(),
        client: origin.client.to_string(),
        scheme: scheme(origin),
        host: origin.host.to_owned(),
        target: origin.target.to_owned(),
        version: head.version,
        headers,
    };
    async move {
        match by {
            By::Http(client) => {
                let answer = client.send(Method::GET, question.headers, Bytes::new());
                let answer = answer.await?;
                Ok((answer.status, answer.headers))
            }
            By::Grpc(checker) => checker.ask(question).await,
        }
    }
}

const fn scheme(origin: Origin<'_>) -> &'static str {
    if origin.secure { "https" } else { "http" }
}
