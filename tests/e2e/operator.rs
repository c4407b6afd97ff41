//! Orders of an operator: drains, and holds what is announced.

use std::time::{Duration, Instant};

use harness::{World, WorldText};

use crate::WORLD;

/// Until a region is announced, or no longer.
async fn until(world: &World, region: &str, announced: bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let status = world.status();
        let regions = status["regions"].as_array().expect("a list");
        let found = regions.iter().find(|seen| seen["region"] == region);
        if found.expect("a region of the world")["announced"] == announced {
            return;
        }
        assert!(Instant::now() < deadline, "{region}, {announced}: {status}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn regions_are_drained_and_brought_back_and_the_last_one_only_by_force() {
    let world = World::start(WorldText::three_regions(1, WORLD), &[]).await;
    let unknown = world.tidegate(&["drain", "--region", "nowhere"]);
    assert_ne!(unknown.code, 0);
    assert!(
        unknown.err.contains("only ap-southeast-1/a"),
        "{}",
        unknown.err
    );

    for region in ["us-east-1", "eu-west-1"] {
        let drained = world.tidegate(&["drain", "--region", region]);
        assert_eq!(drained.code, 0, "{}", drained.err);
        assert!(
            drained.out.contains(&format!("{region}/a is drained")),
            "{}",
            drained.out
        );
        until(&world, region, false).await;
    }
    let last = ["drain", "--region", "ap-southeast-1"];
    let refused = world.tidegate(&last);
    assert_ne!(refused.code, 0);
    assert!(refused.err.contains("--force"), "{}", refused.err);
    let forced = world.tidegate(&[&last[..], &["--force"]].concat());
    assert_eq!(forced.code, 0, "{}", forced.err);
    until(&world, "ap-southeast-1", false).await;

    for region in ["us-east-1", "eu-west-1", "ap-southeast-1"] {
        let back = world.tidegate(&["undrain", "--region", region]);
        assert_eq!(back.code, 0, "{}", back.err);
        until(&world, region, true).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_stays_as_it_is_until_it_is_released() {
    let world = World::start(WorldText::three_regions(1, WORLD), &[]).await;
    let node = ["--node", "us-east-1/a"];
    let ask = |order: &[&str]| {
        let done = world.tidegate(&[order, &node].concat());
        assert_eq!(done.code, 0, "{}", done.err);
        done.out
    };
    // Drained, it would come back by itself once that is taken back. Held, it does not.
    ask(&["drain"]);
    until(&world, "us-east-1", false).await;
    let held = ask(&["steer", "hold"]);
    assert!(held.contains("steer release --node us-east-1/a"), "{held}");
    ask(&["undrain"]);
    tokio::time::sleep(Duration::from_secs(4)).await;
    until(&world, "us-east-1", false).await;
    let why = ask(&["steer", "explain"]);
    assert!(why.contains("An operator holds"), "{why}");
    let all = world.tidegate(&["steer", "explain"]).out;
    assert!(
        all.contains("us-east-1/a:") && all.contains("eu-west-1/a:"),
        "{all}"
    );
    ask(&["steer", "release"]);
    until(&world, "us-east-1", true).await;

    let audit = world.data().join("nodes/us-east-1.a/audit.jsonl");
    let records = std::fs::read_to_string(audit).expect("records");
    let said: Vec<String> = records
        .lines()
        .map(|line| {
            let record: serde_json::Value = serde_json::from_str(line).expect("JSON");
            format!("{} {}", record["action"], record["outcome"])
        })
        .collect();
    let orders = ["node.drain", "steer.hold", "node.undrain", "steer.release"];
    let wanted = orders.map(|action| format!("\"{action}\" \"done\""));
    assert_eq!(said, wanted);
}
