//! What operators see of limits, and starting a subject anew, from the command line.

use std::time::{Duration, Instant};

use harness::{Client, World, WorldText};

use crate::WORLD;

/// The status of one request with this key at a region's front.
async fn asked(world: &World, region: &str, key: &str) -> u16 {
    let mut client = Client::new(world.front(region));
    let answer = client.get("/api/x", &[("x-api-key", key)]).await;
    answer.expect("an answer").status
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spent_key_is_found_named_and_reset_in_one_region_for_all() {
    let world = WORLD.replace("amount: 1000,", "amount: 10,");
    let world = World::start(WorldText::three_regions(1, &world), &[]).await;
    let key = world.key("acme");
    let kid = key.split('_').nth(2).expect("a key has five parts");
    // All in one window, with time to look at it.
    let since = std::time::SystemTime::UNIX_EPOCH
        .elapsed()
        .expect("a clock");
    if since.as_secs() % 60 > 30 {
        tokio::time::sleep(Duration::from_secs(61 - since.as_secs() % 60)).await;
    }
    for _ in 0..15 {
        asked(&world, "us-east-1", &key).await;
    }
    let deadline = Instant::now() + Duration::from_secs(5);
    while asked(&world, "eu-west-1", &key).await != 429 {
        assert!(Instant::now() < deadline, "the other region hears of it");
    }

    // The node that is asked may be of the third region: word may still be on its way to it.
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        let top = world.tidegate(&["limits", "top", "--once", "--names"]);
        assert_eq!(top.code, 0, "{}{}", top.out, top.err);
        if top.out.contains(kid) {
            break;
        }
        assert!(Instant::now() < deadline, "{}{}", top.out, top.err);
    }
    let hashed = world.tidegate(&["limits", "top", "--json"]);
    assert!(!hashed.out.contains(kid), "only hashes unless asked for");
    let document: serde_json::Value = serde_json::from_str(&hashed.out).expect("JSON");
    let row = &document["subjects"][0];
    let (limit, hash) = (row["limit"].as_str(), row["subject"].as_str());
    let (limit, hash) = (limit.expect("a name"), hash.expect("a hash"));

    let by_hash = world.tidegate(&["limits", "show", hash]);
    let by_name = world.tidegate(&["limits", "show", "--limit", limit, kid]);
    for shown in [&by_hash, &by_name] {
        assert!(
            shown.out.contains("us-east-1/"),
            "{}{}",
            shown.out,
            shown.err
        );
        assert!(
            shown.out.contains("the next request is refused"),
            "{}",
            shown.out
        );
    }

    let reset = world.tidegate(&["limits", "reset", "--limit", limit, kid]);
    assert!(
        reset.out.contains("starts from nothing"),
        "{}{}",
        reset.out,
        reset.err
    );
    for region in ["us-east-1", "eu-west-1", "ap-southeast-1"] {
        let deadline = Instant::now() + Duration::from_secs(5);
        while asked(&world, region, &key).await != 200 {
            assert!(Instant::now() < deadline, "{region} hears of the reset");
        }
    }

    for (args, says) in [
        (&["limits", "show", "acme"][..], "16 hexadecimal digits"),
        (
            &["limits", "show", "--limit", limit],
            "takes a value for each",
        ),
        (
            &["limits", "show", "--limit", "nope", kid],
            "no limit of this name",
        ),
        (&["limits", "show", "00000000000000ab"], "nobody has asked"),
    ] {
        let output = world.tidegate(args);
        assert!(
            output.code == 1 && output.err.contains(says),
            "{}",
            output.err
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_counts_down_alike_in_all_regions() {
    let world = World::start(WorldText::three_regions(1, WORLD), &[]).await;
    let key = world.key("acme");
    for _ in 0..5 {
        assert_eq!(asked(&world, "us-east-1", &key).await, 200);
    }
    let mut client = Client::new(world.front("eu-west-1"));
    let deadline = Instant::now() + Duration::from_secs(5);
    for own in 1.. {
        let answer = client.get("/api/x", &[("x-api-key", &key)]).await;
        let answer = answer.expect("an answer");
        let field = &answer.headers["ratelimit"];
        if field.contains(&format!("r={};", 1_000 - 5 - own)) {
            break;
        }
        assert!(Instant::now() < deadline, "{field} after {own} more");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
