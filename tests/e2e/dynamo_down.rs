//! Keys in a DynamoDB table that does not answer, is not as it should be, or is under a flood.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use harness::{
    Behaviour, Client, Dynamo, Fault, Issuer, Node, Ports, Service, SigningKey, WorldText, report,
    tidegate,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::WORLD;
use crate::dynamo::{all_become, becomes, init, kid, made, status, text, world};

#[tokio::test(flavor = "multi_thread")]
async fn a_node_started_while_the_table_is_down_serves_whom_it_knew_and_waits_for_nobody() {
    let service = Service::start(Behaviour::Good).await;
    let dynamo = Dynamo::start().await;
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

    let up = latencies(&node, &known).await;
    dynamo.way.set(Fault::Refused);
    node.restart().await;
    assert_eq!(status(&node, &known).await, 200);
    assert_eq!(status(&node, &revoked).await, 401);
    assert_eq!(status(&node, &never_seen).await, 503, "it may exist");
    let (code, ready) = node.admin_get("/readyz").await.expect("an answer");
    assert!(code == 200 && ready.contains("does not answer"), "{ready}");

    let refused = latencies(&node, &known).await;
    dynamo.way.set(Fault::Silent);
    let silent = latencies(&node, &known).await;
    for down in [&refused, &silent] {
        assert!(
            down[1_000] < up[1_000] + Duration::from_millis(20),
            "{down:?}"
        );
    }
    endures(&node, &known, &never_seen).await;
    let us = |took: &[Duration]| (took[1_000].as_micros(), took[1_980].as_micros());
    report(&format!(
        "2,000 requests, us in the middle and at p99: table up {:?}, refusing {:?}, silent {:?}.",
        us(&up),
        us(&refused),
        us(&silent)
    ));
    assert!(node.metric("tidegate_keys_stale_used_total", &[]).await >= 400.0);

    // Refused instead, where the operator says so.
    let file = node.regions().join("world.yaml");
    let text = std::fs::read_to_string(&file).expect("world.yaml");
    let refuse = text.replace(
        "keys: { env: test,",
        "keys: { env: test, on_store_down: refuse,",
    );
    assert_ne!(text, refuse);
    std::fs::write(&file, refuse).expect("writable");
    node.signal("HUP");
    becomes(&node, &never_seen, 401, Duration::from_secs(10)).await;
    assert_eq!(status(&node, &known).await, 200);
    node.metric_above("tidegate_refused_total", &["\"key_unchecked\""], 0.0)
        .await;
}

