//! Keys in bulk: all of them as lines, and lines taken in.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::JsonRejection;
use axum::extract::{ConnectInfo, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hyper::body::Frame;
use tidegate_keystore::Stored;

use super::keys::{From, failed};
use super::{Shared, problem};
use crate::audit::{Action, Deed};
use crate::key_lines::{Imported, KnownKey, LINES_MAX, Line, import as take_in};

/// Lines that are written at a time.
const LINES_PER_FRAME: usize = 200;

/// All keys, one JSON object a line.
pub(super) async fn export(State(services): State<Shared>, ConnectInfo(from): From) -> Response {
    let keys = match services.keys.all().await {
        Ok(keys) => keys,
        Err(error) => return failed(&error),
    };
    let deed = Deed {
        action: Action::Export,
        from,
        kid: None,
        consumer: None,
        target: None,
        outcome: format!("{} keys", keys.len()),
    };
    let now = services.clock.now().wall;
    services.audit.write(vec![deed], now).await;
    let body = Body::new(Lines(keys.into_iter()));
    ([(CONTENT_TYPE, "application/x-ndjson")], body).into_response()
}

/// Keys that are still to be written.
struct Lines(std::vec::IntoIter<Stored>);

impl hyper::body::Body for Lines {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let mut text = String::new();
        for stored in self.0.by_ref().take(LINES_PER_FRAME) {
            let line = serde_json::to_string(&KnownKey::from(stored));
            text.push_str(&line.expect("a record is JSON"));
            text.push('\n');
        }
        let frame = (!text.is_empty()).then(|| Ok(Frame::data(text.into())));
        Poll::Ready(frame)
    }
}

/// Takes lines in; the answer says of each what came of it.
pub(super) async fn import(
    State(services): State<Shared>,
    ConnectInfo(from): From,
    lines: Result<Json<Vec<Line>>, JsonRejection>,
) -> Response {
    let lines = match lines {
        Ok(Json(lines)) if lines.len() <= LINES_MAX => lines,
        Ok(_) => {
            let most = format!("at most {LINES_MAX} lines at a time");
            return problem(StatusCode::BAD_REQUEST, &most);
        }
        Err(rejection) => return problem(StatusCode::BAD_REQUEST, &rejection.body_text()),
    };
    let consumers: Vec<String> = lines
        .iter()
        .map(|line| line.consumer().to_owned())
        .collect();
    let live = services.shared.live.load_full();
    let (env, now) = (&live.snapshot.keys.env, services.clock.now().wall);
    let has_plan = |plan: &str| live.snapshot.has_plan(plan);
    let came = match take_in(lines, &services.keys, env, &has_plan, now).await {
        Ok(came) => came,
        Err(error) => return failed(&error),
    };
    let deeds = came.iter().zip(consumers).map(|(one, consumer)| {
        let (kid, outcome) = match one {
            Imported::Taken { kid, .. } => (Some(*kid), "done".to_owned()),
            Imported::Refused(why) => (None, why.clone()),
        };
        Deed {
            action: Action::Import,
            from,
            kid,
            consumer: Some(consumer),
            target: None,
            outcome,
        }
    });
    services.audit.write(deeds.collect(), now).await;
    Json(came).into_response()
}
