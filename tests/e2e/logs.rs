//! The access log has as many lines as there were requests, at every destination, and no secret.

use std::path::Path;
use std::time::{Duration, Instant};

use harness::{
    Behaviour, Client, Dynamo, Kafka, Node, Post, Receiver, Rsyslog, Service, Takes, WorldText,
};
use serde_json::{Value, json};

use crate::WORLD;

/// Requests of a load; a third of each kind of answer.
const CLIENTS: usize = 12;
const EACH: usize = 300;
const ALL: usize = CLIENTS * EACH;

/// What no destination may be told.
const SESAME: &str = "sesame";

/// Requests from many clients at once: answered, without a key, and without a route.
async fn load(node: &Node, key: &str) {
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..CLIENTS {
        let (mut client, key) = (Client::new(node.door()), key.to_owned());
        clients.spawn(async move {
            for n in 0..EACH {
                let (path, key, want) = match n % 3 {
                    0 => ("/wide/x?token=sesame&sesame", key.as_str(), 200),
                    1 => ("/wide/x?a=sesame", "", 401),
                    _ => ("/none?a=sesame", "", 404),
                };
                let fields = [
                    ("x-api-key", key),
                    ("cookie", "session=sesame"),
                    ("referer", "https://r.test/?s=sesame"),
                ];
                let fields = if key.is_empty() {
                    &fields[1..]
                } else {
                    &fields
                };
                let answer = client.get(path, fields).await.expect("an answer");
                assert_eq!(answer.status, want, "{}", answer.body);
            }
        });
    }
    clients.join_all().await;
}

