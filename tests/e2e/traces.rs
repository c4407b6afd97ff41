//! Traces: what clients say, what services are told, which are kept, and who is told of them: a
//! collector that is not ours, and `tidegate trace`.

mod collector;
mod tls;

use std::collections::BTreeSet;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use harness::{
    Answer, Behaviour, Client, Node, Service, World, WorldText, binary, metric, tidegate,
};
use serde_json::Value;

use collector::{Collector, named, of_region};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

async fn get(node: &Node, path: &str, fields: &[(&str, &str)]) -> Answer {
    let answer = Client::new(node.door()).get(path, fields).await;
    answer.expect("an answer")
}

/// A field of the head that a service mirrors.
fn mirrored<'a>(answer: &'a Answer, name: &str) -> &'a str {
    let prefix = format!("{name}: ");
    let mut fields = answer
        .body
        .lines()
        .filter_map(|line| line.strip_prefix(&prefix));
    fields
        .next()
        .unwrap_or_else(|| panic!("{name}: {}", answer.body))
}

/// The trace that a service was told of.
fn told(answer: &Answer) -> String {
    mirrored(answer, "traceparent")[3..35].to_owned()
}

const ROUTES: &str = "\
upstreams:
  echo: { health: { interval: 200ms, timeout: 1s } }
  slow: {}
  dead: {}
