//! Who may do what at the admin door.
//!
//! Whoever is on this machine is trusted as before: a shell there reads the data folder anyway.
//! What comes from elsewhere, or from a browser, may look at what is harmless; anything else takes
//! the token that lies beside the other secrets (`secrets/admin-token`). A browser is not its user:
//! a page of somebody else can make it ask this machine, and by DNS even under a name of its own.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;

use super::{Shared, problem};

/// Paths that anyone may read who reaches the door: no key, no caller, no secret is told there.
const HARMLESS: [&str; 8] = [
    "/", "/healthz", "/readyz", "/metrics", "/status", "/world", "/config", "/limits",
];

/// Lets a request in, or says what it lacks.
pub(super) async fn guarded(
    State(services): State<Shared>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    let ask = Ask {
        read: matches!(*request.method(), Method::GET | Method::HEAD),
        path: request.uri().path(),
        local: from.ip().to_canonical().is_loopback(),
        headers: request.headers(),
    };
    match judge(&ask, &services.admin_token) {
        Ok(()) => next.run(request).await,
        Err((status, why)) => {
            tracing::debug!(%from, path = request.uri().path(), why, "The admin door refused.");
            problem(status, why)
        }
    }
}

/// What of a request matters here.
struct Ask<'a> {
    read: bool,
    path: &'a str,
    local: bool,
    headers: &'a HeaderMap,
}

const BY_NAME: &str = "a browser must ask for this page by address, or by the name `localhost`";
const NO_TOKEN: &str = "this takes the token of the admin door: `authorization: Bearer` and what stands in \
                        secrets/admin-token of the data folder";
const WRONG_TOKEN: &str = "this is not the token of the admin door";

fn judge(ask: &Ask<'_>, token: &str) -> Result<(), (StatusCode, &'static str)> {
    let given = ask.headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
    let given = given.map(|field| field.strip_prefix(b"Bearer ").unwrap_or(field));
    match given {
        Some(given) if same(given, token.as_bytes()) => return Ok(()),
        Some(_) => return Err((StatusCode::FORBIDDEN, WRONG_TOKEN)),
        None => {}
    }
    let browser = ask.headers.contains_key("sec-fetch-site") || ask.headers.contains_key(ORIGIN);
    if browser && !names_an_address(ask.headers) {
        return Err((StatusCode::FORBIDDEN, BY_NAME));
    }
    let harmless = HARMLESS.contains(&ask.path) || ask.path.starts_with("/console");
    if (ask.read && harmless) || (ask.local && !browser) {
        return Ok(());
    }
    Err((StatusCode::UNAUTHORIZED, NO_TOKEN))
}

/// Whether the host that was asked for is no name that somebody else could own.
fn names_an_address(headers: &HeaderMap) -> bool {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let Some(host) = host else { return false };
    if host.parse::<SocketAddr>().is_ok() || host.parse::<IpAddr>().is_ok() {
        return true;
    }
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    name.eq_ignore_ascii_case("localhost")
}

/// Compares without telling by the time it takes how much is right.
fn same(a: &[u8], b: &[u8]) -> bool {
    let differences = a.iter().zip(b).fold(0, |sum, (a, b)| sum | (a ^ b));
    a.len() == b.len() && differences == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_do_what() {
        let browser = [
            ("host", "127.0.0.1:9901"),
            ("sec-fetch-site", "same-origin"),
        ];
        let stranger = [
            ("host", "evil.example:9901"),
            ("sec-fetch-site", "same-origin"),
        ];
        let form = [
            ("host", "127.0.0.1:9901"),
            ("origin", "https://evil.example"),
        ];
        let right = [("authorization", "Bearer secret")];
        let wrong = [("authorization", "Bearer secreT")];
        let plain: [(&str, &str); 0] = [];
        for (why, read, path, local, headers, want) in [
            (
                "a shell on this machine",
                false,
                "/keys",
                true,
                &plain[..],
                None,
            ),
            ("it reads keys", true, "/keys/export", true, &plain, None),
            (
                "Prometheus elsewhere",
                true,
                "/metrics",
                false,
                &plain,
                None,
            ),
            (
                "somebody elsewhere drains",
                false,
                "/drain",
                false,
                &plain,
                Some(401),
            ),
            (
                "somebody elsewhere lists keys",
                true,
                "/keys",
                false,
                &plain,
                Some(401),
            ),
            ("with the token", false, "/drain", false, &right, None),
            (
                "with a wrong one, even here",
                true,
                "/status",
                true,
                &wrong,
                Some(403),
            ),
            ("the page", true, "/console/events", true, &browser, None),
            (
                "the page drains without a token",
                false,
                "/drain",
                true,
                &browser,
                Some(401),
            ),
            (
                "a form of another site",
                false,
                "/config/reload",
                true,
                &form,
                Some(401),
            ),
            (
                "a name that leads here",
                true,
                "/world",
                true,
                &stranger,
                Some(403),
            ),
        ] {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.insert(*name, value.parse().unwrap());
            }
            let ask = Ask {
                read,
                path,
                local,
                headers: &map,
            };
            let got = judge(&ask, "secret")
                .err()
                .map(|(status, _)| status.as_u16());
            assert_eq!(got, want, "{why}");
        }
    }
}
