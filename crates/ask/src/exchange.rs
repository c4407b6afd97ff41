//! Exchanges codes and refresh tokens at a provider's token endpoint (RFC 6749 sections 4.1.3 and
//! 6). Both may be used once, so each exchange has a connection of its own and is never repeated.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use serde::Deserialize;
use tidegate_identity::{ClientAuth, form};
use tidegate_model::Secret;
use tidegate_tokens::Connector;

use crate::client::{Answer, Client};
use crate::introspect::credentials;

/// What came of an exchange.
#[derive(Clone)]
pub(crate) enum Exchanged {
    /// Tokens.
    Given(Bytes),
    /// The code or refresh token is not taken, or not any longer.
    Ended,
    /// Nobody answered, or not in a way that can be used.
    Failed,
}

/// Who we say that we are.
pub(crate) enum ClientSecret {
    /// In a field.
    Field(HeaderValue),
    /// In the body.
    Body(Secret),
}

/// Exchanges at one provider.
pub(crate) struct Exchange {
    pub(crate) name: String,
    pub(crate) by: Connector,
    pub(crate) secret: ClientSecret,
    pub(crate) body_max: usize,
    pub(crate) timeout: Duration,
}

#[derive(Deserialize)]
struct Refused {
    error: String,
}

impl ClientSecret {
    pub(crate) fn new(
        client_id: &str,
        secret: Option<Secret>,
        how: ClientAuth,
    ) -> Result<Self, String> {
        let id = form(client_id);
        Ok(match (secret, how) {
            (Some(secret), ClientAuth::Basic) => {
                Self::Field(credentials(client_id, secret.reveal())?)
            }
            (Some(secret), ClientAuth::Post) => {
                let secret = form(secret.reveal());
                Self::Body(Secret::new(format!(
                    "&client_id={id}&client_secret={secret}"
                )))
            }
            (None, _) => Self::Body(Secret::new(format!("&client_id={id}"))),
        })
    }
}

impl Exchange {
    pub(crate) async fn run(&self, uri: Uri, mut body: String) -> Exchanged {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(CONTENT_TYPE, kind);
        match &self.secret {
            ClientSecret::Field(field) => {
                headers.insert(AUTHORIZATION, field.clone());
            }
            ClientSecret::Body(more) => body.push_str(more.reveal()),
        }
        let client = Client::new(self.by.clone(), uri, self.body_max, self.timeout);
        let answer = client.send(Method::POST, headers, body.into()).await;
        let (exchanged, why) = read(answer);
        if let Some(why) = why {
            tracing::warn!(
                authenticator = self.name,
                why,
                "A provider gives no tokens."
            );
        }
        exchanged
    }
}

/// What an answer means, and what to log of it.
fn read(answer: Result<Answer, String>) -> (Exchanged, Option<String>) {
    let answer = match answer {
        Ok(answer) if answer.status == StatusCode::OK => {
            return (Exchanged::Given(answer.body), None);
        }
        Ok(answer) => answer,
        Err(why) => return (Exchanged::Failed, Some(why)),
    };
    let refused: Option<Refused> = serde_json::from_slice(&answer.body).ok();
    match refused.as_ref().map(|refused| &*refused.error) {
        Some("invalid_grant") if answer.status.is_client_error() => (Exchanged::Ended, None),
        said => {
            let said: String = said.unwrap_or("no reason").chars().take(64).collect();
            (
                Exchanged::Failed,
                Some(format!("status {}: {said:?}", answer.status)),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_grant_that_is_not_taken_ends_a_session() {
        let ended = |status: u16, body: &'static str| {
            let answer = Answer {
                status: StatusCode::from_u16(status).unwrap(),
                headers: HeaderMap::new(),
                body: Bytes::from_static(body.as_bytes()),
            };
            matches!(read(Ok(answer)).0, Exchanged::Ended)
        };
        assert!(ended(400, r#"{"error":"invalid_grant"}"#));
        for (status, body) in [
            (500, r#"{"error":"invalid_grant"}"#),
            (401, r#"{"error":"invalid_client"}"#),
            (400, "<html>"),
            (429, "{}"),
            (200, "{}"),
        ] {
            assert!(!ended(status, body), "{status} {body}");
        }
    }

    #[test]
    fn who_we_are_is_said_in_a_field_or_in_the_body_and_does_not_print() {
        let secret = || Some(Secret::new("s&".to_owned()));
        let body = |secret, how| match ClientSecret::new("a b", secret, how).unwrap() {
            ClientSecret::Body(body) => body.reveal().to_owned(),
            ClientSecret::Field(field) => format!("{field:?}"),
        };
        assert_eq!(body(secret(), ClientAuth::Basic), "Sensitive");
        assert_eq!(
            body(secret(), ClientAuth::Post),
            "&client_id=a+b&client_secret=s%26"
        );
        assert_eq!(body(None, ClientAuth::Basic), "&client_id=a+b");
    }
}
