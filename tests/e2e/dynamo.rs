//! Keys in a DynamoDB table: an emulator as another process, real nodes, the real stream.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use harness::{
    Behaviour, Client, Dynamo, Fault, Issuer, Load, Node, Ports, Replication, Service, SigningKey,
    World, WorldText, report, tidegate,
};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::WORLD;

/// A node's configuration with its keys in the emulator's table.
fn text(dynamo: &Dynamo, service: &Service) -> WorldText {
    let mut text = WorldText::one_node(WORLD, &[service.addr]);
    text.regions[0].more = dynamo.key_store("us-east-1");
    // So that copies are due at once.
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
        let item = dynamo.item(kid(&key), "KEY").await.expect("a record");
        assert_eq!(a.keys(&["revoke", kid(&key)]).code, 0);
        assert_eq!(status(&a, &key).await, 401, "here at once");
        took.push(becomes(&b, &key, 401, Duration::from_secs(5)).await);
        // A write of the record, later than the revocation, as of somebody who enables it again.
        dynamo.caller("us-east-1").put(&item).await;
        tokio::time::sleep(Duration::from_millis(if n == 0 { 1_500 } else { 0 })).await;
        assert_eq!((status(&a, &key).await, status(&b, &key).await), (401, 401));
    }
    took.sort();
    report(&format!(
        "A revocation was seen by another node through the stream alone after {} ms (median of 10), {} ms at most.",
        took[5].as_millis(),
        took[9].as_millis()
    ));
}

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
    let us = |took: &[Duration]| (took[1_000].as_micros(), took[1_980].as_micros());
    report(&format!(
        "2,000 requests, us in the middle and at p99: table up {:?}, refusing {:?}, silent {:?}.",
        us(&up),
        us(&refused),
        us(&silent)
    ));
    assert!(node.metric("tidegate_keys_stale_used_total", &[]).await >= 400.0);
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

const REGIONS: [&str; 3] = ["us-east-1", "eu-west-1", "ap-southeast-1"];

/// A world whose keys are in one table a region. The tables are there.
async fn world(dynamo: &Dynamo, regions: usize, nodes: usize) -> World {
    let mut text = WorldText::three_regions(nodes, WORLD);
    text.regions.truncate(regions);
    for region in &mut text.regions {
        region.more = dynamo.key_store(&region.name);
    }
    let folder = tempfile::tempdir().expect("a folder");
    text.write(folder.path());
    for region in &REGIONS[..regions] {
        let folder = folder.path().display().to_string();
        let args = [
            "keys",
            "init-table",
            "--regions",
            &folder,
            "--region",
            region,
        ];
        let init = tidegate(&args);
        assert_eq!(init.code, 0, "{}", init.err);
    }
    World::start(text, &["--wan"]).await
}

