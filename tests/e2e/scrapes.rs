//! What scrapes cost requests: nothing that a client sees.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use harness::{Client, Node, Ports, WorldText, report, tool};

use crate::WORLD;

/// Between two scrapes: 150 times as often as usual.
const SCRAPES_EACH: Duration = Duration::from_millis(100);
/// Runs of each kind, in turn; the best of each counts, since other things go on on this machine.
const RUNS: usize = 3;

/// The 99th percentile that wrk saw, in milliseconds.
fn p99_ms(node: &Node, key: &str) -> f64 {
    let url = format!("http://{}/wide/x", node.door());
    let key = format!("x-api-key: {key}");
    let wrk = ["-t1", "-c8", "-d4s", "--latency", "-H", &key, &url];
    let output = tool("wrk", &wrk);
    assert!(!output.out.contains("Non-2xx"), "{}", output.out);
    assert!(!output.out.contains("Socket errors"), "{}", output.out);
    let line = output.out.lines().find(|line| line.contains("99%"));
    let value = line.and_then(|line| line.split_whitespace().nth(1));
    let value = value.expect("wrk tells the 99th percentile");
    let (number, unit) = value.split_at(value.find(char::is_alphabetic).expect("a unit"));
    let number: f64 = number.parse().expect("a number");
    match unit {
        "us" => number / 1_000.0,
        "ms" => number,
        _ => number * 1_000.0,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scrape_each_100_ms_is_not_felt_by_requests() {
    let endpoint = Ports::default().take();
    let mut service = tokio::process::Command::new(harness::binary())
        .args(["lab", "upstream", "--name", "echo", "--listen"])
        .arg(endpoint.to_string())
        .kill_on_drop(true)
        .spawn()
        .expect("a service");
    let node = Arc::new(Node::start(WorldText::one_node(WORLD, &[endpoint]), &[]).await);
    let key = node.key("wrk");
    let (on, scrapes) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
    );
    let scraper = tokio::spawn({
        let (on, scrapes, mut client) = (on.clone(), scrapes.clone(), Client::new(node.admin()));
        async move {
            loop {
                tokio::time::sleep(SCRAPES_EACH).await;
                if on.load(SeqCst) {
                    let answer = client.get("/metrics", &[]).await.expect("an answer");
                    assert_eq!(answer.status, 200);
                    scrapes.fetch_add(1, SeqCst);
                }
            }
        }
    });
    let mut best = [f64::MAX; 2];
    for run in 0..2 * RUNS {
        on.store(run % 2 == 1, SeqCst);
        let (node, key) = (Arc::clone(&node), key.clone());
        let p99 = tokio::task::spawn_blocking(move || p99_ms(&node, &key)).await;
        best[run % 2] = best[run % 2].min(p99.expect("wrk runs"));
    }
    assert!(!scraper.is_finished(), "all scrapes were answered");
    let [without, with] = best;
    let scrapes = scrapes.load(SeqCst);
    report(&format!(
        "\np99 of requests on one core: {without:.2} ms, with a scrape each 100 ms ({scrapes} of them) {with:.2} ms."
    ));
    assert!(scrapes > 60, "{scrapes}");
    assert!(
        with < 2.0 * without + 2.0,
        "{with} ms with, {without} without"
    );
    scraper.abort();
    let _gone = service.kill().await;
}
