//! The admin door: what operators, probes and Prometheus ask.
//!
//! It listens on loopback unless told otherwise. Who may do what there, `guard` says.

mod audited;
mod bulk;
mod config;
mod console;
mod drain;
mod guard;
mod health;
mod keys;
mod limits;
mod links;
mod metrics;
mod status;
mod traces;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, delete, get, post, put};
use axum::{Extension, Router};
use tidegate_runtime::Phase;

pub(crate) use metrics::gather;
pub(crate) use status::{StatusDocument, status};
pub(crate) use traces::Wish;

use crate::audit::Action;
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
    let record = |change: MethodRouter<Shared>, action| {
        let state = (Arc::clone(&services), action);
        change.route_layer(from_fn_with_state(state, audited::recorded))
    };
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let mut stopping = services.stop.watch();
    let router = Router::new()
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(metrics::metrics))
        .route("/status", get(status::show))
        .route("/world", get(console::world))
        .route("/", get(console::home))
        .route("/console", get(console::home))
        .route("/console/", get(console::page))
        .route("/console/events", get(console::events))
        .route("/console/{file}", get(console::file))
        .route("/keys", get(keys::list).post(keys::create))
        .route("/keys/export", get(bulk::export))
        .route("/keys/import", post(bulk::import))
        .route("/keys/{kid}", get(keys::show))
        .route("/keys/{kid}/revoke", post(keys::revoke))
        .route("/keys/{kid}/rotate", post(keys::rotate))
        .route("/limits", get(limits::list))
        .route("/limits/subjects", get(limits::top))
        .route("/limits/subjects/{hash}", get(limits::show))
        .route(
            "/limits/subjects/{hash}/reset",
            record(post(limits::reset), Action::ResetLimit),
        )
        .route("/limits/{name}/subjects", get(limits::top_of))
        .route("/limits/{name}/subject", get(limits::show_named))
        .route(
            "/limits/{name}/subject/reset",
            record(post(limits::reset_named), Action::ResetLimit),
        )
        .route("/config", get(config::show))
        .route(
            "/config/reload",
            record(post(config::reload), Action::Reload),
        )
        .route("/drain", record(put(drain::drain), Action::Drain))
        .route("/drain", record(delete(drain::undrain), Action::Undrain))
        .route("/steer/hold", record(put(drain::hold), Action::Hold))
        .route(
            "/steer/hold",
            record(delete(drain::release), Action::Release),
        )
        .route("/traces", record(post(traces::watch), Action::Trace))
        .route("/lab/links", record(put(links::change), Action::ChangeLink))
        .route("/lab/links", get(links::show))
        .fallback(async || problem(StatusCode::NOT_FOUND, "there is nothing here"))
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .layer(from_fn_with_state(Arc::clone(&services), guard::guarded))
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
    let why = Extension(audited::Why(detail.to_owned()));
    (status, headers, why, format!("{body}\n")).into_response()
}
