//! Asks an issuer about a token (RFC 7662), with our name and secret in the `Authorization` field
//! (RFC 6749 section 2.3.1).

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use tidegate_identity::{AskedOutcome, Denied, Digest, Introspection, Said, TokenDenied, form};
use tidegate_model::Wall;
use tidegate_runtime::Clock;
use zeroize::Zeroizing;

use crate::client::Client;
use crate::flights::Flights;

const DOWN: Denied = Denied::Token(TokenDenied::IssuerDown);

/// Asks an issuer about tokens.
pub(crate) struct Introspect {
    pub(crate) method: Arc<Introspection>,
    pub(crate) client: Arc<Client>,
    /// The field that says who we are.
    pub(crate) credentials: HeaderValue,
    pub(crate) clock: Clock,
    pub(crate) flights: Flights<Said>,
}

/// The field that says who we are. Both parts are encoded as in a form first.
pub(crate) fn credentials(client_id: &str, secret: &str) -> Result<HeaderValue, String> {
    let both = Zeroizing::new(format!("{}:{}", form(client_id), form(secret)));
    let field = Zeroizing::new(format!("Basic {}", STANDARD.encode(&*both)));
    let value = HeaderValue::from_str(&field);
    let mut value = value.map_err(|error| error.to_string())?;
    value.set_sensitive(true);
    Ok(value)
}

impl Introspect {
    pub(crate) async fn ask(&self, head: &Parts) -> Said {
        let Some((token, digest)) = self.method.token(head) else {
            return Err(Denied::Token(TokenDenied::Malformed));
        };
        let answers = &self.method.answers;
        let (outcome, said) = match self
            .flights
            .join(digest, || self.errand(token, digest))
            .await
        {
            Ok(Some(Ok(caller))) => (AskedOutcome::Good, Ok(caller)),
            Ok(Some(Err(why))) if why != DOWN => (AskedOutcome::Bad, Err(why)),
            Ok(_) => (AskedOutcome::Failed, Err(DOWN)),
            Err(_) => (AskedOutcome::Full, Err(DOWN)),
        };
        answers.count(outcome);
        let now = self.clock.now().wall;
        if said == Err(DOWN)
            && let Some(caller) = answers.stale(&digest, now)
        {
            answers.count(AskedOutcome::Stale);
            return Ok(caller);
        }
        said
    }

    fn errand(&self, token: &str, digest: Digest) -> impl Future<Output = Said> + use<> {
        let (method, client) = (Arc::clone(&self.method), Arc::clone(&self.client));
        let (credentials, clock) = (self.credentials.clone(), self.clock);
        let body = format!("token={}&token_type_hint=access_token", form(token));
        async move {
            let asked = ask(&method, &client, credentials, body, digest, || {
                clock.now().wall
            });
            asked.await.unwrap_or_else(|why| {
                let name = tidegate_identity::Authenticator::name(&*method);
                tracing::warn!(authenticator = name, why, "A token cannot be asked about.");
                Err(DOWN)
            })
        }
    }
}

async fn ask(
    method: &Introspection,
    client: &Client,
    credentials: HeaderValue,
    body: String,
    digest: Digest,
    now: impl Fn() -> Wall,
) -> Result<Said, String> {
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, credentials);
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
    headers.insert(CONTENT_TYPE, kind);
    let answer = client
        .send(Method::POST, headers, Bytes::from(body))
        .await?;
    match answer.status {
        StatusCode::OK => method.judge(digest, &answer.body, now()),
        StatusCode::UNAUTHORIZED => Err("the issuer does not know us: status 401".to_owned()),
        status => Err(format!("status {status}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_secrets_are_encoded_twice_and_do_not_print() {
        let value = credentials("a b", "s:%\u{e4}").unwrap();
        assert_eq!(
            value.to_str().unwrap(),
            format!("Basic {}", STANDARD.encode("a+b:s%3A%25%C3%A4"))
        );
        assert!(!format!("{value:?}").contains("Basic"));
    }
}
