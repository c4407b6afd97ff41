//! Is the process alive, and does it take requests?

use std::borrow::Cow;

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
pub(super) async fn readyz(State(services): State<Shared>) -> (StatusCode, Cow<'static, str>) {
    if services.stop.watch().phase() >= Phase::Draining {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n".into());
    }
    let ready = services.cluster.look(|node, _| node.is_ready()).await;
    // A node without its key store still serves whom it knows: that is no reason to leave.
    if let (Some(true), Some(why)) = (ready, services.shared.keys.store_trouble()) {
        let text = format!("ready; the key store does not answer ({why}): known keys are served\n");
        return (StatusCode::OK, text.into());
    }
    let (status, text) = match ready {
        Some(true) => (StatusCode::OK, "ready\n"),
        Some(false) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "learning what other nodes have counted\n",
        ),
        None => (
            StatusCode::SERVICE_UNAVAILABLE,
            "the control plane has stopped\n",
        ),
    };
    (status, text.into())
}
