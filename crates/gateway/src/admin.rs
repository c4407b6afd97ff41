//! The admin door: what operators, probes and Prometheus ask.
//!
//! It listens on loopback unless told otherwise, because whoever reaches it can make keys.

mod bulk;
mod config;
mod drain;
mod health;
mod keys;
mod limits;
mod links;
mod metrics;
mod status;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use tidegate_runtime::Phase;

pub(crate) use status::StatusDocument;

use crate::services::Services;

type Shared = Arc<Services>;

/// The largest body that an operator may send.
const BODY_MAX: usize = 64 * 1_024;

/// Serves the admin door until the process ends.
pub(crate) fn serve(
    listener: TcpListener,
    services: Shared,
) -> io::Result<impl Future<Output = ()>> {
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let mut stopping = services.stop.watch();
    let router = Router::new()
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(metrics::metrics))
        .route("/status", get(status::status))
        .route("/keys", get(keys::list).post(keys::create))
        .route("/keys/export", get(bulk::export))
        .route("/keys/import", post(bulk::import))
        .route("/keys/{kid}", get(keys::show))
        .route("/keys/{kid}/revoke", post(keys::revoke))
        .route("/keys/{kid}/rotate", post(keys::rotate))
        .route("/limits", get(limits::list))
        .route("/limits/subjects", get(limits::top))
        .route("/limits/subjects/{hash}", get(limits::show))
        .route("/limits/subjects/{hash}/reset", post(limits::reset))
        .route("/limits/{name}/subjects", get(limits::top_of))
        .route("/limits/{name}/subject", get(limits::show_named))
        .route("/limits/{name}/subject/reset", post(limits::reset_named))
        .route("/config", get(config::show))
        .route("/config/reload", post(config::reload))
        .route("/drain", put(drain::drain).delete(drain::undrain))
        .route("/steer/hold", put(drain::hold).delete(drain::release))
        .route("/lab/links", get(links::show).put(links::change))
        .fallback(async || problem(StatusCode::NOT_FOUND, "there is nothing here"))
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .with_state(services);
    Ok(async move {
        let router = router.into_make_service_with_connect_info::<SocketAddr>();
        let served = axum::serve(listener, router).with_graceful_shutdown(async move {
            stopping.reached(Phase::Ended).await;
        });
        if let Err(error) = served.await {
            tracing::error!(%error, "The admin door failed.");
        }
        // It ends with the process; that it ended is no failure.
        std::future::pending::<()>().await;
    })
}

/// problem+json, in a sentence.
fn problem(status: StatusCode, detail: &str) -> Response {
    let title = status.canonical_reason().unwrap_or("problem");
    let body = serde_json::json!({ "type": "about:blank", "title": title, "status": status.as_u16(), "detail": detail });
    let headers = [(CONTENT_TYPE, "application/problem+json")];
    (status, headers, format!("{body}\n")).into_response()
}
