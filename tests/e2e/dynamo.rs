//! Keys in a DynamoDB table: an emulator as another process, real nodes, the real stream.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use harness::{
    Behaviour, Client, Dynamo, Load, Node, Replication, Service, World, WorldText, report, tidegate,
};

use tokio::task::JoinSet;

use crate::WORLD;

/// A node's configuration with its keys in the emulator's table.
pub(crate) fn text(dynamo: &Dynamo, service: &Service) -> WorldText {
    let mut text = WorldText::one_node(WORLD, &[service.addr]);
    text.regions[0].more = dynamo.key_store("us-east-1");
    // So that copies are due at once.
    text.world = text.world.replace(
        "keys: { env: test }",
        "keys: { env: test, cache: { ttl: 1s } }",
    );
    text
}

pub(crate) async fn status(node: &Node, key: &str) -> u16 {
    let mut client = Client::new(node.door());
    let answer = client.get("/wide/x", &[("x-api-key", key)]).await;
    answer.expect("an answer").status
}

pub(crate) async fn becomes(node: &Node, key: &str, wanted: u16, patience: Duration) -> Duration {
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

pub(crate) fn kid(key: &str) -> &str {
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

const REGIONS: [&str; 3] = ["us-east-1", "eu-west-1", "ap-southeast-1"];

/// A world whose keys are in one table a region. The tables are there.
pub(crate) async fn world(dynamo: &Dynamo, regions: usize, nodes: usize) -> World {
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
pub(crate) async fn all_become(
    doors: &[SocketAddr],
    key: &str,
    wanted: u16,
    patience: Duration,
) -> Duration {
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

pub(crate) fn made(world: &World, consumer: &str) -> String {
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

pub(crate) fn init(node: &Node) {
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
