//! Which configuration runs, and loading it anew.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::{Shared, problem};
use crate::reload;

pub(super) async fn show(State(services): State<Shared>) -> Json<serde_json::Value> {
    let live = services.shared.live.load();
    Json(json!({
        "generation": live.snapshot.generation,
        "routes": live.snapshot.routes.iter().map(|route| &route.name).collect::<Vec<_>>(),
        "limits": live.snapshot.limits.iter().map(|(limit, _)| &*limit.name).collect::<Vec<_>>(),
        "region_file": services.options.region_file,
    }))
}

pub(super) async fn reload(State(services): State<Shared>) -> Response {
    match reload::reload(&services).await {
        Ok(reloaded) => Json(json!({
            "generation": reloaded.generation,
            "needs_restart": reloaded.needs_restart,
        }))
        .into_response(),
        Err(report) => problem(StatusCode::UNPROCESSABLE_ENTITY, &report),
    }
}
