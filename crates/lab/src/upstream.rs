//! A small service to stand behind the gateway: it answers every request with what it saw.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// Serves until the process ends. `/healthz` answers `ok`, everything else a JSON object about the
/// request.
///
/// # Errors
/// If the address cannot be listened on.
pub async fn serve(addr: SocketAddr, name: String) -> Result<(), String> {
    let listener = TcpListener::bind(addr)
        .await
        .map_err(|error| format!("the demo service cannot listen on {addr}: {error}"))?;
    let name: Arc<str> = name.into();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            continue;
        };
        let _best_effort = stream.set_nodelay(true);
        let name = Arc::clone(&name);
        tokio::spawn(async move {
            let service = service_fn(|request| answer(request, Arc::clone(&name)));
            // A connection that breaks is the gateway's to notice.
            let _broken = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    name: Arc<str>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.uri().path() == "/healthz" {
        return Ok(Response::new(Full::from("ok\n")));
    }
    let header = |header: &str| {
        request
            .headers()
            .get(header)
            .and_then(|v| v.to_str().ok())
            .map(str::to_owned)
    };
    let (method, path) = (request.method().to_string(), request.uri().to_string());
    let (client, id) = (header("x-forwarded-for"), header("x-request-id"));
    let bytes = match request.into_body().collect().await {
        Ok(body) => body.to_bytes().len(),
        Err(_) => 0,
    };
    let document = serde_json::json!({
        "served_by": &*name,
        "method": method,
        "path": path,
        "client": client,
        "request_id": id,
        "body_bytes": bytes,
    });
    let mut response = Response::new(Full::from(format!("{document}\n")));
    response.headers_mut().insert(
        "content-type",
        http::HeaderValue::from_static("application/json"),
    );
    Ok(response)
}
