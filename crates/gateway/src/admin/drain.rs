//! Draining, and holding what is announced as it is.

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tidegate_cluster::Event;

use super::{Shared, problem};
use crate::drain::{come_back, leave, leave_if_allowed};

/// How a node is drained.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct How {
    /// Whatever forbids it.
    #[serde(default)]
    force: bool,
}

/// Answers once the node has withdrawn, or with what forbids that.
pub(super) async fn drain(State(services): State<Shared>, Query(how): Query<How>) -> Response {
    if how.force {
        tracing::warn!("An operator drains this node by force.");
        leave(&services).await;
        return StatusCode::NO_CONTENT.into_response();
    }
    tracing::info!("An operator drains this node.");
    match leave_if_allowed(&services).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(why) => {
            tracing::warn!(%why, "This node is not drained.");
            let told =
                format!("the node {why} (`--force`, or ?force=true, drains it all the same)");
            problem(StatusCode::CONFLICT, &told)
        }
    }
}

pub(super) async fn undrain(State(services): State<Shared>) -> Response {
    if come_back(&services).await {
        tracing::info!("An operator has taken the drain back.");
        return StatusCode::NO_CONTENT.into_response();
    }
    problem(StatusCode::CONFLICT, "the node is being stopped")
}

pub(super) async fn hold(State(services): State<Shared>) -> StatusCode {
    tracing::warn!("An operator holds what this node announces as it is.");
    services.cluster.send(Event::Hold(true)).await;
    StatusCode::NO_CONTENT
}

pub(super) async fn release(State(services): State<Shared>) -> StatusCode {
    tracing::info!("Checks decide again what this node announces.");
    services.cluster.send(Event::Hold(false)).await;
    StatusCode::NO_CONTENT
}
