//! Is the process alive, and does it take requests?

use axum::extract::State;
use axum::http::StatusCode;
use tidegate_runtime::Phase;

use super::Shared;

/// Alive: the control plane answers.
pub(super) async fn healthz(State(services): State<Shared>) -> (StatusCode, &'static str) {
    match services.cluster.look(|_, _| ()).await {
        Some(()) => (StatusCode::OK, "ok\n"),
        None => (
            StatusCode::SERVICE_UNAVAILABLE,
            "the control plane has stopped\n",
        ),
    }
}

/// Ready: it takes requests, and knows what others have counted.
pub(super) async fn readyz(State(services): State<Shared>) -> (StatusCode, &'static str) {
    if services.stop.watch().phase() != Phase::Running {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n");
    }
    match services.cluster.look(|node, _| node.is_ready()).await {
        // A node without its key store still serves whom it knows: that is no reason to leave.
        Some(true) if !services.shared.keys.store_answers() => (
            StatusCode::OK,
            "ready; the key store does not answer: known keys are served\n",
        ),
        Some(true) => (StatusCode::OK, "ready\n"),
        Some(false) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "learning what other nodes have counted\n",
        ),
        None => (
            StatusCode::SERVICE_UNAVAILABLE,
            "the control plane has stopped\n",
        ),
    }
}