async fn until(what: &str, mut reached: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(15);
    while !reached().await {
        assert!(Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn destinations(
    folder: &Path,
    receiver: &Receiver,
    syslog: &Rsyslog,
    (aws, kafka): (&Dynamo, &Kafka),
    secret: &Path,
) -> String {
    let (folder, secret) = (folder.display(), secret.display());
    let url = format!("http://{}", receiver.addr);
    format!(
        "logs:
  hourly: {{ to: {{ file: {{ path: {folder}/hourly, each: 1h, size_max: 64KiB, keep: 90 }} }} }}
  apache: {{ to: {{ file: {{ path: {folder}/apache }} }}, format: combined }}
  syslog: {{ to: {{ syslog: {{ tcp: '{}' }} }} }}
  datadog:
    to: {{ http: {{ url: '{url}', shape: {{ datadog: {{ service: edge, tags: {{ env: prod }} }} }}, header_files: {{ dd-api-key: {secret} }} }} }}
  loki:
    to: {{ http: {{ url: '{url}', shape: {{ loki: {{ labels: {{ env: prod }}, tenant: edge }} }} }} }}
    format: ecs
    batch: {{ lines_max: 7, in_flight_max: 2 }}
  lines:
    to: {{ http: {{ url: '{url}/lines', gzip: false }} }}
    batch: {{ age_max: 1h, lines_max: 100000, bytes_max: 64MiB }}
  otlp: {{ to: {{ otlp: {{ url: '{url}', gzip: true }} }} }}
  kafka: {{ to: {{ kafka: {{ brokers: ['{}'], topic: edge }} }} }}
  aws:
    to: {{ cloudwatch: {{ group: edge, create: true, region: us-east-1, endpoint: '{}' }} }}
",
        syslog.addr, kafka.addr, aws.endpoint
    )
}

/// Lines that CloudWatch Logs has.
async fn events(aws: &Dynamo, stream: &str) -> Vec<Value> {
    let mut client = Client::new(aws.way.addr);
    let fields = [
        ("x-amz-target", "Logs_20140328.GetLogEvents"),
        ("content-type", "application/x-amz-json-1.1"),
        (
            "authorization",
            "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/logs/aws4_request, SignedHeaders=host, Signature=0",
        ),
    ];
    let (mut events, mut token) = (Vec::new(), Value::Null);
    loop {
        let mut body = json!({ "logGroupName": "edge", "logStreamName": stream, "startFromHead": true, "limit": 10_000 });
        if !token.is_null() {
            body["nextToken"] = token.clone();
        }
        let body = body.to_string().into();
        let answer = client.send("POST", "/", &fields, body).await;
        let answer = answer.expect("an answer");
        assert_eq!(answer.status, 200, "{}", answer.body);
        let page: Value = serde_json::from_str(&answer.body).expect("JSON");
        let found = page["events"].as_array().expect("events").clone();
        let last = found.is_empty() || page["nextForwardToken"] == token;
        events.extend(found);
        token = page["nextForwardToken"].clone();
        if last {
            return events;
        }
    }
}

fn parsed(posts: &[Post]) -> Vec<Value> {
    let parse = |post: &Post| serde_json::from_slice(&post.body).expect("JSON");
    posts.iter().map(parse).collect()
}

fn texts(folder: &Path, name: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for entry in std::fs::read_dir(folder).expect("readable") {
        let path = entry.expect("an entry").path();
        if path
            .file_name()
            .is_some_and(|it| it.to_string_lossy().starts_with(name))
        {
            let text = std::fs::read_to_string(path).expect("readable");
            lines.extend(text.lines().map(str::to_owned));
        }
    }
    lines
}

fn count(posts: &[Post], word: &str) -> usize {
    let texts = posts.iter().map(|post| String::from_utf8_lossy(&post.body));
    texts.map(|text| text.matches(word).count()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_is_a_line_everywhere_and_no_line_has_a_secret() {
    let service = Service::start(Behaviour::Good).await;
    let (receiver, syslog) = (Receiver::start(Takes::All).await, Rsyslog::start().await);
    let (aws, kafka) = (Dynamo::start().await, Kafka::start(None, &["edge"]).await);
    let folder = tempfile::tempdir().expect("a folder");
    let secret = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(secret.path(), "datadogs-word\n").expect("writable");
    let mut text = WorldText::one_node(WORLD, &[service.addr]);
    text.regions[0].more = destinations(
        folder.path(),
        &receiver,
        &syslog,
        (&aws, &kafka),
        secret.path(),
    );
    let mut node = Node::start(text, &[]).await;
    let key = node.key("acme");
    load(&node, &key).await;
    // What waits then is delivered before the node ends.
    node.signal("TERM");
    assert_eq!(node.ended(Duration::from_secs(20)).await, 0);
    let said = node.said();
    assert!(!said.contains("takes no lines"), "{said}");

    assert_eq!(node.access_log().len(), ALL);
    let (hourly, apache) = (
        texts(folder.path(), "hourly"),
        texts(folder.path(), "apache"),
    );
    assert_eq!((hourly.len(), apache.len()), (ALL, ALL));
    assert!(folder.path().join("hourly.1").exists(), "it was put aside");
    until("rsyslogd has all lines", async || {
        syslog.lines().len() == ALL
    })
    .await;
    assert!(
        syslog.lines()[0].starts_with("us-east-1.a tidegate access{\"time\""),
        "{}",
        syslog.lines()[0]
    );

    let datadog = receiver.posts("/api/v2/logs");
    let entries: Vec<Value> = parsed(&datadog)
        .iter()
        .flat_map(|body| body.as_array().expect("an array").clone())
        .collect();
    assert_eq!(entries.len(), ALL);
    assert_eq!(datadog[0].fields["dd-api-key"], "datadogs-word");
    assert!(
        parsed(&datadog)
            .iter()
            .all(|body| body.as_array().expect("an array").len() <= 1_000)
    );
    assert_eq!(entries[0]["ddtags"], "env:prod,region:us-east-1");
    assert_eq!(
        (
            &entries[0]["service"],
            &entries[0]["ddsource"],
            &entries[0]["hostname"]
        ),
        (&json!("edge"), &json!("tidegate"), &json!("us-east-1/a"))
    );
    let inner: Value =
        serde_json::from_str(entries[0]["message"].as_str().expect("a text")).expect("JSON");
    assert!(inner["status"].is_u64(), "{inner}");

    let loki = receiver.posts("/loki/api/v1/push");
    assert_eq!(loki[0].fields["x-scope-orgid"], "edge");
    let streams: Vec<Value> = parsed(&loki)
        .iter()
        .flat_map(|body| body["streams"].as_array().expect("streams").clone())
        .collect();
    let values: Vec<Value> = streams
        .iter()
        .flat_map(|stream| stream["values"].as_array().expect("values").clone())
        .collect();
    assert_eq!(values.len(), ALL);
    let labels =
        json!({ "service_name": "tidegate", "region": "us-east-1", "node": "a", "env": "prod" });
    assert!(streams.iter().all(|stream| stream["stream"] == labels
        && stream["values"].as_array().is_some_and(|it| it.len() <= 7)));
    assert_eq!(values[0][0].as_str().map(str::len), Some(19), "nanoseconds");

    let lines = receiver.posts("/lines");
    assert_eq!(
        (lines.len(), count(&lines, "\n")),
        (1, ALL),
        "all in one, at the end"
    );
    assert_eq!(lines[0].fields["content-type"], "application/x-ndjson");
    let otlp = receiver.posts("/v1/logs");
    assert_eq!(count(&otlp, "http.response.status_code"), ALL);
    let stream = events(&aws, "us-east-1/a").await;
    assert_eq!(stream.len(), ALL);
    assert!(stream.is_sorted_by_key(|event| event["timestamp"].as_u64()));
    let records = kafka.records("edge");
    assert_eq!(records.len(), ALL);

    // The fifth part of a key is its secret's check, the fourth the secret.
    let key_secret = key.split('_').nth(3).expect("a key has five parts");
    let mut all = [hourly, apache, syslog.lines()].concat();
    all.extend(stream.iter().chain(&records).map(ToString::to_string));
    for post in [datadog, loki, lines, otlp].concat() {
        all.push(String::from_utf8_lossy(&post.body).into_owned());
    }
    for text in all {
        for word in [SESAME, key_secret, "datadogs-word"] {
            assert!(!text.contains(word), "{word} in {text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_swaps_destinations_and_loses_no_line() {
    let service = Service::start(Behaviour::Good).await;
    let folder = tempfile::tempdir().expect("a folder");
    let receiver = Receiver::start(Takes::All).await;
    let to = |first: &str| {
        format!(
            "logs:\n  first: {{ to: {first} }}\n  kept: {{ to: {{ file: {{ path: {0}/kept }} }} }}\n",
            folder.path().display()
        )
    };
    let file = |name: &str| format!("{{ file: {{ path: {}/{name} }} }}", folder.path().display());
    let http = format!("{{ http: {{ url: 'http://{}/lines' }} }}", receiver.addr);
    let mut text = WorldText::one_node(WORLD, &[service.addr]);
    text.regions[0].more = to(&file("old"));
    let node = Node::start(text, &[]).await;
    let key = node.key("acme");
    let mut changed = node.text.clone();
    let swap = async {
        for (first, good) in [(file("no/such/folder"), false), (http, true)] {
            tokio::time::sleep(Duration::from_millis(100)).await;
            changed.regions[0].more = to(&first);
            changed.write(&node.regions());
            let mut admin = Client::new(node.admin());
            let answer = admin.send("POST", "/config/reload", &[], bytes::Bytes::new());
            let answer = answer.await.expect("an answer");
            assert_eq!(answer.status == 200, good, "{}", answer.body);
        }
    };
    tokio::join!(load(&node, &key), swap);
    load(&node, &key).await;
    let both = || {
        let old = texts(folder.path(), "old").len();
        (old, count(&receiver.posts("/lines"), "\n"))
    };
    until("each request is a line of one of them", async || {
        both().0 + both().1 == 2 * ALL
    })
    .await;
    // A core goes on with what it holds for a moment.
    assert!(both().0 > 0 && both().1 > ALL / 2, "{:?}", both());
    until("the others went on", async || {
        texts(folder.path(), "kept").len() == 2 * ALL && node.access_log().len() == 2 * ALL
    })
    .await;
}
