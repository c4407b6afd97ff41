//! Draining, and holding what is announced as it is.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tidegate_cluster::Event;

use super::{Shared, problem};
use crate::drain::{come_back, leave};

/// Answers once the node has decided to withdraw.
pub(super) async fn drain(State(services): State<Shared>) -> StatusCode {
    tracing::info!("An operator drains this node.");
    leave(&services).await;
    StatusCode::NO_CONTENT
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
