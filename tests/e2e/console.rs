//! The console in a real browser, and what the admin door lets browsers and others do.

use std::time::{Duration, Instant};

use harness::{Client, Load, Surfer, World, WorldText, answer_of, raw};

use crate::WORLD;

#[tokio::test(flavor = "multi_thread")]
async fn a_person_with_a_keyboard_sees_a_region_go_and_drains_a_node() {
    let world = World::start(WorldText::three_regions(2, WORLD), &[]).await;
    let key = world.key("ada");
    let load = Load {
        doors: world.doors(),
        key,
        per_second: 60.0,
        until: Instant::now() + Duration::from_secs(60),
    };
    let load = tokio::spawn(load.run());
    let token = std::fs::read_to_string(world.data().join("secrets/admin-token"));
    let token = token.expect("made at the start");
    let us = world
        .text
        .regions
        .iter()
        .find(|region| region.name == "us-east-1");
    let admin = us.expect("a region").nodes[0].2;
    let pictures = std::env::var("TIDEGATE_PICTURES").unwrap_or_default();
    let url = format!("http://{admin}/");
    let walk = async {
        let mut surfer = Surfer::start("e2e/console.mjs", &[&url, token.trim(), &pictures]);
        let opened = surfer.step("open");
        assert_eq!(opened["title"], "us-east-1/a – Tidegate");
        assert_eq!(
            opened["regions"],
            serde_json::json!(["ap-southeast-1", "eu-west-1", "us-east-1"])
        );
        assert_eq!(
            (&opened["nodes"], &opened["places"]),
            (&6.into(), &3.into())
        );
        let routes = opened["routes"].as_array().expect("a list");
        assert!(routes.contains(&"limited".into()), "{opened}");

        let looked = surfer.step("look");
        let hot = looked["hot"].as_str().expect("text");
        assert!(hot.contains("per-key"), "{looked}");
        let rate: f64 = looked["requests"]
            .as_str()
            .expect("text")
            .split_whitespace()
            .next()
            .expect("a figure")
            .parse()
            .expect("a number");
        assert!((20.0..120.0).contains(&rate), "{looked}");

        let names = surfer.step("names");
        assert_eq!(
            (&names["nameless"], &names["lang"]),
            (&serde_json::json!([]), &"en".into())
        );

        let refused = surfer.step("wrong");
        assert!(
            refused["said"]
                .as_str()
                .expect("text")
                .contains("not the token"),
            "{refused}"
        );
        assert_eq!(refused["focus"], "c-token");
        let drained = surfer.step("drain");
        assert!(
            drained["said"]
                .as_str()
                .expect("text")
                .contains("us-east-1/a is drained"),
            "{drained}"
        );
        let back = surfer.step("undrain");
        assert!(
            back["said"].as_str().expect("text").contains("ready again"),
            "{back}"
        );

        world.lab("kill", "ap-southeast-1");
        let lost = surfer.step("lost");
        assert!(
            lost["map"]
                .as_str()
                .expect("text")
                .contains("ap-southeast-1 silent"),
            "{lost}"
        );
        surfer.step("picture console");
    };
    walk.await;
    load.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn browsers_and_crowds_are_kept_within_bounds() {
    let world = World::start(WorldText::three_regions(1, WORLD), &[]).await;
    let admin = world.text.regions[0].nodes[0].2;
    let token = std::fs::read_to_string(world.data().join("secrets/admin-token"));
    let right = format!(
        "authorization: Bearer {}",
        token.expect("made at the start").trim()
    );
    let wrong = "authorization: Bearer no".to_owned();
    let address = admin.to_string();
    let page = "sec-fetch-site: same-origin".to_owned();
    let form = "origin: https://evil.test".to_owned();
    for (why, request, host, fields, want) in [
        (
            "a shell here lists keys",
            "GET /keys",
            &*address,
            vec![],
            200,
        ),
        (
            "a page of somebody else",
            "POST /config/reload",
            &address,
            vec![&form],
            401,
        ),
        (
            "a name of somebody else",
            "GET /world",
            "evil.test",
            vec![&page],
            403,
        ),
        (
            "the page reads",
            "GET /console/",
            &address,
            vec![&page],
            200,
        ),
        (
            "the page lists keys",
            "GET /keys",
            &address,
            vec![&page],
            401,
        ),
        (
            "with the token",
            "GET /keys",
            &address,
            vec![&page, &right],
            200,
        ),
        (
            "a wrong token, even from here",
            "PUT /drain",
            &address,
            vec![&wrong],
            403,
        ),
    ] {
        let fields: String = fields
            .into_iter()
            .map(|field| format!("{field}\r\n"))
            .collect();
        let text = format!(
            "{request} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: 0\r\n{fields}\r\n"
        );
        let (said, _) = raw(admin, text.as_bytes(), Duration::from_secs(10))
            .await
            .expect("a connection");
        assert_eq!(answer_of(&said), Some(want), "{why}: {said}");
    }

    // The same in a terminal, and as a picture.
    let top = world.tidegate(&["top", "--once"]);
    assert_eq!(top.code, 0, "{}", top.err);
    for word in [
        "us-east-1",
        "LIMIT",
        "per-key",
        "ROUTE",
        "limited",
        "SERVICE",
        "2 of 2",
        " LOG",
    ] {
        assert!(top.out.contains(word), "{word}: {}", top.out);
    }
    for (format, words) in [
        ("mermaid", ["flowchart LR", "counts, keys, health: "]),
        ("dot", ["digraph tidegate", "2 of 2 endpoints fit"]),
        ("svg", ["<svg ", "1 of 1 nodes alive"]),
    ] {
        let graph = world.tidegate(&["graph", "--live", "--format", format]);
        assert_eq!(graph.code, 0, "{}", graph.err);
        for word in words {
            assert!(graph.out.contains(word), "{word}: {}", graph.out);
        }
    }

    let mut crowd = Vec::new();
    let ask = format!("GET /console/events HTTP/1.1\r\nhost: {address}\r\n\r\n");
    for _ in 0..16 {
        let mut stream = tokio::net::TcpStream::connect(admin)
            .await
            .expect("a connection");
        tokio::io::AsyncWriteExt::write_all(&mut stream, ask.as_bytes())
            .await
            .expect("sent");
        let mut head = [0; 15];
        tokio::io::AsyncReadExt::read_exact(&mut stream, &mut head)
            .await
            .expect("an answer");
        assert_eq!(&head, b"HTTP/1.1 200 OK");
        crowd.push(stream);
    }
    let one_more = Client::new(admin)
        .get("/console/events", &[])
        .await
        .expect("an answer");
    assert_eq!(one_more.status, 503, "{}", one_more.body);
    let metrics = Client::new(admin)
        .get("/metrics", &[])
        .await
        .expect("metrics")
        .body;
    assert_eq!(
        harness::metric(&metrics, "tidegate_console_turned_away_total", &[]),
        1.0
    );
    drop(crowd);
    let deadline = Instant::now() + Duration::from_secs(10);
    while Client::new(admin)
        .get("/world", &[])
        .await
        .expect("an answer")
        .status
        != 200
    {
        assert!(Instant::now() < deadline, "who has left makes no room");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
