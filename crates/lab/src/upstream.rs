//! A small service to stand behind the gateway: it answers every request with what it saw. It may
//! be told to be slow or sick.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// How a service behaves.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Behaviour {
    /// It answers at once.
    #[default]
    Well,
    /// It answers every request late.
    Slow(Duration),
    /// It answers every request with an error.
    Sick,
}

/// The longest that a service is told to take.
const SLOW_MAX: Duration = Duration::from_secs(600);

impl Behaviour {
    /// Reads what a service is told: `well`, `sick` or `slow MILLISECONDS`. `None` for anything
    /// else.
    #[must_use]
    pub fn read(line: &str) -> Option<Self> {
        match line.trim().split_once(' ') {
            None if line.trim() == "well" => Some(Self::Well),
            None if line.trim() == "sick" => Some(Self::Sick),
            Some(("slow", ms)) => {
                let slow = Duration::from_millis(ms.parse().ok()?);
                Some(Self::Slow(slow.min(SLOW_MAX)))
            }
            _ => None,
        }
    }
}

/// Serves until the process ends. `/healthz` answers `ok`, everything else a JSON object about the
/// request.
///
/// # Errors
/// If the address cannot be listened on.
pub async fn serve(
    addr: SocketAddr,
    name: String,
    behaviour: watch::Receiver<Behaviour>,
) -> Result<(), String> {
    let listener = TcpListener::bind(addr)
        .await
        .map_err(|error| format!("the demo service cannot listen on {addr}: {error}"))?;
    let name: Arc<str> = name.into();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let _best_effort = stream.set_nodelay(true);
        let (name, behaviour) = (Arc::clone(&name), behaviour.clone());
        tokio::spawn(async move {
            let service = service_fn(|request| {
                let now = *behaviour.borrow();
                answer(request, Arc::clone(&name), now)
            });
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
    behaviour: Behaviour,
) -> Result<Response<Full<Bytes>>, Infallible> {
    match behaviour {
        Behaviour::Well => {}
        Behaviour::Slow(by) => tokio::time::sleep(by).await,
        Behaviour::Sick => {
            let mut response = Response::new(Full::from("told to be sick\n"));
            *response.status_mut() = http::StatusCode::SERVICE_UNAVAILABLE;
            return Ok(response);
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_does_what_it_is_told_and_nothing_else() {
        assert_eq!(Behaviour::read("well\n"), Some(Behaviour::Well));
        assert_eq!(Behaviour::read("sick"), Some(Behaviour::Sick));
        let slow = Behaviour::Slow(Duration::from_secs(2));
        assert_eq!(Behaviour::read("slow 2000"), Some(slow));
        let longest = Behaviour::Slow(SLOW_MAX);
        assert_eq!(Behaviour::read("slow 99999999999"), Some(longest));
        for other in ["", "slow", "slow down", "well done", "slow -1"] {
            assert_eq!(Behaviour::read(other), None, "{other}");
        }
    }
}
