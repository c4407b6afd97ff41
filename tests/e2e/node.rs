//! One node's life: it drains, reloads, and tells how it is.

use std::time::{Duration, Instant};

use harness::{Behaviour, Client, Node, Service, WorldText, raw};

use crate::WORLD;

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_stopped_finishes_what_is_in_flight() {
    let service = Service::start(Behaviour::Slow(900)).await;
    let mut text = WorldText::one_node(WORLD, &[service.addr]);
    text.regions[0].more = "drain: { grace: 500ms, timeout: 5s }\n".to_owned();
    let mut node = Node::start(text, &[]).await;
    let door = node.door();
    let in_flight = tokio::spawn(async move { Client::new(door).get("/open/x", &[]).await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    let begun = Instant::now();
    node.signal("TERM");
    tokio::time::sleep(Duration::from_millis(150)).await;
    let (status, said) = node
        .admin_get("/readyz")
        .await
        .expect("the admin door is open to the end");
    assert_eq!((status, said.as_str()), (503, "stopping\n"));
    // Still within its grace: what comes is served, and its connection closed.
    let late = Client::new(door)
        .get("/nowhere", &[])
        .await
        .expect("an answer");
    assert_eq!(
        (late.status, late.headers["connection"].as_str()),
        (404, "close")
    );
    let answer = in_flight.await.expect("no panic").expect("an answer");
    assert_eq!((answer.status, answer.body.as_str()), (200, "slow"));
    assert_eq!(node.ended(Duration::from_secs(8)).await, 0);
    assert!(
        begun.elapsed() < Duration::from_secs(4),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_does_not_wait_longer_than_it_may() {
    let service = Service::start(Behaviour::Hangs).await;
    let world = WORLD
        .replace("first_byte_timeout: 1s", "first_byte_timeout: 30s")
        .replace("total_timeout: 3s", "total_timeout: 60s");
    let mut text = WorldText::one_node(&world, &[service.addr]);
    text.regions[0].more = "drain: { grace: 100ms, timeout: 1s }\n".to_owned();
    let mut node = Node::start(text, &[]).await;
    let door = node.door();
    let hanging = tokio::spawn(async move { Client::new(door).get("/open/x", &[]).await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    let begun = Instant::now();
    node.signal("TERM");
    assert_eq!(node.ended(Duration::from_secs(5)).await, 0);
    assert!(begun.elapsed() >= Duration::from_secs(1), "it did wait");
    assert!(hanging.await.expect("no panic").is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_swaps_routes_without_a_lost_request_and_a_wrong_one_changes_nothing() {
    let service = Service::start(Behaviour::Good).await;
    let node = Node::start(WorldText::one_node(WORLD, &[service.addr]), &[]).await;
    let generation = async || {
        let (_, body) = node.admin_get("/config").await.expect("an answer");
        let config: serde_json::Value = serde_json::from_str(&body).expect("a document");
        config["generation"].clone()
    };
    let before = generation().await;
    let door = node.door();
    let stop = Instant::now() + Duration::from_secs(3);
    let load = tokio::spawn(async move {
        let (mut client, mut bad, mut all) = (Client::new(door), 0, 0);
        while Instant::now() < stop {
            all += 1;
            bad += usize::from(
                !client
                    .get("/open/x", &[])
                    .await
                    .is_ok_and(|a| a.status == 200),
            );
        }
        (bad, all)
    });
    let world = node.regions().join("world.yaml");
    let text = std::fs::read_to_string(&world).expect("readable");
    std::fs::write(
        &world,
        format!("{text}  fresh: {{ path: /fresh, upstream: echo, auth: none }}\n"),
    )
    .expect("writable");
    assert_eq!(
        Client::new(door)
            .get("/fresh", &[])
            .await
            .expect("an answer")
            .status,
        404
    );
    node.signal("HUP");
    let deadline = Instant::now() + Duration::from_secs(3);
    while Client::new(door)
        .get("/fresh", &[])
        .await
        .expect("an answer")
        .status
        != 200
    {
        assert!(Instant::now() < deadline, "{}", node.said());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let after = generation().await;
    assert_ne!(before, after);

    std::fs::write(
        &world,
        text.replace("upstream: echo, limits", "upstream: ecko, limits"),
    )
    .expect("writable");
    let refused = Client::new(node.admin())
        .send("POST", "/config/reload", &[], bytes::Bytes::new())
        .await;
    let refused = refused.expect("an answer");
    assert_eq!(refused.status, 422);
    assert!(
        refused.body.contains("did you mean `echo`?"),
        "{}",
        refused.body
    );
    assert_eq!(generation().await, after, "the last good one goes on");
    assert_eq!(
        Client::new(door)
            .get("/fresh", &[])
            .await
            .expect("an answer")
            .status,
        200
    );
    let (bad, all) = load.await.expect("no panic");
    assert_eq!(bad, 0, "of {all}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_tells_how_it_is() {
    let service = Service::start(Behaviour::Good).await;
    let node = Node::start(WorldText::one_node(WORLD, &[service.addr]), &[]).await;
    let key = node.key("acme");
    for _ in 0..3 {
        Client::new(node.door())
            .get("/api/x", &[("x-api-key", &key), ("x-request-id", "abc-1")])
            .await
            .expect("an answer");
    }
    assert_eq!(node.admin_get("/healthz").await.expect("an answer").0, 200);
    node.metric_above("tidegate_requests_total", &["limited", "2xx"], 2.0)
        .await;
    assert_eq!(
        node.metric("tidegate_limit_admitted_total", &["per-key"])
            .await,
        3.0
    );
    assert_eq!(
        node.metric("tidegate_upstream_connections_total", &["echo"])
            .await,
        1.0,
        "one connection, used again"
    );
    tokio::time::sleep(Duration::from_millis(500)).await;
    let log = node.access_log();
    assert_eq!(log.len(), 3, "one line a request");
    for (name, want) in [
        ("id", "abc-1"),
        ("route", "limited"),
        ("consumer", "acme"),
        ("method", "GET"),
        ("path", "/api/x"),
    ] {
        assert_eq!(log[0][name], want);
    }
    let secret = key.split('_').nth(3).expect("five parts");
    assert!(!log[0].to_string().contains(secret));
    let status = harness::tidegate(&["status", "--admin", &node.admin().to_string()]);
    assert!(
        status.out.contains("us-east-1") && status.out.contains("GENERATION"),
        "{}",
        status.out
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_door_takes_as_many_connections_as_it_may() {
    let service = Service::start(Behaviour::Good).await;
    let mut text = WorldText::one_node(WORLD, &[service.addr]);
    text.regions[0].door = "{ connections_max: 2 }".to_owned();
    let node = Node::start(text, &[]).await;
    let mut first = Client::new(node.door());
    let mut second = Client::new(node.door());
    for client in [&mut first, &mut second] {
        assert_eq!(
            client.get("/open/x", &[]).await.expect("an answer").status,
            200
        );
    }
    let (said, closed) = raw(
        node.door(),
        b"GET /open/x HTTP/1.1\r\nhost: a\r\n\r\n",
        Duration::from_secs(2),
    )
    .await
    .expect("accepted");
    assert!(said.is_empty() && closed, "the third is closed at once");
    node.metric_above("tidegate_connections_cut_total", &["full"], 0.0)
        .await;
    assert_eq!(
        first.get("/open/x", &[]).await.expect("an answer").status,
        200,
        "and the others are served"
    );
}
