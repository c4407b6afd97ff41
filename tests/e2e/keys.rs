//! Keys: made once, shown once, known everywhere, and revoked everywhere.

use std::time::{Duration, Instant};

use harness::{Client, Node, World, WorldText, tidegate};

use crate::WORLD;

#[tokio::test(flavor = "multi_thread")]
async fn a_key_made_in_one_region_opens_all_and_its_revocation_closes_all() {
    let world = World::start(WorldText::three_regions(2, WORLD), &[]).await;
    let key = world.key("acme");
    let kid = key
        .split('_')
        .nth(2)
        .expect("a key has five parts")
        .to_owned();
    let all_answer = async |status: u16, patience: Duration| {
        let begun = Instant::now();
        for door in world.doors() {
            loop {
                let answer = Client::new(door)
                    .get("/api/x", &[("x-api-key", &key)])
                    .await
                    .expect("an answer");
                if answer.status == status {
                    break;
                }
                assert!(
                    begun.elapsed() < patience,
                    "{door} answers {}",
                    answer.status
                );
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
        begun.elapsed()
    };
    all_answer(200, Duration::from_secs(3)).await;

    let list = world.tidegate(&["keys", "list"]);
    assert!(
        list.out.contains(&kid) && list.out.contains("acme"),
        "{}",
        list.out
    );
    let secret = key.split('_').nth(3).expect("a key has five parts");
    assert!(!list.out.contains(secret));

    let revoked = world.tidegate(&["keys", "revoke", &kid]);
    assert_eq!(revoked.code, 0, "{}", revoked.err);
    let took = all_answer(401, Duration::from_secs(3)).await;
    harness::report(&format!(
        "A revoked key was refused by all six nodes {} ms after the command.",
        took.as_millis()
    ));
    assert!(world.tidegate(&["keys", "list"]).out.contains("revoked"));

    // Nothing that was written anywhere holds the secret.
    for file in files(&world.data()) {
        let bytes = std::fs::read(&file).expect("readable");
        let found = bytes
            .windows(secret.len())
            .any(|window| window == secret.as_bytes());
        assert!(!found, "{} holds a secret", file.display());
    }
}

fn files(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("readable") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.is_file() {
            found.push(path);
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn wishes_that_make_no_sense_are_answered_with_a_sentence() {
    let node = Node::start(
        WorldText::one_node(WORLD, &["127.0.0.1:9".parse().expect("an address")]),
        &[],
    )
    .await;
    for (args, says) in [
        (
            &["create", "--consumer", "a", "--plan", "platinum"][..],
            "there is no plan `platinum`",
        ),
        (&["create", "--consumer", ""], "1 to 128 plain characters"),
        (&["revoke", "nope"], "no key's identifier"),
        (&["revoke", "aaaaaaaaaa"], "there is no such key"),
    ] {
        let output = node.keys(args);
        assert_eq!(output.code, 1, "{args:?}");
        assert!(output.err.contains(says), "{args:?}: {}", output.err);
    }
    let offline = [
        "keys",
        "--data",
        &node.data().display().to_string(),
        "--offline",
        "us-east-1/a",
    ]
    .map(str::to_owned);
    let mut args: Vec<&str> = offline.iter().map(String::as_str).collect();
    let regions = node.regions().display().to_string();
    args.extend(["--regions", &regions, "list"]);
    let output = tidegate(&args);
    assert!(
        output.code == 1 && output.err.contains("in use by another process"),
        "{}",
        output.err
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_made_while_no_node_runs_works_when_one_does_and_plans_and_times_apply() {
    let service = harness::Service::start(harness::Behaviour::Good).await;
    let mut node = Node::start(WorldText::one_node(WORLD, &[service.addr]), &[]).await;
    let create = |extra: &[&str]| {
        let output = node.keys(&[&["create", "--consumer", "a", "--quiet"], extra].concat());
        assert_eq!(output.code, 0, "{}", output.err);
        output.out.trim().to_owned()
    };
    let (tiny, brief) = (create(&["--plan", "tiny"]), create(&["--expires", "1s"]));
    let get = async |key: &str| {
        Client::new(node.door())
            .get("/wide/x", &[("x-api-key", key)])
            .await
            .expect("an answer")
    };
    let answers = [get(&tiny).await, get(&tiny).await, get(&tiny).await];
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    let policy = &answers[0].headers["ratelimit-policy"];
    assert!(
        statuses == [200, 200, 429] && policy == "\"wide\";q=2;w=60",
        "{statuses:?} {policy}"
    );
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    assert_eq!(get(&brief).await.status, 401, "its time is over");

    node.signal("TERM");
    assert_eq!(node.ended(Duration::from_secs(20)).await, 0);
    let (regions, data) = (
        node.regions().display().to_string(),
        node.data().display().to_string(),
    );
    let create = [
        "keys",
        "--data",
        &data,
        "--offline",
        "us-east-1/a",
        "--regions",
        &regions,
        "create",
        "--consumer",
        "b",
        "-q",
    ];
    let output = tidegate(&create);
    assert_eq!(output.code, 0, "{}", output.err);
    assert!(output.out.starts_with("tg_test_"), "{}", output.out);
}
