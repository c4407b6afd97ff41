//! Distance to other regions and cuts, in worlds on one machine.

use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use tidegate_mesh::Rule;
use tidegate_model::RegionId;

use super::audited::Target;
use super::{Shared, problem};

/// A change to the link to one region. What is left out stays.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Change {
    region: RegionId,
    #[serde(default)]
    cut: Option<bool>,
    #[serde(default)]
    one_way_ms: Option<u64>,
}

const NOT_A_LAB: &str = "links can be changed only in a world that `tidegate up` started";

pub(super) async fn show(State(services): State<Shared>) -> Response {
    let Some(links) = &services.links else {
        return problem(StatusCode::NOT_FOUND, NOT_A_LAB);
    };
    let rule = |(region, rule): (RegionId, Rule)| serde_json::json!({ "region": region, "cut": rule.cut, "one_way_ms": rule.one_way.as_millis() as u64 });
    Json(links.rules().into_iter().map(rule).collect::<Vec<_>>()).into_response()
}

pub(super) async fn change(
    State(services): State<Shared>,
    change: Result<Json<Change>, JsonRejection>,
) -> Response {
    let Some(links) = &services.links else {
        return problem(StatusCode::NOT_FOUND, NOT_A_LAB);
    };
    let Json(Change {
        region,
        cut,
        one_way_ms,
    }) = match change {
        Ok(change) => change,
        Err(rejection) => return problem(StatusCode::BAD_REQUEST, &rejection.body_text()),
    };
    let mut rule = links.rules().get(&region).copied().unwrap_or_default();
    rule.cut = cut.unwrap_or(rule.cut);
    rule.one_way = one_way_ms.map_or(rule.one_way, std::time::Duration::from_millis);
    tracing::info!(%region, cut = rule.cut, one_way = ?rule.one_way, "A link was changed.");
    let target = Target(region.to_string());
    links.set(region, rule);
    (Extension(target), StatusCode::NO_CONTENT).into_response()
}
