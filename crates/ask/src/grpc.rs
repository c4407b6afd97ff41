//! Asks an authorizer in Envoy's protocol, `envoy.service.auth.v3.Authorization/Check`.
//!
//! One connection of HTTP/2 carries all questions; it is made by our own connector, so names,
//! certificates and time limits are those of the authorizers that are asked over HTTP.

mod messages;

use std::sync::Arc;
use std::time::Duration;

use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version};
use tidegate_grpc::{Connection, Kept};
use tidegate_tokens::Connector;
use tonic::client::Grpc;
use tonic_prost::ProstCodec;

use messages as m;

const CHECK: PathAndQuery = PathAndQuery::from_static("/envoy.service.auth.v3.Authorization/Check");
/// Fields of an answer that are looked at.
const FIELDS_MAX: usize = 64;

/// What is asked.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) method: Method,
    pub(crate) client: String,
    pub(crate) scheme: &'static str,
    pub(crate) host: String,
    pub(crate) target: String,
    pub(crate) version: Version,
    pub(crate) headers: HeaderMap,
}

/// A client of one authorizer.
pub(crate) struct Checker {
    by: Connector,
    uri: Uri,
    message_max: usize,
    timeout: Duration,
    kept: Kept,
}

impl Checker {
    pub(crate) fn new(by: Connector, uri: Uri, message_max: usize, timeout: Duration) -> Arc<Self> {
        Arc::new(Self {
            by: by.for_http2(),
            uri,
            message_max,
            timeout,
            kept: Kept::default(),
        })
    }

    /// Asks, and gives the answer as an authorizer over HTTP would have said it: a status, and the
    /// fields for the service.
    pub(crate) async fn ask(&self, question: Question) -> Result<(StatusCode, HeaderMap), String> {
        let request = request(question);
        let asked = tokio::time::timeout(self.timeout, self.try_ask(request)).await;
        let late = |_| format!("no answer within {} ms", self.timeout.as_millis());
        answer(asked.map_err(late)??)
    }

    /// A connection that was kept may have been closed meanwhile; then a fresh one is tried. What
    /// is asked changes nothing, so it may be asked twice.
    async fn try_ask(&self, request: m::CheckRequest) -> Result<m::CheckResponse, String> {
        if let Some(kept) = self.kept.open().await {
            match self.check(kept.clone(), request.clone()).await {
                Err(_) if kept.is_closed() => {}
                answer => return answer,
            }
        }
        let fresh = self.kept.connected(self.by.connect(&self.uri)).await?;
        self.check(fresh, request).await
    }

    async fn check(
        &self,
        by: Connection,
        request: m::CheckRequest,
    ) -> Result<m::CheckResponse, String> {
        let mut client = Grpc::with_origin(by, self.uri.clone());
        client = client.max_decoding_message_size(self.message_max);
        client.ready().await.map_err(|error| error.to_string())?;
        let codec = ProstCodec::default();
        let answer = client
            .unary(tonic::Request::new(request), CHECK, codec)
            .await;
        let answer =
            answer.map_err(|status| format!("{:?}: {}", status.code(), status.message()))?;
        Ok(answer.into_inner())
    }
}

fn request(question: Question) -> m::CheckRequest {
    let mut headers = std::collections::BTreeMap::new();
    for name in question.headers.keys() {
        let lines = question.headers.get_all(name).iter();
        let lines: Vec<_> = lines
            .map(|value| String::from_utf8_lossy(value.as_bytes()))
            .collect();
        headers.insert(name.as_str().to_owned(), lines.join(","));
    }
    // As Envoy lists them.
    headers.insert(":method".to_owned(), question.method.to_string());
    headers.insert(":authority".to_owned(), question.host.clone());
    headers.insert(":path".to_owned(), question.target.clone());
    headers.insert(":scheme".to_owned(), question.scheme.to_owned());
    let address = m::SocketAddress {
        address: question.client,
    };
    m::CheckRequest {
        attributes: Some(m::AttributeContext {
            source: Some(m::Peer {
                address: Some(m::Address {
                    socket_address: Some(address),
                }),
            }),
            request: Some(m::Request {
                http: Some(m::HttpRequest {
                    method: question.method.to_string(),
                    headers,
                    path: question.target,
                    host: question.host,
                    scheme: question.scheme.to_owned(),
                    size: -1,
                    protocol: format!("{:?}", question.version),
                }),
            }),
        }),
    }
}

