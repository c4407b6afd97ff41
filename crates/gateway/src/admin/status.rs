//! The world as this node sees it.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use tidegate_runtime::Phase;

use super::{Shared, problem};
use crate::services::Services;

/// What `/status` answers with.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StatusDocument {
    pub(crate) version: String,
    pub(crate) uptime_secs: u64,
    pub(crate) phase: String,
    pub(crate) keys_cached: usize,
    /// Why the routing daemon does not do what this node wants.
    #[serde(default)]
    pub(crate) anycast_trouble: Option<String>,
    #[serde(flatten)]
    pub(crate) cluster: tidegate_cluster::ClusterStatus,
}

pub(super) async fn show(State(services): State<Shared>) -> Response {
    match status(&services).await {
        Some(document) => Json(document).into_response(),
        None => problem(
            StatusCode::SERVICE_UNAVAILABLE,
            "the control plane has stopped",
        ),
    }
}

/// How it is here; nothing once the control plane has stopped.
pub(crate) async fn status(services: &Services) -> Option<StatusDocument> {
    let cluster = services
        .cluster
        .look(tidegate_cluster::Node::status)
        .await?;
    let now = services.clock.now().wall;
    let phase = match services.stop.watch().phase() {
        Phase::Running => "running",
        Phase::Away => "away",
        Phase::Draining => "draining",
        Phase::Closing => "closing",
        Phase::Ended => "ended",
    };
    Some(StatusDocument {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        uptime_secs: now.unix_secs().saturating_sub(services.started.unix_secs()),
        phase: phase.to_owned(),
        keys_cached: services.keys.cached().0,
        anycast_trouble: services.anycast.trouble(),
        cluster,
    })
}