/// Waits until all doors answer so. Returns how long that took.
async fn all_become(doors: &[SocketAddr], key: &str, wanted: u16, patience: Duration) -> Duration {
    let begun = Instant::now();
    let mut waiting = JoinSet::new();
    for door in doors.iter().copied() {
        let key = key.to_owned();
        waiting.spawn(async move {
            let mut client = Client::new(door);
            loop {
                let answer = client.get("/wide/x", &[("x-api-key", &key)]).await;
                let status = answer.map(|answer| answer.status);
                if status == Ok(wanted) {
                    return;
                }
                assert!(begun.elapsed() < patience, "{door} answers {status:?}");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
    }
    while let Some(one) = waiting.join_next().await {
        one.expect("it answers so in time");
    }
    begun.elapsed()
}

/// Keys that are revoked while it is measured.
const REVOKED: usize = 200;

/// So many new keys.
fn imported(world: &World, count: usize) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("keys.jsonl");
    let lines: String = (0..count)
        .map(|n| format!("{{\"consumer\":\"consumer-{n}\"}}\n"))
        .collect();
    std::fs::write(&path, lines).expect("writable");
    let import = world.tidegate(&["keys", "import", &path.display().to_string()]);
    assert_eq!(import.code, 0, "{}", import.err);
    let keys = import.out.lines().filter_map(|line| line.split(',').nth(2));
    keys.map(str::to_owned).collect()
}

fn made(world: &World, consumer: &str) -> String {
    let made = world.tidegate(&["keys", "create", "--consumer", consumer, "--quiet"]);
    assert_eq!(made.code, 0, "{}", made.err);
    made.out.trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn three_regions_refuse_a_revoked_key_at_once_and_for_good_whatever_is_written_elsewhere() {
    let dynamo = Dynamo::start().await;
    let world = world(&dynamo, 3, 1).await;
    let lag = Duration::from_millis(300);
    let _replication = Replication::start(&dynamo, &REGIONS, lag).await;
    let (doors, keys) = (world.doors(), imported(&world, REVOKED));
    for key in &keys {
        all_become(&doors, key, 200, Duration::from_secs(15)).await;
    }
    let busy = made(&world, "busy");
    all_become(&doors, &busy, 200, Duration::from_secs(15)).await;
    let load = Load {
        doors: doors.clone(),
        key: busy,
        per_second: 100.0,
        until: Instant::now() + Duration::from_secs(20),
    };
    let load = tokio::spawn(load.run());
    let mut took = Vec::new();
    for key in &keys {
        let mut elsewhere = dynamo.caller("ap-southeast-1");
        let record = elsewhere.item(kid(key), "KEY").await.expect("it is there");
        let revoked = world.tidegate(&["keys", "revoke", kid(key)]);
        assert_eq!(revoked.code, 0, "{}", revoked.err);
        // Somebody there enables it again at that very moment, and theirs is the later write.
        elsewhere.put(&record).await;
        took.push(all_become(&doors, key, 401, Duration::from_secs(5)).await);
    }
    took.sort();
    report(&format!(
        "{REVOKED} revocations under load, three regions, tables {} ms apart: refused everywhere {} ms after the command (median), {} ms at p99, {} ms at most.",
        lag.as_millis(),
        took[REVOKED / 2].as_millis(),
        took[REVOKED * 99 / 100].as_millis(),
        took[REVOKED - 1].as_millis()
    ));
    assert!(took[REVOKED - 1] < Duration::from_secs(1), "{took:?}");
    let tally = load.await.expect("the load does not panic");
    let others = tally.others(&[200, 429]);
    assert_eq!(
        others,
        0,
        "of {} requests of another key",
        tally.outcomes.len()
    );
    tokio::time::sleep(3 * lag).await;
    for region in REGIONS {
        let mut caller = dynamo.caller(region);
        for key in &keys {
            assert!(caller.item(kid(key), "KEY").await.is_some());
            assert!(caller.item(kid(key), "REVOKED").await.is_some(), "{region}");
        }
    }
    for key in &keys {
        all_become(&doors, key, 401, Duration::from_millis(1)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_mesh_a_revocation_comes_through_the_tables_alone() {
    let service = Service::start(Behaviour::Good).await;
    let dynamo = Dynamo::start().await;
    let mut nodes: Vec<Node> = Vec::new();
    for region in REGIONS {
        let mut text = WorldText::one_node(WORLD, &[service.addr]);
        text.regions[0].more = dynamo.key_store(region);
        let node = match nodes.first() {
            Some(first) => Node::start_with_secrets(text, &first.data()).await,
            None => Node::start(text, &[]).await,
        };
        init(&node);
        nodes.push(node);
    }
    let _replication = Replication::start(&dynamo, &REGIONS, Duration::from_millis(300)).await;
    for node in &nodes {
        follows(node).await;
    }
    let doors: Vec<SocketAddr> = nodes.iter().map(Node::door).collect();
    let mut took = Vec::new();
    for n in 0..10 {
        let key = nodes[0].key(&format!("consumer-{n}"));
        all_become(&doors, &key, 200, Duration::from_secs(15)).await;
        assert_eq!(nodes[0].keys(&["revoke", kid(&key)]).code, 0);
        took.push(all_become(&doors, &key, 401, Duration::from_secs(5)).await);
    }
    took.sort();
    report(&format!(
        "Without the mesh, tables 300 ms apart: refused everywhere after {} ms (median of 10), {} ms at most.",
        took[5].as_millis(),
        took[9].as_millis()
    ));
}

fn init(node: &Node) {
    let regions = node.regions().display().to_string();
    let init = tidegate(&["keys", "init-table", "--regions", &regions]);
    assert_eq!(init.code, 0, "{}", init.err);
}

/// Waits until the node follows its table's stream and has read its log.
async fn follows(node: &Node) {
    let begun = Instant::now();
    while node
        .metric("tidegate_key_tail_reads_total", &["good"])
        .await
        < 2.0
    {
        assert!(begun.elapsed() < Duration::from_secs(20), "{}", node.said());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(node.metric("tidegate_keys_stale", &[]).await, 0.0);
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

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_unknown_is_known_to_all_nodes_of_a_region_once_it_is_in_the_table() {
    let dynamo = Dynamo::start().await;
    let world = world(&dynamo, 1, 2).await;
    let doors = world.doors();
    // A record that a node elsewhere made: nothing here has seen the key.
    let key = made(&world, "acme");
    let mut caller = dynamo.caller("us-east-1");
    let record = caller.item(kid(&key), "KEY").await.expect("it is there");
    caller.delete(kid(&key), "KEY").await;
    let other = doors[1];
    all_become(&[other], &key, 401, Duration::from_secs(5)).await;
    caller.put(&record).await;
    let took = all_become(&[other], &key, 200, Duration::from_secs(5)).await;
    report(&format!(
        "A key that a node had found unknown was known to it {} ms after it came into the table.",
        took.as_millis()
    ));
    assert!(
        took < Duration::from_secs(5),
        "not only once it is forgotten: {took:?}"
    );
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
