//! A region dies and comes back.

use std::time::{Duration, Instant};

use harness::{Client, Load, Ports, World, WorldText, report};

use crate::WORLD;

#[tokio::test(flavor = "multi_thread")]
async fn clients_of_a_dead_region_are_answered_elsewhere_and_nothing_counts_twice() {
    let world = World::start(WorldText::three_regions(2, WORLD), &[]).await;
    let (key, counted) = (world.key("steady"), world.key("counted"));
    let front = world.front("us-east-1");

    // Something to be counted, far below the limit, before the region dies.
    let mut client = Client::new(front);
    for _ in 0..100 {
        let answer = client
            .get("/api/count", &[("x-api-key", &counted)])
            .await
            .expect("an answer");
        assert_eq!(answer.status, 200);
    }
    tokio::time::sleep(Duration::from_millis(300)).await;

    let begun = Instant::now();
    let load = Load {
        doors: vec![front],
        key,
        per_second: 200.0,
        until: begun + Duration::from_secs(4),
    };
    let kill = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let at = Instant::now();
        world.lab("kill", "us-east-1");
        at
    };
    let (tally, killed) = tokio::join!(load.run(), kill);
    let failed: Vec<_> = tally
        .outcomes
        .iter()
        .filter(|o| !matches!(o.status, 200 | 429))
        .collect();
    let recovered = failed.last().map_or(Duration::ZERO, |last| {
        last.ended.saturating_duration_since(killed)
    });
    report(&format!(
        "\nkill -9 of a region's two nodes under 200 requests/s: {} of {} requests failed; \
         the last failed {} ms after the order was given.",
        failed.len(),
        tally.outcomes.len(),
        recovered.as_millis()
    ));
    assert!(recovered < Duration::from_secs(1), "{recovered:?}");
    assert!(failed.len() < 100, "{}", failed.len());

    world.lab("start", "us-east-1");
    let back = world.announced("us-east-1", Duration::from_secs(30)).await;
    report(&format!(
        "After its restart the region was announced again within {:.1} s.",
        back.as_secs_f64()
    ));

    // All three regions say the same of what is left: 100 are spent, once. Should the window have
    // ended meanwhile, they slide out of sight, in all regions alike.
    let mut lefts = Vec::new();
    for region in ["us-east-1", "eu-west-1", "ap-southeast-1"] {
        let mut client = Client::new(world.front(region));
        let answer = client
            .get("/api/count", &[("x-api-key", &counted)])
            .await
            .expect("an answer");
        let field = &answer.headers["ratelimit"];
        let left: u32 = field
            .split("r=")
            .nth(1)
            .and_then(|r| r.split(';').next()?.parse().ok())
            .expect("r=");
        assert!(left >= 893, "{region}: {field}");
        lefts.push(left);
    }
    let spread = lefts.iter().max().expect("three") - lefts.iter().min().expect("three");
    assert!(spread <= 8, "{lefts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_region_without_services_leaves_its_clients_to_others_and_the_last_one_stays() {
    let world = World::start(WorldText::three_regions(1, WORLD), &[]).await;
    let key = world.key("any");
    for service in ["echo-1.us-east-1", "echo-2.us-east-1"] {
        world.lab("kill", service);
    }
    let answered_by = async |region: &str| {
        let mut client = Client::new(world.front(region));
        let answer = client.get("/api/x", &[("x-api-key", &key)]).await.ok()?;
        let body: serde_json::Value = serde_json::from_str(&answer.body).ok()?;
        Some((
            answer.status,
            body["served_by"].as_str().unwrap_or_default().to_owned(),
        ))
    };
    let deadline = Instant::now() + Duration::from_secs(15);
    loop {
        let answer = answered_by("us-east-1").await;
        if answer
            .as_ref()
            .is_some_and(|(status, by)| *status == 200 && by.ends_with("eu-west-1"))
        {
            break;
        }
        assert!(Instant::now() < deadline, "{answer:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    for service in [
        "echo-1.eu-west-1",
        "echo-2.eu-west-1",
        "echo-1.ap-southeast-1",
        "echo-2.ap-southeast-1",
    ] {
        world.lab("kill", service);
    }
    tokio::time::sleep(Duration::from_secs(4)).await;
    let answer = answered_by("us-east-1")
        .await
        .expect("somebody still answers");
    assert_eq!(
        answer.0, 503,
        "whoever is left says so instead of vanishing"
    );
    let status = world.status();
    let announced = |region: &serde_json::Value| region["announced"] == true;
    assert!(
        status["regions"]
            .as_array()
            .expect("regions")
            .iter()
            .any(announced),
        "{status}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn when_all_regions_are_sick_all_stay_announced_and_serve_what_they_can() {
    // Two services, of which one is lost everywhere at once.
    let world_text = WORLD.replace(
        "upstreams:\n",
        "upstreams:\n  extra: { health: { interval: 200ms, timeout: 1s } }\n",
    ) + "  extra: { path: /extra/*, upstream: extra, auth: none }\n";
    let mut text = WorldText::three_regions(1, &world_text);
    let mut ports = Ports::default();
    for region in &mut text.regions {
        region.upstreams = format!("  extra: [\"{}\"]\n", ports.take());
    }
    drop(ports);
    let world = World::start(text, &[]).await;
    let regions = ["us-east-1", "eu-west-1", "ap-southeast-1"];
    for region in regions {
        world.announced(region, Duration::from_secs(20)).await;
    }
    let answered = async |region: &str, path: &str| {
        let mut client = Client::new(world.front(region));
        let answer = client.get(path, &[]).await;
        answer.map_or(0, |answer| answer.status)
    };
    for region in regions {
        assert_eq!(answered(region, "/extra/x").await, 200, "{region}");
    }

    for region in regions {
        world.lab("kill", &format!("extra-1.{region}"));
    }
    let sick = |status: &serde_json::Value| {
        let nodes = status["regions"].as_array().expect("regions").iter();
        let mut nodes = nodes.flat_map(|region| region["nodes"].as_array().expect("nodes"));
        nodes.all(|node| node["fit"] == false)
    };
    let deadline = Instant::now() + Duration::from_secs(15);
    while !sick(&world.status()) {
        assert!(Instant::now() < deadline, "{}", world.status());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // For longer than a node that may leave would take to do so.
    let until = Instant::now() + Duration::from_secs(12);
    while Instant::now() < until {
        for region in regions {
            assert_eq!(answered(region, "/open/x").await, 200, "{region}");
            assert_eq!(answered(region, "/extra/x").await, 503, "{region}");
        }
        let status = world.status();
        let regions = status["regions"].as_array().expect("regions");
        assert!(
            regions.iter().all(|region| region["announced"] == true),
            "{status}"
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