keys: { env: test }
limits: { few: { amount: 2, window: 1h, per: ip } }
routes:
  open: { path: /open/*, upstream: echo, auth: none }
  always: { path: '/always/{id}', upstream: echo, auth: none }
  slow: { path: /slow, upstream: slow, auth: none }
  dead: { path: /dead, upstream: dead, auth: none }
  few: { path: /few, upstream: echo, auth: none, limits: [few] }
";

async fn node(traces: &str) -> Node {
    let service = Service::start(Behaviour::Mirrors).await;
    let slow = Service::start(Behaviour::Slow(400)).await;
    let mut text = WorldText::one_node(ROUTES, &[service.addr]);
    let dead = Service::start(Behaviour::Closes).await;
    text.regions[0].upstreams = format!("  slow: [{}]\n  dead: [{}]\n", slow.addr, dead.addr);
    text.regions[0].more = traces.to_owned();
    Node::start(text, &[]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_goes_to_the_collector_and_services_are_told() {
    let collector = Collector::start();
    let node = node(&format!(
        "traces:\n  to: {{ otlp: {{ url: '{}', headers: {{ x-behave: busy, x-key: k }} }} }}\n  \
         read: [w3c, b3]\n  sample: {{ ratio: 0, routes: {{ always: 1, few: 1 }}, slow: 300ms }}\n  flush_interval: 50ms\n",
        collector.http
    ))
    .await;

    // A client that does not keep its trace decides nothing here; its trace goes on.
    let parent = format!("00-{TRACE}-{SPAN}-00");
    let fields = [
        ("traceparent", parent.as_str()),
        ("tracestate", "vendor=1"),
        ("user-agent", "test"),
    ];
    let answer = get(&node, "/always/7?token=sesame", &fields).await;
    assert_eq!(answer.status, 200);
    let spans = collector.has(TRACE, |spans| spans.len() >= 8).await;
    let root = named(&spans, "GET /always/{id}");
    assert_eq!((&root["parent"], &root["kind"]), (&SPAN.into(), &2.into()));
    assert_eq!(root["key"], "k", "headers go with each request");
    assert_eq!(root["state"], "vendor=1");
    let known = &root["attributes"];
    for (name, want) in [
        ("http.request.method", Value::from("GET")),
        ("http.response.status_code", 200.into()),
        ("http.route", "/always/{id}".into()),
        ("url.path", "/always/7".into()),
        ("tidegate.route", "always".into()),
        ("server.address", "gateway.test".into()),
        ("client.address", "127.0.0.1".into()),
    ] {
        assert_eq!(known[name], want, "{name}: {root:#?}");
    }
    assert!(
        !format!("{spans:?}").contains("sesame"),
        "queries stay here"
    );
    let resource = &root["resource"];
    assert_eq!(resource["service.name"], "tidegate");
    assert_eq!(resource["tidegate.node"], "a");
    for phase in [
        "route",
        "authenticate",
        "authorize",
        "limit",
        "forward",
        "respond",
    ] {
        assert_eq!(named(&spans, phase)["parent"], root["span"], "{phase}");
    }
    let attempt = named(&spans, "attempt");
    assert_eq!(attempt["parent"], named(&spans, "forward")["span"]);
    assert_eq!(attempt["kind"], 3);
    assert_eq!(named(&spans, "connect")["parent"], attempt["span"]);
    let own = attempt["span"].as_str().expect("a span");
    assert_eq!(
        mirrored(&answer, "traceparent"),
        format!("00-{TRACE}-{own}-01")
    );
    assert_eq!(mirrored(&answer, "tracestate"), "vendor=1");
    let inside = |span: &Value| {
        root["start"].as_u64() <= span["start"].as_u64()
            && span["end"].as_u64() <= root["end"].as_u64()
    };
    assert!(spans.iter().all(inside), "{spans:#?}");

    // The client's word alone keeps nothing, and services are told what we decided.
    let parent = format!("00-{}-{SPAN}-01", "a".repeat(32));
    let answer = get(&node, "/open/x", &[("traceparent", &parent)]).await;
    let sent = mirrored(&answer, "traceparent");
    assert!(
        sent.starts_with(&parent[..36]) && sent.ends_with("-00"),
        "{sent}"
    );
    let b3 = format!("{}-{SPAN}-1", "b".repeat(32));
    let answer = get(&node, "/always/b", &[("b3", &b3)]).await;
    assert_eq!(told(&answer), "b".repeat(32));
    assert!(!answer.body.contains("b3: "), "{}", answer.body);

    // What is slow or goes wrong is kept at its end.
    for (digit, path, status) in [('c', "/slow", 200), ('d', "/dead", 502)] {
        let trace = digit.to_string().repeat(32);
        let parent = format!("00-{trace}-{SPAN}-00");
        let answer = get(&node, path, &[("traceparent", &parent)]).await;
        assert_eq!(answer.status, status, "{path}");
        let spans = collector.has(&trace, |spans| !spans.is_empty()).await;
        let root = named(&spans, &format!("GET {path}"));
        assert_eq!(root["status"], if status == 502 { 2 } else { 0 });
    }
    let dead = collector.of(&"d".repeat(32));
    let attempt = dead.iter().find(|span| span["name"] == "attempt");
    assert_eq!(attempt.expect("tried")["status"], 2, "{dead:#?}");
    // The word of the limit that refused.
    let mut last = get(&node, "/few", &[]).await;
    for _ in 0..2 {
        let parent = format!("00-{}-{SPAN}-00", "e".repeat(32));
        last = get(&node, "/few", &[("traceparent", &parent)]).await;
    }
    assert_eq!(last.status, 429);
    let refused = |spans: &[Value]| {
        spans
            .iter()
            .any(|span| span["attributes"]["tidegate.limit"] == "few")
    };
    collector.has(&"e".repeat(32), refused).await;

    assert!(collector.of(&"a".repeat(32)).is_empty());
    for (why, count) in [
        ("ratio", 5.0),
        ("slow", 1.0),
        ("error", 1.0),
        ("parent", 0.0),
    ] {
        let kept = node.metric("tidegate_traces_kept_total", &[why]).await;
        assert_eq!(kept, count, "{why}");
    }
    assert_eq!(node.metric("tidegate_spans_dropped_total", &[]).await, 0.0);
    assert!(
        node.metric("tidegate_span_export_failures_total", &["refused"])
            .await
            > 0.0
    );

    // The log names the trace of every request; exemplars those that are kept.
    let named_in_log = |trace: &str| {
        let log = node.access_log();
        log.iter().any(|line| line["trace_id"] == trace)
    };
    let deadline = Instant::now() + Duration::from_secs(5);
    while !(named_in_log(TRACE) && named_in_log(&"a".repeat(32))) {
        assert!(Instant::now() < deadline, "{:?}", node.access_log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let open_metrics = [("accept", "application/openmetrics-text; version=1.0.0")];
    let metrics = Client::new(node.admin())
        .get("/metrics", &open_metrics)
        .await;
    let metrics = metrics.expect("metrics").body;
    assert!(metrics.contains(&"c".repeat(32)) && !metrics.contains(&"a".repeat(32)));

    // What is kept changes with a reload; where it goes does not.
    let file = node.regions().join("us-east-1.yaml");
    let text = std::fs::read_to_string(&file).expect("readable");
    let text = text
        .replace("ratio: 0,", "ratio: 1,")
        .replace("x-key: k", "x-key: l");
    std::fs::write(&file, text).expect("writable");
    let reloaded = Client::new(node.admin())
        .send("POST", "/config/reload", &[], bytes::Bytes::new())
        .await
        .expect("an answer");
    assert_eq!(reloaded.status, 200, "{}", reloaded.body);
    assert!(
        reloaded.body.contains("where traces go"),
        "{}",
        reloaded.body
    );
    let trace = told(&get(&node, "/open/x", &[]).await);
    let spans = collector.has(&trace, |spans| !spans.is_empty()).await;
    assert_eq!(spans[0]["key"], "k");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_leads_from_the_client_through_two_regions_to_the_service() {
    const REGIONS: [&str; 2] = ["us-east-1", "eu-west-1"];
    let collector = Collector::start();
    let world = crate::WORLD.replace("  echo:\n", "  echo:\n    fallback: {}\n");
    let mut text = WorldText::three_regions(1, &world);
    for region in &mut text.regions {
        region.more = format!(
            "traces:\n  to: {{ otlp: {{ url: '{}', protocol: grpc }} }}\n  sample: {{ parent: true, ratio: 0 }}\n  flush_interval: 50ms\n",
            collector.grpc
        );
    }
    let world = World::start(text, &[]).await;
    for region in REGIONS {
        for nth in [1, 2] {
            world.lab("kill", &format!("echo-{nth}.{region}"));
        }
    }
    let _service = Service::start_at(world.text.regions[1].endpoints[0], Behaviour::Mirrors).await;
    let data = world.data().display().to_string();
    let words = "path=/open/* header.x-debug=1 status=200";
    let watching = Command::new(binary())
        .args(["trace", "--match", words, "--count", "1", "--data", &data])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let deadline = Instant::now() + Duration::from_secs(10);
    while world
        .metrics("tidegate_trace_watches")
        .await
        .iter()
        .any(|open| *open < 9.0)
    {
        assert!(Instant::now() < deadline, "all nodes are watched");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    let parent = format!("00-{TRACE}-{SPAN}-01");
    let fields = [("traceparent", parent.as_str()), ("x-debug", "1")];
    let deadline = Instant::now() + Duration::from_secs(20);
    let answer = loop {
        let answer = Client::new(world.doors()[0]).get("/open/x", &fields).await;
        let answer = answer.expect("an answer");
        if answer.status == 200 {
            break answer;
        }
        assert!(Instant::now() < deadline, "{answer:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    let own = &mirrored(&answer, "traceparent")[36..52];
    let whole = |spans: &[Value]| {
        let told = |span: &Value| span["span"] == own;
        spans.iter().any(told) && spans.iter().any(|span| span["name"] == "relay")
    };
    let spans = collector.has(TRACE, whole).await;
    // From the service back to the client, span by span.
    let mut way = Vec::new();
    let mut at = own.to_owned();
    while at != SPAN {
        let span = spans.iter().find(|span| span["span"] == at.as_str());
        let span = span.unwrap_or_else(|| panic!("{at} is not there: {spans:#?}"));
        let region = span["resource"]["tidegate.region"]
            .as_str()
            .expect("a region");
        way.push((
            region.to_owned(),
            span["name"].as_str().expect("a name").to_owned(),
        ));
        at = span["parent"].as_str().expect("a parent").to_owned();
    }
    let (us, eu) = (REGIONS[0], REGIONS[1]);
    let want = [
        (eu, "attempt"),
        (eu, "forward"),
        (eu, "GET /open/*"),
        (us, "attempt"),
        (us, "relay"),
        (us, "forward"),
        (us, "GET /open/*"),
    ];
    let want = want.map(|(region, name)| (region.to_owned(), name.to_owned()));
    assert_eq!(way, want);
    let ids: BTreeSet<&str> = spans
        .iter()
        .filter_map(|span| span["span"].as_str())
        .collect();
    assert_eq!(ids.len(), spans.len(), "no two spans have one name");
    assert!(!of_region(&spans, eu).is_empty());

    // The same in a terminal, from both nodes; and a record of who looked.
    let output = watching.wait_with_output().expect("it ends by itself");
    let text = String::from_utf8_lossy(&output.stdout);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && said.contains("3 nodes watched"),
        "{said}"
    );
    assert!(text.starts_with(&format!("trace {TRACE}, ")), "{text}");
    for part in [
        "us-east-1/a",
        "eu-west-1/a",
        "relay=eu-west-1",
        "attempt",
        "━",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let audit = world.data().join("nodes/us-east-1.a/audit.jsonl");
    let audit = std::fs::read_to_string(audit).expect("an audit file");
    assert!(
        audit.contains("node.trace") && audit.contains("path=/open/* header.x-debug=* status=200"),
        "{audit}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_does_not_take_spans_costs_spans_and_nothing_else() {
    let collector = Collector::start();
    for (otlp, reason) in [
        ("url: 'http://127.0.0.1:1'".to_owned(), "unreachable"),
        (
            format!("url: '{}', headers: {{ x-behave: hang }}", collector.http),
            "timeout",
        ),
        (
            format!(
                "url: '{}', protocol: grpc, headers: {{ x-behave: refuse }}",
                collector.grpc
            ),
            "refused",
        ),
    ] {
        let node = node(&format!(
            "traces:\n  to: {{ otlp: {{ {otlp}, timeout: 200ms, attempts_max: 1 }} }}\n  \
             sample: {{ ratio: 1 }}\n  queue_max: 4\n  batch_max: 1\n  per_second_max: 1000\n"
        ))
        .await;
        let mut client = Client::new(node.door());
        let begun = Instant::now();
        for _ in 0..40 {
            let answer = client.get("/open/x", &[]).await.expect("an answer");
            assert_eq!(answer.status, 200);
        }
        let took = begun.elapsed();
        assert!(took < Duration::from_secs(3), "{reason}: {took:?}");
        let deadline = Instant::now() + Duration::from_secs(10);
        while node
            .metric("tidegate_spans_dropped_total", &["failed"])
            .await
            < 16.0
        {
            assert!(Instant::now() < deadline, "{reason}: {}", node.said());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let (_, text) = node.admin_get("/metrics").await.expect("metrics");
        let failures = metric(&text, "tidegate_span_export_failures_total", &[reason]);
        assert!(failures >= 2.0, "{reason}: {failures}");
        let full = metric(&text, "tidegate_spans_dropped_total", &["queue_full"]);
        assert!(
            full > 0.0 || reason != "timeout",
            "who hangs fills the queue"
        );
        assert_eq!(metric(&text, "tidegate_spans_exported_total", &[]), 0.0);
        let lines = node.said().matches("takes no spans").count();
        assert_eq!(lines, 1, "one line a minute: {}", node.said());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_watched_without_a_collector_and_what_waits_is_sent_at_the_end() {
    let plain = node("").await;
    let parent = format!("00-{TRACE}-{SPAN}-00");
    let fields = [("traceparent", parent.as_str()), ("b3", "0")];
    let answer = get(&plain, "/open/x", &fields).await;
    assert_eq!(mirrored(&answer, "traceparent"), parent, "nobody traces");
    assert_eq!(mirrored(&answer, "b3"), "0");
    let admin = plain.admin().to_string();
    for (words, part) in [("paths=/x", "known are"), ("status=x", "a number")] {
        let output = tidegate(&["trace", "--match", words, "--admin", &admin]);
        assert!(
            output.code != 0 && output.err.contains(part),
            "{}",
            output.err
        );
    }
    let watching = Command::new(binary())
        .args([
            "trace",
            "--match",
            "path=/open/*",
            "--for",
            "2s",
            "--json",
            "--admin",
            &admin,
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary starts");
    let deadline = Instant::now() + Duration::from_secs(5);
    while plain.metric("tidegate_trace_watches", &["now"]).await < 1.0 {
        assert!(Instant::now() < deadline, "it watches");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let answer = get(&plain, "/open/x", &fields).await;
    assert!(
        mirrored(&answer, "traceparent").ends_with("-01"),
        "services keep it, too"
    );
    get(&plain, "/always/x", &[]).await;
    let output = watching.wait_with_output().expect("it ends by itself");
    let lines: Vec<Value> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(lines.len(), 1, "{lines:#?}");
    assert_eq!(lines[0][0]["trace"], TRACE);
    assert_eq!(
        lines[0][0]["spans"][0]["attributes"]["tidegate.route"],
        "open"
    );
    assert_eq!(
        plain.metric("tidegate_trace_watches", &["now"]).await,
        0.0,
        "it is over"
    );

    let collector = Collector::start();
    let node = node(&format!(
        "traces:\n  to: {{ otlp: {{ url: '{}', protocol: grpc, headers: {{ x-behave: part }} }} }}\n  \
         sample: {{ ratio: 1 }}\n  flush_interval: 1h\n  spans_max: 3\ndrain: {{ grace: 100ms, settle: 100ms }}\n",
        collector.grpc
    ))
    .await;
    let trace = told(&get(&node, "/open/x", &[]).await);
    let cut = node
        .metric("tidegate_spans_dropped_total", &["spans_max"])
        .await;
    assert!(cut >= 5.0, "{cut}");
    node.signal("TERM");
    let spans = collector.has(&trace, |spans| spans.len() == 3).await;
    named(&spans, "GET /open/*");
}
