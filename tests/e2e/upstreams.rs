//! Services that refuse, hang, babble or die: what clients see of it.

use std::time::{Duration, Instant};

use harness::{Behaviour, Client, Node, Service, WorldText, raw};

use crate::WORLD;

/// A node in front of one service.
async fn before(behaviour: Behaviour) -> (Node, Service) {
    let service = Service::start(behaviour).await;
    let node = Node::start(WorldText::one_node(WORLD, &[service.addr]), &[]).await;
    (node, service)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_misbehaves_costs_its_own_requests_a_clear_answer() {
    for (behaviour, status, slug, failure) in [
        (
            Behaviour::Hangs,
            504,
            "service-timeout",
            "first_byte_timeout",
        ),
        (Behaviour::Closes, 502, "service-bad-answer", "broken"),
        (Behaviour::Babbles, 502, "service-bad-answer", "broken"),
    ] {
        let (node, _service) = before(behaviour).await;
        let begun = Instant::now();
        let answer = Client::new(node.door())
            .get("/open/x", &[])
            .await
            .expect("an answer");
        assert_eq!(answer.status, status, "{behaviour:?}");
        assert!(answer.body.contains(slug), "{behaviour:?}: {}", answer.body);
        assert!(begun.elapsed() < Duration::from_secs(3), "{behaviour:?}");
        node.metric_above("tidegate_upstream_failures_total", &[failure], 0.0)
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_breaks_off_is_seen_to_break_off() {
    for behaviour in [Behaviour::DiesMidBody, Behaviour::StallsMidBody] {
        let (node, _service) = before(behaviour).await;
        let request = b"GET /open/x HTTP/1.1\r\nhost: a\r\n\r\n";
        let (said, closed) = raw(node.door(), request, Duration::from_secs(5))
            .await
            .expect("a connection");
        assert!(
            said.starts_with("HTTP/1.1 200") && said.contains("content-length: 10"),
            "{behaviour:?}: {said}"
        );
        assert!(
            closed && said.ends_with("hello"),
            "{behaviour:?}: half the body, then the end: {said}"
        );
        tokio::time::sleep(Duration::from_millis(400)).await;
        let log = node.access_log();
        let line = log
            .iter()
            .find(|line| line["path"] == "/open/x")
            .expect("a line");
        assert!(
            line["ended"]
                .as_str()
                .is_some_and(|e| e.starts_with("service_")),
            "{line}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_service_says_beyond_its_answer_reaches_nobody() {
    let (node, _service) = before(Behaviour::Overruns).await;
    let mut client = Client::new(node.door());
    for _ in 0..5 {
        let answer = client.get("/open/x", &[]).await.expect("an answer");
        assert_eq!((answer.status, answer.body.as_str()), (200, "hello"));
        assert!(!answer.headers.contains_key("evil"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_refuses_is_left_out_and_taken_back() {
    let good = Service::start(Behaviour::Good).await;
    let dead = harness::Ports::default().take();
    let node = Node::start(WorldText::one_node(WORLD, &[good.addr, dead]), &[]).await;
    // From the first request on, whatever probes have found out so far.
    let mut client = Client::new(node.door());
    for _ in 0..20 {
        assert_eq!(
            client.get("/open/x", &[]).await.expect("an answer").status,
            200
        );
    }
    let unfit = async || {
        node.metric("tidegate_upstream_fit", &[&dead.to_string()])
            .await
    };
    wait_for("the dead endpoint is left out", async || {
        unfit().await == 0.0
    })
    .await;

    let alone = Node::start(WorldText::one_node(WORLD, &[dead]), &[]).await;
    wait_for("no endpoint is left", async || {
        alone.metric("tidegate_upstream_fit", &[]).await == 0.0
    })
    .await;
    let answer = Client::new(alone.door())
        .get("/open/x", &[])
        .await
        .expect("an answer");
    assert_eq!(
        (answer.status, answer.headers["retry-after"].as_str()),
        (503, "1")
    );
    assert!(answer.body.contains("service-unavailable"));
}

async fn wait_for(what: &str, is_so: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !is_so().await {
        assert!(Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_pass_in_both_directions_whole() {
    let (node, _service) = before(Behaviour::Echoes).await;
    let key = node.key("acme");
    let mut client = Client::new(node.door());
    for len in [0, 1, 1_000, 100_000, 1 << 20] {
        let body: String = (0..len)
            .map(|i| char::from(b'a' + (i % 26) as u8))
            .collect();
        let headers = [("x-api-key", &*key)];
        let answer = client
            .send("POST", "/wide/x", &headers, body.clone().into())
            .await
            .expect("an answer");
        assert_eq!(answer.status, 200);
        assert!(answer.body == body, "{len} bytes");
    }
}
