//! The console: a page for those without Grafana, and the events that it lives on.
//!
//! Everything is in the binary and nothing is fetched from elsewhere. The page only reads; what it
//! changes goes by the same paths as the command line's orders, with the token that its user types.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use bytes::Bytes;
use hyper::body::Frame;
use tokio::sync::mpsc::Receiver;

use super::{Shared, problem};
use crate::watch::LISTENERS_MAX;

/// Name, type and text of each file of the page.
const FILES: [(&str, &str, &str); 7] = [
    (
        "index.html",
        "text/html; charset=utf-8",
        include_str!("console/index.html"),
    ),
    (
        "icon.svg",
        "image/svg+xml",
        include_str!("console/icon.svg"),
    ),
    (
        "console.css",
        "text/css; charset=utf-8",
        include_str!("console/console.css"),
    ),
    (
        "console.js",
        "text/javascript; charset=utf-8",
        include_str!("console/console.js"),
    ),
    (
        "map.js",
        "text/javascript; charset=utf-8",
        include_str!("console/map.js"),
    ),
    (
        "land.js",
        "text/javascript; charset=utf-8",
        include_str!("console/land.js"),
    ),
    (
        "tables.js",
        "text/javascript; charset=utf-8",
        include_str!("console/tables.js"),
    ),
];

/// Nothing but what comes from here is run, shown or asked, and nobody frames the page.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(super) async fn home() -> Redirect {
    Redirect::temporary("/console/")
}

pub(super) async fn page() -> Response {
    file(Path("index.html".to_owned())).await
}

pub(super) async fn file(Path(name): Path<String>) -> Response {
    let Some((_, kind, text)) = FILES.iter().find(|(known, ..)| *known == name) else {
        return problem(StatusCode::NOT_FOUND, "the console has no such file");
    };
    let mut headers = HeaderMap::new();
    for (name, value) in [
        (CONTENT_TYPE, *kind),
        (CACHE_CONTROL, "no-cache"),
        (HeaderName::from_static("content-security-policy"), POLICY),
        (HeaderName::from_static("x-content-type-options"), "nosniff"),
        (HeaderName::from_static("referrer-policy"), "no-referrer"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    (headers, *text).into_response()
}

/// The world once a second, as server-sent events, for as long as somebody listens.
pub(super) async fn events(State(services): State<Shared>) -> Response {
    let Some(frames) = services.watch.join() else {
        return full();
    };
    let headers = [
        (CONTENT_TYPE, "text/event-stream"),
        (CACHE_CONTROL, "no-store"),
    ];
    (headers, Body::new(Events(frames))).into_response()
}

/// The world once.
pub(super) async fn world(State(services): State<Shared>) -> Response {
    let Some(mut frames) = services.watch.join() else {
        return full();
    };
    let Some(frame) = frames.recv().await else {
        return problem(StatusCode::SERVICE_UNAVAILABLE, "the node is being stopped");
    };
    let document = frame
        .strip_prefix(b"data: ".as_slice())
        .map_or_else(Bytes::new, |rest| frame.slice_ref(rest.trim_ascii_end()));
    ([(CONTENT_TYPE, "application/json")], document).into_response()
}

fn full() -> Response {
    let sentence = format!("{LISTENERS_MAX} listen already, which is the most");
    problem(StatusCode::SERVICE_UNAVAILABLE, &sentence)
}

/// Frames as a body.
pub(super) struct Events(pub(super) Receiver<Bytes>);

impl hyper::body::Body for Events {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let next = self.0.poll_recv(context);
        next.map(|frame| frame.map(|bytes| Ok(Frame::data(bytes))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_small_and_asks_nobody_else() {
        let bytes: usize = FILES.iter().map(|(.., text)| text.len()).sum();
        assert!(bytes < 150 * 1_024, "{bytes} bytes");
        for (name, _, text) in FILES {
            for address in ["https://", "//cdn", "url(", "style=\"", " onclick"] {
                assert!(!text.contains(address), "{name}: {address}");
            }
            let others = text.matches("http://").count();
            let namespaces = text.matches("http://www.w3.org/2000/svg").count();
            assert_eq!(others, namespaces, "{name}");
        }
    }
}
