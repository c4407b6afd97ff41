//! Making, listing, rotating and revoking keys, one at a time. Each change leaves a record.

use std::net::SocketAddr;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;
use tidegate_identity::KeyId;

use super::{Shared, problem};
use crate::audit::{Action, Deed};
use crate::key_record::{NewKey, listed};
use crate::keys::{KeyError, Revoked};

/// Who asks.
pub(super) type From = ConnectInfo<SocketAddr>;

/// What is asked for when a key gets a further secret.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rotation {
    /// How long the secret before it goes on.
    overlap_secs: u64,
}

pub(super) async fn list(State(services): State<Shared>) -> Response {
    match services.keys.list().await {
        Ok(keys) => Json(keys).into_response(),
        Err(error) => failed(&error),
    }
}

pub(super) async fn show(State(services): State<Shared>, Path(kid): Path<String>) -> Response {
    let Ok(kid) = kid.parse::<KeyId>() else {
        return no_identifier();
    };
    match services.keys.show(kid).await {
        Ok(key) => Json(key).into_response(),
        Err(error) => failed(&error),
    }
}

/// This answer and that of [`rotate`] alone ever hold a key.
pub(super) async fn create(
    State(services): State<Shared>,
    ConnectInfo(from): From,
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
    let consumer = new.consumer.clone();
    let made = services.keys.create(new, &live.snapshot.keys.env).await;
    let kid = made.as_ref().ok().map(|(record, _)| record.kid);
    let deed = Deed {
        action: Action::Create,
        from,
        kid,
        consumer: Some(consumer),
        target: None,
        outcome: outcome(&made),
    };
    record(&services, deed).await;
    match made {
        Ok((record, text)) => {
            let stored = tidegate_keystore::Stored {
                record: record.into(),
                revoked: false,
            };
            let listed = listed(&stored, services.clock.now().wall);
            let body = json!({ "key": text.reveal(), "record": listed });
            (StatusCode::CREATED, Json(body)).into_response()
        }
        Err(error) => failed(&error),
    }
}

pub(super) async fn rotate(
    State(services): State<Shared>,
    ConnectInfo(from): From,
    Path(kid): Path<String>,
    rotation: Result<Json<Rotation>, JsonRejection>,
) -> Response {
    let Ok(kid) = kid.parse::<KeyId>() else {
        return no_identifier();
    };
    let Json(Rotation { overlap_secs }) = match rotation {
        Ok(rotation) => rotation,
        Err(rejection) => return problem(StatusCode::BAD_REQUEST, &rejection.body_text()),
    };
    let live = services.shared.live.load_full();
    let env = &live.snapshot.keys.env;
    let made = services.keys.rotate(kid, overlap_secs, env).await;
    let deed = about(Action::Rotate, from, kid, outcome(&made));
    record(&services, deed).await;
    match made {
        Ok(text) => (StatusCode::CREATED, Json(json!({ "key": text.reveal() }))).into_response(),
        Err(error) => failed(&error),
    }
}

pub(super) async fn revoke(
    State(services): State<Shared>,
    ConnectInfo(from): From,
    Path(kid): Path<String>,
) -> Response {
    let Ok(kid) = kid.parse::<KeyId>() else {
        return no_identifier();
    };
    let done = services.keys.revoke(kid).await;
    let outcome = match &done {
        Ok(Revoked::Told(why)) => format!("told to all nodes, not stored yet: {why}"),
        other => outcome(other),
    };
    record(&services, about(Action::Revoke, from, kid, outcome)).await;
    match done {
        Ok(Revoked::Stored) => StatusCode::NO_CONTENT.into_response(),
        Ok(Revoked::Told(why)) => {
            (StatusCode::ACCEPTED, Json(json!({ "not_stored": why }))).into_response()
        }
        Err(error) => failed(&error),
    }
}

async fn record(services: &Shared, deed: Deed) {
    let now = services.clock.now().wall;
    services.audit.write(vec![deed], now).await;
}

const fn about(action: Action, from: SocketAddr, kid: KeyId, outcome: String) -> Deed {
    Deed {
        action,
        from,
        kid: Some(kid),
        consumer: None,
        target: None,
        outcome,
    }
}

fn outcome<T>(done: &Result<T, KeyError>) -> String {
    match done {
        Ok(_) => "done".to_owned(),
        Err(error) => error.to_string(),
    }
}

fn no_identifier() -> Response {
    problem(
        StatusCode::BAD_REQUEST,
        "that is no key's identifier: it has 10 letters and digits",
    )
}

pub(super) fn failed(error: &KeyError) -> Response {
    let status = match error {
        KeyError::Wrong(_) => StatusCode::BAD_REQUEST,
        KeyError::Unknown => StatusCode::NOT_FOUND,
        KeyError::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    problem(status, &error.to_string())
}
