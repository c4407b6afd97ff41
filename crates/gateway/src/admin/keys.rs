//! Making, listing and revoking keys.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tidegate_identity::KeyId;

use super::{Shared, problem};
use crate::key_record::{NewKey, listed};
use crate::keys::{KeyError, Revoked};

pub(super) async fn list(State(services): State<Shared>) -> Response {
    match services.keys.list().await {
        Ok(keys) => Json(keys).into_response(),
        Err(error) => failed(&error),
    }
}

/// The only answer that ever holds a key.
pub(super) async fn create(
    State(services): State<Shared>,
    new: Result<Json<NewKey>, JsonRejection>,
) -> Response {
    let Json(new) = match new {
        Ok(new) => new,
        Err(rejection) => return problem(StatusCode::BAD_REQUEST, &rejection.body_text()),
    };
    let live = services.shared.live.load_full();
    if let Some(plan) = &new.plan
        && !live.snapshot.has_plan(plan)
    {
        return problem(
            StatusCode::BAD_REQUEST,
            &format!("there is no plan `{plan}` in world.yaml"),
        );
    }
    match services.keys.create(new, &live.snapshot.keys.env).await {
        Ok((record, text)) => {
            tracing::info!(target: "audit", action = "key_create", kid = %record.kid, consumer = record.consumer, plan = record.plan, "A key was made.");
            let stored = tidegate_keystore::Stored {
                record: record.into(),
                revoked: false,
            };
            let listed = listed(&stored, services.clock.now().wall);
            (
                StatusCode::CREATED,
                Json(json!({ "key": text.reveal(), "record": listed })),
            )
                .into_response()
        }
        Err(error) => failed(&error),
    }
}

pub(super) async fn revoke(State(services): State<Shared>, Path(kid): Path<String>) -> Response {
    let Ok(kid) = kid.parse::<KeyId>() else {
        return problem(
            StatusCode::BAD_REQUEST,
            "that is no key's identifier: it has 10 letters and digits",
        );
    };
    match services.keys.revoke(kid).await {
        Ok(how) => {
            tracing::info!(target: "audit", action = "key_revoke", %kid, ?how, "A key was revoked.");
            match how {
                Revoked::Stored => StatusCode::NO_CONTENT.into_response(),
                Revoked::Told(why) => {
                    (StatusCode::ACCEPTED, Json(json!({ "not_stored": why }))).into_response()
                }
            }
        }
        Err(error) => failed(&error),
    }
}

fn failed(error: &KeyError) -> Response {
    match error {
        KeyError::Wrong(sentence) => problem(StatusCode::BAD_REQUEST, sentence),
        KeyError::Unknown => problem(StatusCode::NOT_FOUND, "there is no such key"),
        KeyError::Store(error) => problem(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()),
    }
}
