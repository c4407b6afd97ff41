//! Watching requests: `tidegate trace` asks, and is told as they end.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tidegate_proxy::{WATCHES_MAX, Watch};
use tidegate_runtime::Phase;
use tidegate_trace::{Match, Trace};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::Instant;

use super::console::Events;
use super::{Shared, audited, problem};
use crate::traces::TraceDocument;

/// The longest watch.
pub(crate) const FOR_MAX: Duration = Duration::from_secs(600);
/// Traces of one watch.
pub(crate) const COUNT_MAX: u32 = 1_000;
/// Frames that wait for a watcher who reads slowly.
const FRAMES: usize = 16;

/// What is wanted.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wish {
    /// Which requests.
    #[serde(rename = "match")]
    pub(crate) matches: String,
    /// For how long.
    pub(crate) for_ms: u64,
    /// How many.
    pub(crate) count: u32,
}

/// Traces of requests that match, as server-sent events, one a request.
pub(super) async fn watch(State(services): State<Shared>, Json(wish): Json<Wish>) -> Response {
    let matches: Match = match wish.matches.parse() {
        Ok(matches) => matches,
        Err(error) => {
            let error: tidegate_trace::BadMatch = error;
            return problem(StatusCode::BAD_REQUEST, &error.to_string());
        }
    };
    let time = Duration::from_millis(wish.for_ms);
    if time.is_zero() || time > FOR_MAX || !(1..=COUNT_MAX).contains(&wish.count) {
        let sentence = format!(
            "a watch lasts up to {} s and tells up to {COUNT_MAX} traces, and something of each",
            FOR_MAX.as_secs()
        );
        return problem(StatusCode::BAD_REQUEST, &sentence);
    }
    let target = audited::Target(format!("{} for {} s", matches.redacted(), time.as_secs()));
    let until = services.clock.mono() + time;
    let watches = &services.shared.traces.watches;
    let Some((watch, traces)) = watches.open(matches, until, wish.count) else {
        let sentence = format!("{WATCHES_MAX} watch already, which is the most");
        return problem(StatusCode::SERVICE_UNAVAILABLE, &sentence);
    };
    let (frames, body) = channel(FRAMES);
    let due = Instant::now() + time;
    tokio::spawn(tell(services, watch, traces, frames, due, wish.count));
    let headers = [
        (CONTENT_TYPE, "text/event-stream"),
        (CACHE_CONTROL, "no-store"),
    ];
    (headers, Extension(target), Body::new(Events(body))).into_response()
}

/// Tells until the time is over, all is told, nobody listens, or the node ends.
async fn tell(
    services: Shared,
    watch: Arc<Watch>,
    mut traces: Receiver<Arc<Trace>>,
    frames: Sender<Bytes>,
    due: Instant,
    count: u32,
) {
    let mut stopping = services.stop.watch();
    let telling = async {
        // The watcher knows by it that the watch is on.
        let hello = Bytes::from_static(b": watching\n\n");
        let mut told = frames.send(hello).await;
        for _ in 0..count {
            let (Ok(()), Some(trace)) = (told, traces.recv().await) else {
                return;
            };
            let document = TraceDocument::of(&trace, &services.node);
            let Ok(text) = serde_json::to_string(&document) else {
                return;
            };
            told = frames.send(Bytes::from(format!("data: {text}\n\n"))).await;
        }
    };
    tokio::select! {
        () = telling => {}
        () = tokio::time::sleep_until(due) => {}
        () = frames.closed() => {}
        () = stopping.reached(Phase::Closing) => {}
    }
    services.shared.traces.watches.close(&watch);
}
