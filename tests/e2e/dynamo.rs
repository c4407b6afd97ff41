//! Keys in a DynamoDB table: an emulator as another process, real nodes, the real stream.

use std::time::{Duration, Instant};

use harness::{Behaviour, Client, Dynamo, Node, Service, WorldText, tidegate};

use crate::WORLD;

/// A node's configuration with its keys in the emulator's table.
fn text(dynamo: &Dynamo, service: &Service) -> WorldText {
    let mut text = WorldText::one_node(WORLD, &[service.addr]);
    text.regions[0].more = format!(
        "key_store: {{ dynamodb: {{ table: {}, region: us-east-1, endpoint: \"{}\", attempt_timeout: 5s, total_timeout: 5s }} }}\n",
        dynamo.table, dynamo.endpoint
    );
    // Long enough for an emulator on a busy machine; the copies are due at once.
    text.world = text.world.replace(
        "keys: { env: test }",
        "keys: { env: test, cache: { ttl: 1s } }",
    );
    text
}

async fn status(node: &Node, key: &str) -> u16 {
    let mut client = Client::new(node.door());
    let answer = client.get("/wide/x", &[("x-api-key", key)]).await;
    answer.expect("an answer").status
}

async fn becomes(node: &Node, key: &str, wanted: u16, patience: Duration) -> Duration {
    let begun = Instant::now();
    while status(node, key).await != wanted {
        assert!(
            begun.elapsed() < patience,
            "never {wanted}: {}",
            node.said()
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    begun.elapsed()
}

fn kid(key: &str) -> &str {
    key.split('_').nth(2).expect("a key has five parts")
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_that_share_only_a_table_agree_on_revocations_and_nothing_undoes_them() {
    let service = Service::start(Behaviour::Good).await;
    let dynamo = Dynamo::start().await;
    let a = Node::start(text(&dynamo, &service), &[]).await;
    let checked = tidegate(&["check", "--online", &a.regions().display().to_string()]);
    assert_eq!(checked.code, 2, "{}", checked.out);
    assert!(
        checked.out.contains("there is no such table"),
        "{}",
        checked.out
    );
    let init = tidegate(&[
        "keys",
        "init-table",
        "--regions",
        &a.regions().display().to_string(),
    ]);
    assert_eq!(init.code, 0, "{}", init.err);
    let checked = tidegate(&["check", "--online", &a.regions().display().to_string()]);
    assert_eq!(checked.code, 0, "{}", checked.out);

    // No mesh leads from one to the other: each has a pepper and a world of its own. The secrets
    // are copied, as an operator would.
    let b = Node::start_with_secrets(text(&dynamo, &service), &a.data()).await;
    let begun = Instant::now();
    while a.metric("tidegate_key_tail_reads_total", &["good"]).await < 2.0
        || b.metric("tidegate_key_tail_reads_total", &["good"]).await < 2.0
    {
        assert!(begun.elapsed() < Duration::from_secs(20), "{}", b.said());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mut took = Vec::new();
    for n in 0..10 {
        let key = a.key(&format!("consumer-{n}"));
        becomes(&b, &key, 200, Duration::from_secs(15)).await;
        let item = dynamo.item(kid(&key), "KEY");
        assert_eq!(a.keys(&["revoke", kid(&key)]).code, 0);
        assert_eq!(status(&a, &key).await, 401, "here at once");
        took.push(becomes(&b, &key, 401, Duration::from_secs(5)).await);
        // A write of the record, later than the revocation, as of somebody who enables it again.
        dynamo.put(&item);
        tokio::time::sleep(Duration::from_millis(if n == 0 { 1_500 } else { 0 })).await;
        assert_eq!((status(&a, &key).await, status(&b, &key).await), (401, 401));
    }
    took.sort();
    harness::report(&format!(
        "A revocation was seen by another node through the stream alone after {} ms (median of 10), {} ms at most.",
        took[5].as_millis(),
        took[9].as_millis()
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_started_while_the_table_is_down_serves_whom_it_knew_and_waits_for_nobody() {
    let service = Service::start(Behaviour::Good).await;
    let mut dynamo = Dynamo::start().await;
    let mut node = Node::start(text(&dynamo, &service), &[]).await;
    let init = tidegate(&[
        "keys",
        "init-table",
        "--regions",
        &node.regions().display().to_string(),
    ]);
    assert_eq!(init.code, 0, "{}", init.err);
    let (known, revoked, never_seen) = (node.key("known"), node.key("revoked"), node.key("other"));
    becomes(&node, &known, 200, Duration::from_secs(10)).await;
    becomes(&node, &revoked, 200, Duration::from_secs(10)).await;
    assert_eq!(node.keys(&["revoke", kid(&revoked)]).code, 0);
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    // Asked for after its time to live, so that a copy is on its way to disk.
    assert_eq!(status(&node, &known).await, 200);
    tokio::time::sleep(Duration::from_millis(1_500)).await;

    dynamo.stop();
    node.restart().await;
    assert_eq!(status(&node, &known).await, 200);
    assert_eq!(status(&node, &revoked).await, 401);
    assert_eq!(status(&node, &never_seen).await, 503, "it may exist");
    let (code, ready) = node.admin_get("/readyz").await.expect("an answer");
    assert!(code == 200 && ready.contains("does not answer"), "{ready}");

    let mut took = Vec::new();
    let mut client = Client::new(node.door());
    for _ in 0..500 {
        let begun = Instant::now();
        let answer = client.get("/wide/x", &[("x-api-key", &known)]).await;
        assert_eq!(answer.expect("an answer").status, 200);
        took.push(begun.elapsed());
    }
    took.sort();
    assert!(took[250] < Duration::from_millis(50), "{:?}", took[250]);
    harness::report(&format!(
        "With the table down, 500 requests took {} us in the middle and {} us at p99.",
        took[250].as_micros(),
        took[494].as_micros()
    ));
    assert!(node.metric("tidegate_keys_stale_used_total", &[]).await >= 400.0);
}
