//! A node under load: no errors, and memory stays flat.

use std::time::Duration;

use harness::{Node, World, WorldText, report, tool};

use crate::WORLD;

fn rss_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a running process");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .expect("VmRSS");
    line.trim()
        .trim_end_matches(" kB")
        .parse()
        .expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_minute_of_wrk_brings_no_error_and_no_growth() {
    let endpoint = harness::Ports::default().take();
    let name = [
        "lab",
        "upstream",
        "--listen",
        &endpoint.to_string(),
        "--name",
        "echo",
    ]
    .map(str::to_owned);
    let mut service = tokio::process::Command::new(harness::binary())
        .args(&name)
        .kill_on_drop(true)
        .spawn()
        .expect("a service");
    let node = Node::start(WorldText::one_node(WORLD, &[endpoint]), &[]).await;
    let key = node.key("wrk");
    let url = format!("http://{}/wide/x", node.door());
    let header = format!("x-api-key: {key}");
    let wrk = |secs: &str| tool("wrk", &["-t1", "-c64", "-d", secs, "-H", &header, &url]);
    wrk("3s");
    let warm = rss_kib(node.pid());
    let output = wrk("30s");
    let after = rss_kib(node.pid());
    let line = |start: &str| {
        output
            .out
            .lines()
            .find(|line| line.trim().starts_with(start))
            .unwrap_or("")
            .trim()
            .to_owned()
    };
    report(&format!(
        "\nwrk, 64 connections, 30 s, key and limit and log on one core: {}; memory {} MiB before, {} MiB after.",
        line("Requests/sec:"),
        warm / 1_024,
        after / 1_024
    ));
    assert_eq!(output.code, 0, "{}", output.err);
    assert!(
        !output.out.contains("Non-2xx") && !output.out.contains("Socket errors"),
        "{}",
        output.out
    );
    assert!(
        after < warm + 8 * 1_024,
        "{warm} KiB before, {after} KiB after"
    );
    tokio::time::sleep(Duration::from_millis(800)).await;
    let requests = node.metric("tidegate_requests_total", &["wide"]).await;
    let written = node.metric("tidegate_access_log_written_total", &[]).await;
    let dropped = node.metric("tidegate_access_log_dropped_total", &[]).await;
    assert!(
        written + dropped >= requests,
        "{requests} requests, {written} lines written, {dropped} dropped"
    );
    let _gone = service.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_status_says_under_load_is_what_is_sent() {
    let world = World::start(WorldText::three_regions(1, WORLD), &[]).await;
    let key = world.key("busy");
    let until = std::time::Instant::now() + Duration::from_secs(6);
    let load = harness::Load {
        doors: world.doors(),
        key,
        per_second: 90.0,
        until,
    };
    let look = async {
        tokio::time::sleep(Duration::from_secs(4)).await;
        world.status()
    };
    let (tally, status) = tokio::join!(load.run(), look);
    assert_eq!(tally.others(&[200]), 0);
    let nodes = status["regions"]
        .as_array()
        .expect("regions")
        .iter()
        .flat_map(|r| r["nodes"].as_array().expect("nodes"));
    let per_second: u64 = nodes
        .map(|node| node["requests_per_s"].as_u64().expect("a number"))
        .sum();
    assert!((60..=120).contains(&per_second), "{per_second}");
}
