//! Lines of the access log in Kafka: a broker and a reader that are not ours, over TLS; and a
//! broker that asks who we are and dies, which is the client's library's own.

use std::time::{Duration, Instant};

use harness::{Behaviour, Client, Kafka, Node, Service, WorldText, certificate};
use krafka::testing::FakeBroker;
use serde_json::Value;

use crate::WORLD;

const REQUESTS: usize = 600;

/// A node with these logs.
async fn node(logs: &str) -> Node {
    let service = Service::start(Behaviour::Good).await;
    let mut text = WorldText::one_node(WORLD, &[service.addr]);
    text.regions[0].more = format!("logs:\n{logs}");
    Node::start(text, &[]).await
}

/// Sends requests, and waits for their answers.
async fn send(node: &Node, requests: usize) {
    let mut client = Client::new(node.door());
    for _ in 0..requests {
        let answer = client.get("/open/x", &[]).await.expect("an answer");
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
}

/// Waits until a log has written so many lines.
async fn written(node: &Node, log: &str, lines: usize) {
    let log = format!("log=\"{log}\"");
    let deadline = Instant::now() + Duration::from_secs(30);
    let name = "tidegate_access_log_written_total";
    while node.metric(name, &[&log]).await < lines as f64 {
        assert!(Instant::now() < deadline, "{log}: {}", node.said());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let dropped = "tidegate_access_log_dropped_total";
    assert_eq!(node.metric(dropped, &[&log]).await, 0.0, "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_line_is_a_record_whatever_compresses_it_and_a_stranger_gets_none() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let good = certificate(folder.path(), "good");
    let (other, _) = certificate(folder.path(), "other");
    let ways = ["none", "gzip", "snappy", "lz4"];
    let broker = Kafka::start(Some((&good.0, &good.1)), &ways).await;
    let log = |name: &str, more: &str, ca: &std::path::Path| {
        format!(
            "  {name}:\n    to: {{ kafka: {{ brokers: ['{}'], {more}, tls: {{ ca_file: {} }} }} }}\n    \
             batch: {{ age_max: 100ms, lines_max: 100 }}\n",
            broker.addr,
            ca.display()
        )
    };
    let mut logs: String = ways
        .iter()
        .map(|way| log(way, &format!("topic: {way}, compression: {way}"), &good.0))
        .collect();
    let hasty = "timeout: 1s, delivery_timeout: 2s";
    logs += &log("stranger", &format!("topic: none, {hasty}"), &other);
    logs += &log(
        "nowhere",
        &format!("topic: no-such-topic, {hasty}"),
        &good.0,
    );
    let node = node(&logs).await;
    send(&node, REQUESTS).await;
    for way in ways {
        written(&node, way, REQUESTS).await;
        let records = broker.records(way);
        assert_eq!(records.len(), REQUESTS, "{way}");
        let line = |record: &Value| -> Value {
            serde_json::from_str(record["value"].as_str().expect("a text")).expect("JSON")
        };
        let ids: std::collections::BTreeSet<String> = records
            .iter()
            .map(|record| line(record)["id"].to_string())
            .collect();
        assert_eq!(ids.len(), REQUESTS, "{way}: each once");
        // The time is the request's.
        let (time, at) = (&line(&records[0])["time"], &records[0]["at"]);
        let seconds = time.as_str().expect("a time")[17..19].parse::<u64>();
        assert_eq!(seconds, Ok(at.as_u64().expect("milliseconds") / 1_000 % 60));
    }
    for log in ["log=\"stranger\"", "log=\"nowhere\""] {
        let dropped = "tidegate_access_log_dropped_total";
        let deadline = Instant::now() + Duration::from_secs(30);
        while node.metric(dropped, &[log]).await < REQUESTS as f64 {
            assert!(Instant::now() < deadline, "{log}: {}", node.said());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn brokers_are_told_who_we_are_and_may_die_without_a_line_lost_or_told_twice() {
    let broker = FakeBroker::start().await.expect("a broker");
    broker.create_topic("edge", 2);
    broker.require_sasl_plain("edge", "sesame");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let log = |name: &str, password: &str| {
        let file = folder.path().join(name);
        std::fs::write(&file, format!("{password}\n")).expect("writable");
        format!(
            "  {name}:\n    to:\n      kafka:\n        brokers: ['{}']\n        topic: edge\n        timeout: 1s\n        delivery_timeout: 20s\n        \
             login: {{ user: edge, password_file: {}, mechanism: plain }}\n    batch: {{ age_max: 50ms }}\n",
            broker.bootstrap_servers(),
            file.display()
        )
    };
    let node = node(&[log("known", "sesame"), log("unknown", "guess")].concat()).await;
    send(&node, REQUESTS).await;
    written(&node, "known", REQUESTS).await;
    let refused = ["log=\"unknown\"", "reason=\"refused\""];
    node.metric_above(
        "tidegate_access_log_dropped_total",
        &refused,
        REQUESTS as f64 - 1.0,
    )
    .await;

    broker.crash(0);
    send(&node, REQUESTS).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    broker.restart(0);
    send(&node, REQUESTS).await;
    written(&node, "known", 3 * REQUESTS).await;
    let records = broker.all_records("edge").expect("readable");
    assert_eq!(records.len(), 3 * REQUESTS, "each once");
    // One line a minute says what became of lines, and nothing tells of each attempt.
    let said = node.said();
    let complaints = said.lines().filter(|line| line.contains("takes no lines"));
    assert_eq!(complaints.count(), 1, "of the unknown: {said}");
    assert!(!said.contains("krafka::"), "{said}");
}
