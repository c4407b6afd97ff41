//! Fetches a document from an issuer: one request on a connection of its own, bounded in size.
//! Redirects are not followed: whoever answers there is not whom the operator named.

use bytes::Bytes;
use http::header::{ACCEPT, HOST, USER_AGENT};
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::task::JoinSet;

use crate::connect::Connector;

pub(crate) async fn get(
    connector: &Connector,
    uri: &Uri,
    body_max: usize,
) -> Result<Bytes, String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let stream = connector.connect(uri).await?;
    let handshake = http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, conn) = handshake.map_err(|e| text(&e))?;
    let mut running = JoinSet::new();
    running.spawn(conn);
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let host = uri.authority().map_or("", |authority| authority.as_str());
    let request = Request::get(target)
        .header(HOST, host)
        .header(ACCEPT, "application/json")
        .header(USER_AGENT, "tidegate")
        .body(Empty::<Bytes>::new())
        .map_err(|e| text(&e))?;
    let response = sender.send_request(request).await.map_err(|e| text(&e))?;
    if response.status() != StatusCode::OK {
        return Err(format!("status {}", response.status()));
    }
    let body = Limited::new(response.into_body(), body_max).collect().await;
    Ok(body
        .map_err(|error| format!("the body: {error}"))?
        .to_bytes())
}