/// A longer outage, of `TIDEGATE_TEST_OUTAGE_SECS`: whoever is known is served, who is not waits
/// for nobody, and nothing piles up.
async fn endures(node: &Node, known: &str, unknown: &str) {
    let secs = std::env::var("TIDEGATE_TEST_OUTAGE_SECS").ok();
    let secs = secs.map_or(2, |secs| secs.parse().expect("seconds"));
    let rss = || node.metric("process_resident_memory_bytes", &[]);
    let before = rss().await;
    let mut client = Client::new(node.door());
    let (mut asked, mut slowest) = (0, Duration::ZERO);
    let end = Instant::now() + Duration::from_secs(secs);
    while Instant::now() < end {
        for (key, wanted) in [(known, 200), (unknown, 503)] {
            let begun = Instant::now();
            let answer = client.get("/wide/x", &[("x-api-key", key)]).await;
            assert_eq!(answer.expect("an answer").status, wanted);
            slowest = slowest.max(begun.elapsed());
            asked += 1;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let grown = rss().await - before;
    report(&format!(
        "{asked} requests in {secs} s of outage, the slowest took {} ms, memory grew by {} KiB.",
        slowest.as_millis(),
        (grown / 1_024.0) as i64
    ));
    assert!(grown < 16.0 * 1_048_576.0, "{grown} bytes more");
}

/// How long 2,000 requests took, sorted.
async fn latencies(node: &Node, key: &str) -> Vec<Duration> {
    let mut client = Client::new(node.door());
    let mut took = Vec::new();
    for _ in 0..2_000 {
        let begun = Instant::now();
        let answer = client.get("/wide/x", &[("x-api-key", key)]).await;
        assert_eq!(answer.expect("an answer").status, 200);
        took.push(begun.elapsed());
    }
    took.sort();
    took
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_table_down_a_revocation_holds_at_once_and_is_stored_when_the_table_is_back() {
    let dynamo = Dynamo::start().await;
    let world = world(&dynamo, 1, 2).await;
    let doors = world.doors();
    let key = made(&world, "acme");
    all_become(&doors, &key, 200, Duration::from_secs(15)).await;
    dynamo.way.set(Fault::Silent);
    let revoked = world.tidegate(&["keys", "revoke", kid(&key)]);
    assert_eq!(revoked.code, 0, "{}", revoked.err);
    assert!(
        revoked.out.contains("all nodes are told"),
        "{}",
        revoked.out
    );
    assert!(
        revoked.err.contains("does not have the revocation yet"),
        "{}",
        revoked.err
    );
    let took = all_become(&doors, &key, 401, Duration::from_secs(1)).await;
    // A key that no node has ever seen may exist: it is revoked as well, to be sure.
    let unseen = world.tidegate(&["keys", "revoke", "aaaaaaaaaa"]);
    assert_eq!(unseen.code, 0, "{}", unseen.err);
    let refused = world.tidegate(&["keys", "create", "--consumer", "new"]);
    assert_eq!(
        refused.code, 1,
        "what is not stored is not made: {}",
        refused.out
    );

    let unstored = world.metrics("tidegate_key_revocations_unstored");
    assert_eq!(unstored.await, [2.0, 2.0], "each node keeps them");
    dynamo.way.set(Fault::None);
    let begun = Instant::now();
    while dynamo.item(kid(&key), "REVOKED").await.is_none() {
        assert!(
            begun.elapsed() < Duration::from_secs(10),
            "it is not stored"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    report(&format!(
        "With the table silent a revocation was refused by both nodes after {} ms, and was in the table {} ms after it was back.",
        took.as_millis(),
        begun.elapsed().as_millis()
    ));
}

/// A server that refuses every call in this way, as AWS does.
async fn refusing(code: &'static str, date: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let addr = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let body = format!(r#"{{"__type":"com.amazon.coral.service#{code}","message":"no"}}"#);
            let head = format!(
                "HTTP/1.1 400 Bad Request\r\ndate: {date}\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            let mut taken = [0; 8_192];
            // Whoever has gone does not want it.
            let _read = stream.read(&mut taken).await;
            let _written = stream.write_all(format!("{head}{body}").as_bytes()).await;
        }
    });
    addr
}

#[tokio::test(flavor = "multi_thread")]
async fn check_online_names_what_is_wrong_in_a_sentence_each_with_a_hint() {
    let service = Service::start(Behaviour::Good).await;
    let issuer = Issuer::start().await;
    issuer.set_down(true);
    let folder = tempfile::tempdir().expect("a folder");
    let online = |endpoint: String| {
        let mut text = WorldText::one_node(WORLD, &[service.addr]);
        text.world.push_str(&format!(
            "authenticators:\n  staff: {{ jwt: {{ issuer: \"{}\", audiences: [api], algorithms: [EdDSA], keys: {{ discovery: true }} }} }}\n",
            issuer.name()
        ));
        text.regions[0].more = format!(
            "key_store: {{ dynamodb: {{ region: us-east-1, endpoint: \"{endpoint}\" }} }}\n"
        );
        text.write(folder.path());
        tidegate(&["check", "--online", &folder.path().display().to_string()])
    };
    let (past, nowhere) = ("Thu, 01 Jan 2015 00:00:00 GMT", Ports::default().take());
    for (endpoint, says) in [
        (
            refusing("ResourceNotFoundException", past).await,
            "there is no such table",
        ),
        (
            refusing("UnrecognizedClientException", past).await,
            "the credentials are not accepted",
        ),
        (
            refusing("InvalidSignatureException", past).await,
            "s ahead, so signed requests",
        ),
        (
            refusing("RequestTimeTooSkewed", past).await,
            "this machine's clock is",
        ),
        (nowhere, "the endpoint cannot be reached"),
    ] {
        let checked = online(format!("http://{endpoint}"));
        assert_eq!(checked.code, 2, "{}{}", checked.out, checked.err);
        assert!(checked.out.contains(says), "{says}: {}", checked.out);
        assert_eq!(checked.out.matches("hint:").count(), 2, "{}", checked.out);
        assert!(
            checked.out.contains("the keys of `staff`: "),
            "{}",
            checked.out
        );
    }
    issuer.set_down(false);
    issuer.publish(&[SigningKey::ed25519().jwk("k")]);
    let dynamo = Dynamo::start().await;
    let checked = online(dynamo.endpoint.clone());
    assert!(
        checked.out.contains("the keys of `staff`: good"),
        "{}",
        checked.out
    );
    // A table that somebody made by hand lacks what nodes follow.
    let mut caller = dynamo.caller("us-east-1");
    let key =
        |name: &str, kind: &str| serde_json::json!({ "AttributeName": name, "KeyType": kind });
    let text = |name: &str| serde_json::json!({ "AttributeName": name, "AttributeType": "S" });
    let table = serde_json::json!({
        "TableName": "tidegate-keys",
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [text("pk"), text("sk")],
        "KeySchema": [key("pk", "HASH"), key("sk", "RANGE")],
    });
    caller.call("CreateTable", table).await.expect("a table");
    let checked = online(dynamo.endpoint.clone());
    assert!(
        checked.code == 2 && checked.out.contains("the table has no stream"),
        "{}",
        checked.out
    );
}

/// A key of the right shape that nobody made: a CRC-32 of all before it, in base 62.
fn made_up(n: u32) -> String {
    let body = format!("tg_test_{n:010}_{:032}", 0);
    let mut crc = u32::MAX;
    for byte in body.bytes() {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 {
                (crc >> 1) ^ 0xedb8_8320
            } else {
                crc >> 1
            };
        }
    }
    let digits = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let (mut rest, mut check) = (!crc, Vec::new());
    for _ in 0..6 {
        check.insert(0, digits[(rest % 62) as usize]);
        rest /= 62;
    }
    format!("{body}_{}", String::from_utf8_lossy(&check))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_made_up_keys_reaches_the_table_no_faster_than_its_guard_allows() {
    let service = Service::start(Behaviour::Good).await;
    let dynamo = Dynamo::start().await;
    let mut text = text(&dynamo, &service);
    text.world = text
        .world
        .replace("ttl: 1s", "ttl: 1s, lookups_per_second: 50");
    let node = Node::start(text, &[]).await;
    init(&node);
    let known = node.key("known");
    becomes(&node, &known, 200, Duration::from_secs(10)).await;
    let asked = async || {
        let mut asked = 0.0;
        for outcome in ["found", "unknown", "failed"] {
            asked += node.metric("tidegate_key_lookups_total", &[outcome]).await;
        }
        asked
    };
    let before = asked().await;
    for n in 0..500 {
        // A wrong checksum.
        let wrong = format!(
            "{}x",
            made_up(n).trim_end_matches(|c: char| c.is_ascii_alphanumeric())
        );
        assert_eq!(status(&node, &wrong).await, 401);
    }
    assert_eq!(asked().await, before, "they do not reach the table at all");
    let begun = Instant::now();
    let mut flood = JoinSet::new();
    for part in 0..8 {
        let door = node.door();
        flood.spawn(async move {
            let mut client = Client::new(door);
            for n in 0..500 {
                let key = made_up(1_000 * (part + 1) + n);
                let answer = client.get("/wide/x", &[("x-api-key", &key)]).await;
                let status = answer.expect("an answer").status;
                assert!([401, 503].contains(&status), "{status}");
            }
        });
    }
    while let Some(one) = flood.join_next().await {
        one.expect("all are answered");
    }
    let (asked, secs) = (asked().await - before, begun.elapsed().as_secs_f64());
    report(&format!(
        "4,000 made-up keys within {secs:.1} s: the table was asked for {asked} of them, at 50 a second."
    ));
    assert!(
        (50.0..=50.0 * (secs + 2.0)).contains(&asked),
        "{asked} in {secs} s"
    );
    assert_eq!(
        status(&node, &known).await,
        200,
        "who is known does not notice"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_outlives_its_node_while_the_table_is_down_and_is_stored_afterwards() {
    let service = Service::start(Behaviour::Good).await;
    let dynamo = Dynamo::start().await;
    let mut node = Node::start(text(&dynamo, &service), &[]).await;
    init(&node);
    let key = node.key("acme");
    becomes(&node, &key, 200, Duration::from_secs(10)).await;
    dynamo.way.set(Fault::Refused);
    let revoked = node.keys(&["revoke", kid(&key)]);
    assert!(revoked.err.contains("does not have"), "{}", revoked.err);
    node.restart().await;
    assert_eq!(status(&node, &key).await, 401);
    dynamo.way.set(Fault::None);
    let begun = Instant::now();
    while dynamo.item(kid(&key), "REVOKED").await.is_none() {
        assert!(begun.elapsed() < Duration::from_secs(15), "{}", node.said());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(status(&node, &key).await, 401);
}
