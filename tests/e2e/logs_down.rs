//! A destination of the access log that is slow, down or refuses: counters, a line a minute, and
//! nothing else.

use std::time::{Duration, Instant};

use harness::{Behaviour, Client, Node, Ports, Receiver, Service, Takes, WorldText};

use crate::WORLD;

const REQUESTS: usize = 2_000;

#[tokio::test(flavor = "multi_thread")]
async fn who_takes_no_lines_costs_a_counter_and_a_line_a_minute_and_no_request() {
    let service = Service::start(Behaviour::Good).await;
    let hangs = Receiver::start(Takes::Hangs).await;
    let busy = Receiver::start(Takes::Refuses(429)).await;
    let broken = Receiver::start(Takes::Refuses(500)).await;
    let refuses = Receiver::start(Takes::Refuses(400)).await;
    let recovers = Receiver::start(Takes::AllBut(1)).await;
    let gone = Ports::default().take();
    let http = |name: &str, addr: std::net::SocketAddr, more: &str, log: &str| {
        format!(
            "  {name}: {{ to: {{ http: {{ url: 'http://{addr}/{name}', timeout: 300ms{more} }} }}, batch: {{ age_max: 100ms }}{log} }}\n"
        )
    };
    let once = ", attempts_max: 1";
    let small = ", queue_max: 32KiB";
    let mut text = WorldText::one_node(WORLD, &[service.addr]);
    text.regions[0].more = [
        "logs:\n".to_owned(),
        http("hangs", hangs.addr, once, ""),
        http("busy", busy.addr, ", attempts_max: 2", ""),
        http("broken", broken.addr, once, ""),
        http("refuses", refuses.addr, "", ""),
        http("gone", gone, once, ""),
        http("recovers", recovers.addr, "", ""),
        format!(
            "  full: {{ to: {{ http: {{ url: 'http://{}/full', timeout: 1m }} }}, batch: {{ age_max: 10ms, in_flight_max: 1 }}{small} }}\n",
            hangs.addr
        ),
        format!(
            "  kafka: {{ to: {{ kafka: {{ brokers: ['{gone}'], topic: edge, timeout: 300ms, delivery_timeout: 1s }} }}, batch: {{ age_max: 100ms }} }}\n"
        ),
        format!("  collector: {{ to: {{ otlp: {{ url: 'http://{gone}', protocol: grpc, attempts_max: 1 }} }} }}\n"),
    ]
    .concat();
    let mut node = Node::start(text, &[]).await;
    let mut client = Client::new(node.door());
    let (begun, mut longest) = (Instant::now(), Duration::ZERO);
    for _ in 0..REQUESTS {
        let sent = Instant::now();
        let answer = client.get("/open/x", &[]).await.expect("an answer");
        assert_eq!(answer.status, 200, "{}", answer.body);
        longest = longest.max(sent.elapsed());
    }
    harness::report(&format!(
        "\n{REQUESTS} requests one after the other past eight logs that take nothing: {} ms in all, the longest {} ms.",
        begun.elapsed().as_millis(),
        longest.as_millis()
    ));
    assert!(longest < Duration::from_secs(1), "{longest:?}");

    let dropped = "tidegate_access_log_dropped_total";
    for (name, reason) in [
        ("hangs", "timeout"),
        ("busy", "refused"),
        ("broken", "refused"),
        ("refuses", "refused"),
        ("gone", "unreachable"),
        ("kafka", "unreachable"),
        ("collector", "unreachable"),
    ] {
        let words = [
            &*format!("log=\"{name}\""),
            &*format!("reason=\"{reason}\""),
        ];
        let deadline = Instant::now() + Duration::from_secs(15);
        while node.metric(dropped, &words).await < REQUESTS as f64 {
            assert!(Instant::now() < deadline, "{name}: {}", node.said());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(
            node.metric(dropped, &words[..1]).await,
            REQUESTS as f64,
            "{name}"
        );
    }
    let full = node.metric(dropped, &["log=\"full\"", "queue_full"]).await;
    assert!(full > 0.0, "{full}");
    let written = "tidegate_access_log_written_total";
    assert_eq!(
        node.metric(written, &["log=\"main\""]).await,
        REQUESTS as f64
    );
    // What may be taken later is sent again.
    node.metric_above(written, &["log=\"recovers\""], REQUESTS as f64 - 1.0)
        .await;
    assert_eq!(node.metric(dropped, &["log=\"recovers\""]).await, 0.0);
    let lines = recovers.posts("/recovers");
    let lines = lines
        .iter()
        .map(|post| post.body.iter().filter(|byte| **byte == b'\n').count());
    assert_eq!(lines.sum::<usize>(), REQUESTS);
    assert!(busy.tried() >= 2, "it was tried again");

    let said = node.said();
    let complaints: Vec<&str> = said
        .lines()
        .filter(|line| line.contains("takes no lines"))
        .collect();
    for name in [
        "hangs",
        "busy",
        "broken",
        "refuses",
        "gone",
        "kafka",
        "collector",
        "full",
    ] {
        let of = complaints
            .iter()
            .filter(|line| line.contains(&format!("\"{name}\"")));
        assert_eq!(of.count(), 1, "{name}: {said}");
    }
    // Nobody waits for them at the end, beyond the bound.
    let begun = Instant::now();
    node.signal("TERM");
    assert_eq!(node.ended(Duration::from_secs(20)).await, 0);
    assert!(
        begun.elapsed() < Duration::from_secs(8),
        "{:?}",
        begun.elapsed()
    );
}
