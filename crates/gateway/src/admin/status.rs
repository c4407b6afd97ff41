//! The world as this node sees it.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use tidegate_runtime::Phase;

use super::{Shared, problem};

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

pub(super) async fn status(State(services): State<Shared>) -> Response {
    let Some(cluster) = services.cluster.look(tidegate_cluster::Node::status).await else {
        return problem(
            StatusCode::SERVICE_UNAVAILABLE,
            "the control plane has stopped",
        );
    };
    let now = services.clock.now().wall;
    let phase = match services.stop.watch().phase() {
        Phase::Running => "running",
        Phase::Draining => "draining",
        Phase::Closing => "closing",
        Phase::Ended => "ended",
    };
    Json(StatusDocument {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        uptime_secs: now.unix_secs().saturating_sub(services.started.unix_secs()),
        phase: phase.to_owned(),
        keys_cached: services.keys.cached().0,
        anycast_trouble: services.anycast.trouble(),
        cluster,
    })
    .into_response()
}
