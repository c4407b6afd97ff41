//! What a key may be bound to, where it may stand, two secrets at a time, and keys in bulk.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use harness::{Answer, Behaviour, Client, Node, Service, World, WorldText};

use crate::WORLD;

async fn node(keys: &str) -> (Node, Service) {
    let service = Service::start(Behaviour::Mirrors).await;
    let mut text = WorldText::one_node(WORLD, &[service.addr]);
    text.world = text.world.replace("keys: { env: test }", keys);
    (Node::start(text, &[]).await, service)
}

async fn ask(node: &Node, path: &str, fields: &[(&str, &str)]) -> Answer {
    let answer = Client::new(node.door()).get(path, fields).await;
    answer.expect("an answer")
}

async fn status(node: &Node, key: &str) -> u16 {
    ask(node, "/wide/x", &[("x-api-key", key)]).await.status
}

fn kid(key: &str) -> &str {
    key.split('_').nth(2).expect("a key has five parts")
}

fn create(node: &Node, args: &[&str]) -> String {
    let all = [&["create", "--consumer", "acme", "--quiet"], args].concat();
    let made = node.keys(&all);
    assert_eq!(made.code, 0, "{}", made.err);
    made.out.trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_bound_to_times_and_places_and_shown_with_all_that_is_known() {
    let (node, _service) = node("keys: { env: test }").await;
    let here = create(&node, &["--from", "127.0.0.0/8"]);
    let elsewhere = create(&node, &["--from", "10.0.0.0/8", "--from", "192.0.2.7"]);
    let later = create(&node, &["--not-before", "1h"]);
    let more = [
        "--scope",
        "read",
        "--scope",
        "write",
        "--meta",
        "team=blue",
        "--expires",
        "2100-01-01",
    ];
    let rich = create(&node, &more);
    let past = create(&node, &["--expires", "2001-01-01"]);
    for (key, want) in [
        (&here, 200),
        (&elsewhere, 403),
        (&later, 401),
        (&rich, 200),
        (&past, 401),
    ] {
        assert_eq!(status(&node, key).await, want, "{key}");
    }
    let answer = ask(&node, "/wide/x", &[("x-api-key", &elsewhere)]).await;
    assert!(
        answer.body.contains("urn:tidegate:problem:key-elsewhere"),
        "{}",
        answer.body
    );
    node.metric_above("tidegate_refused_total", &["key_elsewhere"], 0.0)
        .await;
    node.metric_above("tidegate_refused_total", &["key_premature"], 0.0)
        .await;
    // Whoever lacks the secret is not told that the key is good elsewhere.
    let (body, _) = elsewhere.rsplit_once('_').expect("a checksum");
    assert_eq!(status(&node, &format!("{body}_000000")).await, 401);

    let list = node.keys(&["list"]);
    for part in [
        "not yet",
        "read write",
        "10.0.0.0/8 192.0.2.7",
        "2100-01-01",
        "expired",
    ] {
        assert!(list.out.contains(part), "{part}: {}", list.out);
    }
    let show = node.keys(&["show", kid(&rich)]);
    for part in ["active", "read write", "# team", "blue", "2100-01-01 00:00"] {
        assert!(show.out.contains(part), "{part}: {}", show.out);
    }
    let json = node.keys(&["show", "--json", &rich]);
    let json: serde_json::Value = serde_json::from_str(&json.out).expect("JSON");
    assert_eq!(json["metadata"]["team"], "blue");
    for wrong in [
        &["--expires", "soon"][..],
        &["--from", "10.0.0.1/8"],
        &["--not-before", "2d", "--expires", "1d"],
        &["--scope", "a b"],
        &["--meta", "team"],
    ] {
        let made = node.keys(&[&["create", "--consumer", "acme"], wrong].concat());
        assert_ne!(made.code, 0, "{wrong:?}: {}", made.out);
    }
    assert_eq!(node.keys(&["show", "aaaaaaaaaa"]).code, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_stands_where_the_operator_allows_it_and_the_service_never_sees_it() {
    let (node, _service) =
        node("keys: { env: test, query: api_key, cookie: key, basic: true }").await;
    let key = node.key("acme");
    let basic = format!("Basic {}", STANDARD.encode(format!("{key}:")));
    let cookie = format!("a=1; key={key}; b=2");
    let query = format!("/wide/x?a=1&api_key={key}");
    for (path, fields) in [
        ("/wide/x?a=1", vec![("x-api-key", key.as_str())]),
        (query.as_str(), vec![]),
        ("/wide/x?a=1", vec![("cookie", cookie.as_str())]),
        ("/wide/x?a=1", vec![("authorization", basic.as_str())]),
    ] {
        let answer = ask(&node, path, &fields).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        let seen = answer.body;
        assert!(seen.contains("/wide/x?a=1"), "{seen}");
        for secret in [key.as_str(), basic.as_str()] {
            assert!(!seen.contains(secret), "{seen}");
        }
    }
    assert!(!node.said().contains(&key));
    let log = node.access_log();
    assert!(
        log.iter().all(|line| !line.to_string().contains(&key)),
        "{log:?}"
    );
    let two = ask(&node, &query, &[("x-api-key", &key)]).await;
    assert_eq!(two.status, 401, "two are none");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_key_has_two_secrets_everywhere_until_the_old_one_has_had_its_time() {
    let mut text = WorldText::three_regions(1, WORLD);
    text.regions.truncate(2);
    let world = World::start(text, &[]).await;
    let old = world.key("acme");
    let rotate = |overlap| {
        let rotated =
            world.tidegate(&["keys", "rotate", kid(&old), "--overlap", overlap, "--quiet"]);
        assert_eq!(rotated.code, 0, "{}", rotated.err);
        rotated.out.trim().to_owned()
    };
    let everywhere = async |key: &str, wanted: u16| {
        let begun = std::time::Instant::now();
        for door in world.doors() {
            while Client::new(door)
                .get("/wide/x", &[("x-api-key", key)])
                .await
                .is_ok_and(|answer| answer.status != wanted)
            {
                assert!(begun.elapsed().as_secs() < 5, "{door}: never {wanted}");
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        }
    };
    everywhere(&old, 200).await;
    let new = rotate("1h");
    assert_eq!(kid(&new), kid(&old));
    everywhere(&new, 200).await;
    everywhere(&old, 200).await;
    let third = rotate("1s");
    everywhere(&third, 200).await;
    everywhere(&old, 401).await;
    everywhere(&new, 401).await;
    let revoked = world.tidegate(&["keys", "revoke", &third]);
    assert_eq!(revoked.code, 0, "{}", revoked.err);
    everywhere(&third, 401).await;
    let rotated = world.tidegate(&["keys", "rotate", kid(&old)]);
    assert!(
        rotated.code == 1 && rotated.err.contains("revoked"),
        "{}",
        rotated.err
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_go_out_and_come_back_in_bulk_and_refused_lines_are_named() {
    let (node, service) = node("keys: { env: test }").await;
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let lines = "consumer,plan,scopes,expires\n\
        one,,read write,30d\n\
        two,nosuchplan,,\n\
        three,tiny,,2100-01-01\n\
        ,,,\n\
        five,,,tomorrow\n";
    std::fs::write(path("new.csv"), lines).expect("writable");
    let import = node.keys(&["import", &path("new.csv")]);
    assert_eq!(import.code, 1, "{}", import.err);
    for says in [
        "line 3: there is no plan",
        "line 5: a consumer",
        "line 6: expires",
        "2 keys were taken, 3 lines refused",
    ] {
        assert!(import.err.contains(says), "{says}: {}", import.err);
    }
    let made: Vec<String> = import
        .out
        .lines()
        .map(|line| line.split(',').nth(2).expect("a key").to_owned())
        .collect();
    assert_eq!(made.len(), 2, "{}", import.out);
    assert_eq!(status(&node, &made[0]).await, 200);
    assert_eq!(node.keys(&["revoke", kid(&made[1])]).code, 0);
    let rotated = node.keys(&["rotate", kid(&made[0]), "--quiet"]);
    assert_eq!(rotated.code, 0, "{}", rotated.err);

    let export = node.keys(&["export", &path("all.jsonl")]);
    assert_eq!(export.code, 0, "{}", export.err);
    let text = std::fs::read_to_string(path("all.jsonl")).expect("a file");
    assert_eq!(text.lines().count(), 2);
    let csv = node.keys(&["export", "--format", "csv"]);
    assert!(
        csv.code == 1 && csv.err.contains("CSV cannot hold it"),
        "{}",
        csv.err
    );
    assert_eq!(csv.out.lines().count(), 2, "{}", csv.out);

    // Another world with the same pepper takes them over.
    let text = WorldText::one_node(WORLD, &[service.addr]);
    let other = Node::start_with_secrets(text, &node.data()).await;
    assert_eq!(status(&other, &made[0]).await, 401);
    let import = other.keys(&["import", &path("all.jsonl")]);
    assert_eq!(import.code, 0, "{}", import.err);
    assert_eq!(import.out, "", "no key is new");
    // Negative answers are remembered for a while, but what came in is known at once.
    assert_eq!(
        status(&other, &made[0]).await,
        200,
        "the old secret goes on"
    );
    assert_eq!(status(&other, rotated.out.trim()).await, 200);
    assert_eq!(status(&other, &made[1]).await, 401, "revoked stays revoked");
    let again = other.keys(&["import", &path("all.jsonl")]);
    assert!(
        again.code == 1 && again.err.contains("already"),
        "{}",
        again.err
    );

    let records = std::fs::read_to_string(node.data().join("nodes/us-east-1.a/audit.jsonl"))
        .expect("records");
    let actions: Vec<String> = records
        .lines()
        .map(|line| {
            let record: serde_json::Value = serde_json::from_str(line).expect("JSON");
            format!(
                "{} {}",
                record["action"].as_str().expect("an action"),
                record["outcome"].as_str().expect("an outcome")
            )
        })
        .collect();
    assert_eq!(
        actions
            .iter()
            .filter(|action| *action == "key.import done")
            .count(),
        2,
        "{actions:?}"
    );
    for wanted in ["key.revoke done", "key.rotate done", "key.export 2 keys"] {
        assert!(
            actions.iter().any(|action| action == wanted),
            "{wanted}: {actions:?}"
        );
    }
    assert!(
        made.iter().all(|key| !records.contains(key.as_str())),
        "no secrets there"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_keys_are_taken_in_in_seconds() {
    let (node, _service) = node("keys: { env: test }").await;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("many.jsonl").display().to_string();
    let lines: String = (0..5_000)
        .map(|n| format!("{{\"consumer\":\"consumer-{n}\"}}\n"))
        .collect();
    std::fs::write(&path, lines).expect("writable");
    let begun = std::time::Instant::now();
    let import = node.keys(&["import", &path]);
    assert_eq!(import.code, 0, "{}", import.err);
    assert_eq!(import.out.lines().count(), 5_000);
    let took = begun.elapsed();
    harness::report(&format!(
        "5,000 keys were taken in within {} ms.",
        took.as_millis()
    ));
    assert!(took.as_secs() < 60, "{took:?}");
    let export = node.keys(&["export"]);
    assert_eq!(export.out.lines().count(), 5_000);
}
