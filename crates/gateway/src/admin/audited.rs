//! Changes by the admin door that leave a record of who made them and how they ended.
//!
//! Handlers of keys write their own records, because these name keys and consumers. All others are
//! wrapped: the record tells the path's parameters, or what the handler says by [`Target`].

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, RawPathParams, Request, State};
use axum::middleware::Next;
use axum::response::Response;

use super::Shared;
use crate::audit::{Action, Deed};

/// An answer's extension: what was changed.
#[derive(Clone, Debug)]
pub(super) struct Target(pub(super) String);

/// An answer's extension: why nothing was changed.
#[derive(Clone, Debug)]
pub(super) struct Why(pub(super) String);

/// Runs the handler, then writes the record; the operator is answered once it is on disk.
pub(super) async fn recorded(
    State((services, action)): State<(Shared, Action)>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    params: RawPathParams,
    request: Request,
    next: Next,
) -> Response {
    let named: Vec<String> = params.iter().map(|(_, value)| value.to_owned()).collect();
    let response = next.run(request).await;
    let said = response.extensions().get::<Target>();
    let deed = Deed {
        action,
        from,
        kid: None,
        consumer: None,
        target: said
            .map(|target| target.0.clone())
            .or_else(|| (!named.is_empty()).then(|| named.join(" "))),
        outcome: outcome(&response),
    };
    let now = services.clock.now().wall;
    services.audit.write(vec![deed], now).await;
    response
}

fn outcome(response: &Response) -> String {
    let status = response.status();
    match response.extensions().get::<Why>() {
        _ if status.is_success() => "done".to_owned(),
        Some(Why(sentence)) => sentence.clone(),
        None => status.to_string(),
    }
}