/// What an answer says: a code of zero lets the caller in, and so does one that is left out; every
/// other is a no, and never "no answer".
fn answer(said: m::CheckResponse) -> Result<(StatusCode, HeaderMap), String> {
    if said.status.is_some_and(|status| status.code != 0) {
        let status = said.denied_response.and_then(|denied| denied.status);
        return Ok(match status {
            Some(status) if status.code == 401 => (StatusCode::UNAUTHORIZED, HeaderMap::new()),
            _ => (StatusCode::FORBIDDEN, HeaderMap::new()),
        });
    }
    if said.denied_response.is_some() {
        return Err("the answer is both yes and no".to_owned());
    }
    let fields = said.ok_response.unwrap_or_default().headers;
    if fields.len() > FIELDS_MAX {
        return Err(format!("more than {FIELDS_MAX} fields"));
    }
    let mut headers = HeaderMap::new();
    for field in fields.into_iter().filter_map(|field| field.header) {
        let value = match field.raw_value.is_empty() {
            true => field.value.into_bytes(),
            false => field.raw_value,
        };
        let name = HeaderName::from_bytes(field.key.as_bytes());
        let name = name.map_err(|error| error.to_string())?;
        let value = HeaderValue::from_bytes(&value).map_err(|error| error.to_string())?;
        headers.append(name, value);
    }
    Ok((StatusCode::OK, headers))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(key: &str, value: &str, raw: &[u8]) -> m::HeaderValueOption {
        m::HeaderValueOption {
            header: Some(m::HeaderValue {
                key: key.to_owned(),
                value: value.to_owned(),
                raw_value: raw.to_vec(),
            }),
        }
    }

    fn said(
        code: Option<i32>,
        denied: Option<i32>,
        fields: &[m::HeaderValueOption],
    ) -> m::CheckResponse {
        m::CheckResponse {
            status: code.map(|code| m::Status { code }),
            denied_response: denied.map(|code| m::DeniedHttpResponse {
                status: Some(m::HttpStatus { code }),
            }),
            ok_response: (!fields.is_empty()).then(|| m::OkHttpResponse {
                headers: fields.to_vec(),
            }),
        }
    }

    #[test]
    fn every_code_but_zero_is_a_no() {
        let status = |said| answer(said).map(|(status, _)| status.as_u16());
        for (code, denied, want) in [
            (Some(0), None, Ok(200)),
            (None, None, Ok(200)),
            (Some(7), None, Ok(403)),
            (Some(16), Some(401), Ok(401)),
            (Some(7), Some(403), Ok(403)),
            (Some(7), Some(200), Ok(403)),
            (Some(-1), Some(503), Ok(403)),
        ] {
            assert_eq!(status(said(code, denied, &[])), want, "{code:?} {denied:?}");
        }
        for code in [None, Some(0)] {
            assert!(status(said(code, Some(401), &[])).is_err(), "{code:?}");
        }
    }

    #[test]
    fn fields_are_taken_as_they_are_or_the_answer_is_none() {
        let fields = [field("X-User", "ada", b""), field("x-raw", "", b"b\xe4c")];
        let (_, headers) = answer(said(Some(0), None, &fields)).unwrap();
        assert_eq!(headers["x-user"], "ada");
        assert_eq!(headers["x-raw"].as_bytes(), b"b\xe4c");
        for bad in [
            field("", "a", b""),
            field("a b", "a", b""),
            field("a", "b\nc: d", b""),
        ] {
            assert!(answer(said(Some(0), None, &[bad])).is_err());
        }
        let many = vec![field("a", "b", b""); FIELDS_MAX + 1];
        assert!(answer(said(Some(0), None, &many)).is_err());
    }
}
