//! What clients send that they should not: each gets the right status or a clean close, is counted,
//! and harms nobody else.

use std::time::Duration;

use harness::{Behaviour, Client, Node, Service, WorldText, answer_of, raw};

use crate::WORLD;

const PATIENCE: Duration = Duration::from_secs(3);

async fn node() -> (Node, Service, String) {
    let service = Service::start(Behaviour::Echoes).await;
    let mut text = WorldText::one_node(WORLD, &[service.addr]);
    text.regions[0].door =
        "{ timeouts: { first_byte: 500ms, header: 500ms, idle: 1s } }".to_owned();
    let node = Node::start(text, &[]).await;
    let key = node.key("acme");
    (node, service, key)
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_problem_documents_that_name_nothing_inside() {
    let (node, service, key) = node().await;
    let revoked = node.key("gone");
    assert_eq!(node.keys(&["revoke", &revoked]).code, 0);
    let mut mistyped = key.clone();
    mistyped.replace_range(20..21, if &key[20..21] == "a" { "b" } else { "a" });
    let unknown = {
        let other = Node::start(WorldText::one_node(WORLD, &[service.addr]), &[]).await;
        other.key("elsewhere")
    };
    let mut client = Client::new(node.door());
    for (why, method, path, key, status, slug, reason) in [
        (
            "unknown path",
            "GET",
            "/nowhere",
            "",
            404,
            "no-route",
            "no-route",
        ),
        (
            "unknown method",
            "GET",
            "/posts",
            "",
            405,
            "method-not-allowed",
            "method-not-allowed",
        ),
        (
            "no key",
            "GET",
            "/api/x",
            "",
            401,
            "key-missing",
            "key_missing",
        ),
        (
            "a mistyped key",
            "GET",
            "/api/x",
            &*mistyped,
            401,
            "key-not-accepted",
            "key_malformed",
        ),
        (
            "an unknown key",
            "GET",
            "/api/x",
            &unknown,
            401,
            "key-not-accepted",
            "key_unknown",
        ),
        (
            "a revoked key",
            "GET",
            "/api/x",
            &revoked,
            401,
            "key-not-accepted",
            "key_revoked",
        ),
        (
            "an ambiguous path",
            "GET",
            "/open/a%2fb",
            "",
            400,
            "ambiguous-path",
            "ambiguous-path",
        ),
        (
            "a mirror",
            "TRACE",
            "/open/x",
            "",
            501,
            "method-not-forwarded",
            "method-not-forwarded",
        ),
    ] {
        let before = node
            .metric("tidegate_refused_total", &[&format!("\"{reason}\"")])
            .await;
        let headers = if key.is_empty() {
            vec![]
        } else {
            vec![("x-api-key", key)]
        };
        let answer = client
            .send(method, path, &headers, bytes::Bytes::new())
            .await
            .expect(why);
        assert_eq!(answer.status, status, "{why}");
        assert_eq!(
            answer.headers["content-type"], "application/problem+json",
            "{why}"
        );
        let problem: serde_json::Value = serde_json::from_str(&answer.body).expect(why);
        assert_eq!(
            problem["type"],
            format!("urn:tidegate:problem:{slug}"),
            "{why}"
        );
        assert_eq!(problem["status"], status, "{why}");
        let id = answer.headers["x-request-id"].as_str();
        assert_eq!(
            problem["instance"],
            format!("urn:tidegate:request:{id}"),
            "{why}"
        );
        for inside in [&service.addr.to_string(), "echo", "us-east-1", "limited"] {
            assert!(!answer.body.contains(inside), "{why}: {}", answer.body);
        }
        let words = [&*format!("\"{reason}\"")];
        node.metric_above("tidegate_refused_total", &words, before)
            .await;
    }
    let answer = client.get("/posts", &[]).await.expect("an answer");
    assert_eq!(answer.headers["allow"], "POST");
    let answer = client.get("/api/x", &[]).await.expect("an answer");
    assert!(answer.headers["www-authenticate"].contains("x-api-key"));
    assert_eq!(
        service.requests(),
        0,
        "no refused request reached the service"
    );

    let answer = client
        .get("/api/x", &[("x-api-key", &key)])
        .await
        .expect("an answer");
    assert_eq!(answer.status, 200, "and the same connection still serves");
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_hosts_and_ambiguous_heads_are_refused() {
    let (node, service, _) = node().await;
    for (why, request, statuses) in [
        (
            "two hosts",
            "GET /open/x HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
            &[400][..],
        ),
        ("no host", "GET /open/x HTTP/1.1\r\n\r\n", &[400]),
        (
            "a strange host",
            "GET /open/x HTTP/1.1\r\nhost: a b\r\n\r\n",
            &[400],
        ),
        (
            "target against host",
            "GET http://a/open/x HTTP/1.1\r\nhost: b\r\n\r\n",
            &[400],
        ),
        (
            "two lengths",
            "POST /open/x HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
            &[400],
        ),
        (
            "an unknown coding",
            "POST /open/x HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip, chunked\r\n\r\n",
            &[400],
        ),
        (
            "chunks in HTTP/1.0",
            "POST /open/x HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            &[400],
        ),
        ("no HTTP", "hello\r\n\r\n", &[400]),
        (
            "a broken chunk",
            "POST /open/x HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
            &[400],
        ),
        (
            "a space in a header's name",
            "GET /open/x HTTP/1.1\r\nhost: a\r\nx y: 1\r\n\r\n",
            &[400],
        ),
        (
            "a folded header",
            "GET /open/x HTTP/1.1\r\nhost: a\r\nx: 1\r\n 2\r\n\r\n",
            &[400],
        ),
    ] {
        let (said, closed) = raw(node.door(), request.as_bytes(), PATIENCE)
            .await
            .expect("a connection");
        let status = answer_of(&said);
        assert!(
            status.is_some_and(|s| statuses.contains(&s)),
            "{why}: {said}"
        );
        assert!(closed, "{why}: the connection is not used again");
    }
    assert_eq!(
        service.requests(),
        0,
        "nothing ambiguous reached the service"
    );

    // RFC 9112 section 6.3: a length beside chunks is void, and the connection ends afterwards, so
    // that nobody can disagree about where the next request begins.
    let both = "POST /open/x HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\
        transfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /open/hidden HTTP/1.1\r\nhost: a\r\n\r\n";
    let (said, closed) = raw(node.door(), both.as_bytes(), PATIENCE)
        .await
        .expect("a connection");
    assert!(
        matches!(answer_of(&said), Some(200 | 400)) && closed,
        "{said}"
    );
    assert_eq!(said.matches("HTTP/1.1 ").count(), 1, "{said}");
    assert!(service.requests() <= 1, "the hidden request was never one");
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_and_bodies_have_bounds() {
    let (node, service, _) = node().await;
    // A mebibyte of header.
    let mut request = b"GET /open/x HTTP/1.1\r\nhost: a\r\n".to_vec();
    request.extend(b"x-filler: ");
    request.extend(std::iter::repeat_n(b'a', 1 << 20));
    request.extend(b"\r\n\r\n");
    let (said, closed) = raw(node.door(), &request, PATIENCE)
        .await
        .expect("a connection");
    assert!(
        closed && (said.is_empty() || answer_of(&said) == Some(431)),
        "{said}"
    );
    node.metric_above("tidegate_connections_cut_total", &["header_too_large"], 0.0)
        .await;

    // A body longer than it announces: what is beyond is no request, and never reaches the service.
    let longer =
        b"POST /open/x HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabcGARBAGE BEYOND\r\n\r\n";
    let (said, closed) = raw(node.door(), longer, PATIENCE)
        .await
        .expect("a connection");
    assert!(
        said.starts_with("HTTP/1.1 200") && said.contains("HTTP/1.1 400") && closed,
        "{said}"
    );
    assert_eq!(service.requests(), 1);

    // A body larger than the route takes: announced, and not.
    let mut client = Client::new(node.door());
    let large = bytes::Bytes::from(vec![b'a'; 65 << 10]);
    let answer = client.send("POST", "/open/x", &[], large.clone()).await;
    assert!(answer.is_err() || answer.is_ok_and(|a| a.status == 413));
    let mut chunked =
        b"POST /open/x HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n10400\r\n".to_vec();
    chunked.extend_from_slice(&large);
    chunked.extend_from_slice(b"\r\n0\r\n\r\n");
    let (said, _) = raw(node.door(), &chunked, PATIENCE)
        .await
        .expect("a connection");
    assert_eq!(answer_of(&said), Some(413), "{said}");
    node.metric_above("tidegate_refused_total", &["body-too-large"], 1.0)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_clients_are_cut_and_others_are_served_meanwhile() {
    let (node, _, _) = node().await;
    let door = node.door();
    for (why, request, reason) in [
        ("says nothing", &b""[..], "first_byte_timeout"),
        (
            "sends half a head",
            b"GET /open/x HTTP/1.1\r\nhost:",
            "header_timeout",
        ),
        (
            "keeps its connection idle",
            b"GET /open/x HTTP/1.1\r\nhost: a\r\n\r\n",
            "idle",
        ),
        (
            "half a preface",
            b"PRI * HTTP/2.0\r\n",
            "first_byte_timeout",
        ),
    ] {
        let before = node
            .metric("tidegate_connections_cut_total", &[reason])
            .await;
        let begun = std::time::Instant::now();
        let (_, closed) = raw(door, request, PATIENCE).await.expect("a connection");
        assert!(
            closed && begun.elapsed() < Duration::from_secs(5),
            "{why}: {:?}",
            begun.elapsed()
        );
        node.metric_above("tidegate_connections_cut_total", &[reason], before)
            .await;
        let answer = Client::new(door)
            .get("/open/x", &[])
            .await
            .expect("an answer");
        assert_eq!(answer.status, 200, "others are served");
    }
    // A body that stops half-way.
    let half = b"POST /open/x HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nhalf";
    let (said, closed) = raw(door, half, Duration::from_secs(5))
        .await
        .expect("a connection");
    assert!(answer_of(&said) == Some(408) && closed, "{said}");
}
