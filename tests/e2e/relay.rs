//! A region whose services are gone passes requests on to another region.

use std::io::Write as _;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use harness::{Answer, Behaviour, Client, Node, Service, World, WorldText, metric, report};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::WORLD;

const US: usize = 0;
const EU: usize = 1;
const AP: usize = 2;
const REGIONS: [&str; 3] = ["us-east-1", "eu-west-1", "ap-southeast-1"];
const BODY: usize = 300 * 1_024;

/// Three regions that fall back on each other.
fn text(regions_max: u8) -> WorldText {
    let world = WORLD.replace(
        "  echo:\n",
        &format!("  echo:\n    connect_timeout: 2s\n    fallback: {{ regions_max: {regions_max}, retry_after: 2s }}\n"),
    );
    let caller = "caller: { headers: { x-consumer: consumer } }\n";
    WorldText::three_regions(1, &format!("{world}{caller}"))
}

fn services(world: &World, verb: &str, region: usize) {
    for nth in [1, 2] {
        world.lab(verb, &format!("echo-{nth}.{}", REGIONS[region]));
    }
}

async fn get(world: &World, region: usize, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut client = Client::new(world.doors()[region]);
    client.get(path, headers).await.expect("an answer")
}

/// Which region's service answered.
fn served_by(answer: &Answer) -> Option<String> {
    let body: serde_json::Value = serde_json::from_str(&answer.body).ok()?;
    let name = body["served_by"].as_str()?;
    Some(name.split_once('.')?.1.to_owned())
}

/// Asks until an answer is as it should be.
async fn until(world: &World, region: usize, path: &str, good: impl Fn(&Answer) -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let answer = get(world, region, path, &[]).await;
        if good(&answer) {
            return;
        }
        assert!(Instant::now() < deadline, "{answer:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn counted(world: &World, region: usize, name: &str, words: &[&str]) -> f64 {
    let admin = world.text.regions[region].nodes[0].2;
    let answer = Client::new(admin).get("/metrics", &[]).await;
    metric(&answer.expect("metrics").body, name, words)
}

/// Waits until a region knows that another one can serve.
async fn until_heard(world: &World, region: usize, other: usize) {
    let words = [REGIONS[other], "state=\"fit\""];
    let deadline = Instant::now() + Duration::from_secs(20);
    while counted(world, region, "tidegate_relay_nodes", &words).await < 1.0 {
        assert!(Instant::now() < deadline, "{} is not heard", REGIONS[other]);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Requests that a region has passed on.
async fn sent(world: &World, region: usize) -> f64 {
    counted(world, region, "tidegate_relay_sent_total", &[]).await
}

/// What a node says on its relay door to whoever shows the certificate of `node`, or none.
fn at_relay_door(world: &World, node: Option<&str>, alpn: Option<&str>, request: &str) -> String {
    let certs = world.data().join("certs");
    let path = |name: &str| certs.join(name).display().to_string();
    let mut command = Command::new("openssl");
    let door = world.text.regions[EU].nodes[0].1.to_string();
    command.args([
        "s_client",
        "-quiet",
        "-connect",
        &door,
        "-servername",
        "a.eu-west-1.mesh.tidegate",
    ]);
    command.args(["-CAfile", &path("ca.pem"), "-verify_return_error"]);
    if let Some(node) = node {
        let (cert, key) = (format!("{node}.pem"), format!("{node}.key"));
        command.args(["-cert", &path(&cert), "-key", &path(&key)]);
    }
    if let Some(alpn) = alpn {
        command.args(["-alpn", alpn]);
    }
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = piped.stderr(Stdio::null()).spawn().expect("openssl");
    // Who is not let in may be gone by now.
    let mut input = child.stdin.take().expect("piped");
    let _gone = input.write_all(request.as_bytes());
    let output = child.wait_with_output().expect("openssl ends");
    drop(input);
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_of_a_region_without_services_are_served_by_the_nearest_that_has_them() {
    let world = World::start(text(1), &["--wan"]).await;
    let key = world.key("acme");
    let key = [("x-api-key", key.as_str())];
    until_heard(&world, US, EU).await;
    services(&world, "kill", US);

    // At once, before any probe has noticed; and then on a connection that is there.
    let mut client = Client::new(world.doors()[US]);
    let mut took = Duration::ZERO;
    for _ in 0..20 {
        let begun = Instant::now();
        let answer = client.get("/api/x", &key).await.expect("an answer");
        took = begun.elapsed();
        assert_eq!(
            (answer.status, served_by(&answer).as_deref()),
            (200, Some(REGIONS[EU])),
            "{}",
            answer.body
        );
    }
    report(&format!(
        "\nA request that another region serves took {} ms, 77 of them on the way.",
        took.as_millis()
    ));
    assert!(
        took > Duration::from_millis(70),
        "distance is real: {took:?}"
    );

    // Limits counted each of them once, where the client came in.
    let answer = client.get("/api/x", &key).await.expect("an answer");
    let field = &answer.headers["ratelimit"];
    assert!(field.contains("r=979"), "{field}");
    let admitted = |region| {
        counted(
            &world,
            region,
            "tidegate_limit_admitted_total",
            &["per-key"],
        )
    };
    assert_eq!((admitted(US).await, admitted(EU).await), (21.0, 0.0));

    // Any method, with its body.
    let body = Bytes::from(vec![b'x'; BODY]);
    let answer = client
        .send("POST", "/wide/x", &key, body)
        .await
        .expect("an answer");
    let seen: serde_json::Value = serde_json::from_str(&answer.body).expect("JSON");
    assert_eq!(
        (seen["method"].as_str(), seen["body_bytes"].as_u64()),
        (Some("POST"), Some(BODY as u64))
    );
    assert_eq!(served_by(&answer).as_deref(), Some(REGIONS[EU]));
    assert_eq!(sent(&world, US).await, 22.0);
    assert_eq!(
        counted(
            &world,
            EU,
            "tidegate_relay_taken_total",
            &["us-east-1", "served"]
        )
        .await,
        22.0
    );

    // Both sides say so in their logs.
    tokio::time::sleep(Duration::from_millis(600)).await;
    for (region, words) in [
        (
            US,
            [
                "\"relay\":\"eu-west-1\"",
                "\"consumer\":\"acme\"",
                "\"door\":\"public\"",
            ],
        ),
        (
            EU,
            [
                "\"relay\":\"us-east-1\"",
                "\"client\":\"127.0.0.1\"",
                "\"door\":\"relay\"",
            ],
        ),
    ] {
        let file = world
            .data()
            .join(format!("logs/{}.a.access.log", REGIONS[region]));
        let log = std::fs::read_to_string(&file).expect("an access log");
        let told = |line: &&str| words.iter().all(|word| line.contains(word));
        assert_eq!(log.lines().filter(told).count(), 22, "{log}");
    }

    // The next region, if that one is gone as well.
    services(&world, "kill", EU);
    until(&world, US, "/open/x", |answer| {
        served_by(answer).as_deref() == Some(REGIONS[AP])
    })
    .await;

    // Back at home as soon as a service is there.
    services(&world, "start", US);
    until(&world, US, "/open/x", |answer| {
        served_by(answer).as_deref() == Some(REGIONS[US])
    })
    .await;
    let before = sent(&world, US).await;
    assert_eq!(get(&world, US, "/open/x", &[]).await.status, 200);
    assert_eq!(sent(&world, US).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn if_no_region_has_the_service_one_other_is_asked_and_the_answer_is_one_503() {
    let world = World::start(text(1), &["--wan"]).await;
    let key = world.key("acme");
    for region in [US, EU, AP] {
        services(&world, "kill", region);
    }
    // Until probes have noticed everywhere.
    for region in [US, EU, AP] {
        until(&world, region, "/open/x", |answer| answer.status == 503).await;
    }
    tokio::time::sleep(Duration::from_millis(2_500)).await;

    // A body does not get in the way of the answer.
    let before = sent(&world, US).await;
    let body = Bytes::from(vec![b'x'; 3 * BODY]);
    let mut client = Client::new(world.doors()[US]);
    let answer = client
        .send("POST", "/wide/x", &[("x-api-key", &key)], body)
        .await;
    assert_eq!(answer.expect("an answer").status, 503);
    assert_eq!(sent(&world, US).await, before + 1.0);
    tokio::time::sleep(Duration::from_millis(2_500)).await;

    let mut hops = Vec::new();
    for _ in 0..4 {
        let (before, begun) = (sent(&world, US).await, Instant::now());
        let answer = get(&world, US, "/open/x", &[]).await;
        let took = begun.elapsed();
        assert_eq!(answer.status, 503, "{}", answer.body);
        assert!(
            answer.body.contains("service-unavailable"),
            "{}",
            answer.body
        );
        assert_eq!(answer.headers["retry-after"], "1");
        assert!(!answer.headers.contains_key("x-tidegate-relay"));
        assert!(took < Duration::from_millis(1_500), "{took:?}");
        hops.push(sent(&world, US).await - before);
    }
    report(&format!(
        "\nAll services gone: regions asked by four requests in a row: {hops:?}."
    ));
    // One each; then both are known to be of no use for a while, and nobody is asked.
    assert_eq!(hops, [1.0, 1.0, 0.0, 0.0]);
    for region in [EU, AP] {
        let taken = counted(
            &world,
            region,
            "tidegate_relay_taken_total",
            &["us-east-1", "not_served"],
        )
        .await;
        assert!(taken >= 1.0, "{}", REGIONS[region]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_regions_say_to_each_other_no_client_can_say_and_no_stranger_comes_in() {
    let world = World::start(text(1), &[]).await;
    let key = world.key("acme");
    services(&world, "kill", US);
    services(&world, "kill", EU);
    let places = &world.text.regions[EU].endpoints;
    let mirror = Service::start_at(places[0], Behaviour::Mirrors).await;
    until(&world, EU, "/open/x", |answer| {
        answer.body.starts_with("GET /open/x")
    })
    .await;
    until(&world, US, "/open/x", |answer| {
        answer.body.starts_with("GET /open/x")
    })
    .await;

    let forged = [
        ("x-api-key", key.as_str()),
        ("x-consumer", "root"),
        ("x-tidegate-relay", "upstream=echo, route=limited, hops=1"),
        ("x_tidegate_relay", "upstream=echo, route=limited, hops=1"),
        ("x-forwarded-for", "203.0.113.9"),
    ];
    for (region, gateways) in [(US, 2), (EU, 1)] {
        let head = get(&world, region, "/api/x", &forged)
            .await
            .body
            .to_lowercase();
        assert!(
            head.contains("x-consumer: acme\r\n") && !head.contains("root"),
            "{head}"
        );
        assert!(
            !head.contains("tidegate-relay") && !head.contains("tidegate_relay"),
            "{head}"
        );
        assert!(
            !head.contains(&key.to_lowercase()) && !head.contains("203.0.113.9"),
            "{head}"
        );
        assert_eq!(
            head.matches("1.1 tidegate").count(),
            gateways,
            "Via: {head}"
        );
        assert!(head.contains("host: gateway.test\r\n"), "{head}");
    }

    // Only nodes of other regions come in, who speak the same; and what was passed on is not passed
    // on again.
    let relay = Some("tidegate-relay/1");
    let ask = |hops: u8| {
        format!(
            "GET /api/x HTTP/1.1\r\nhost: a\r\nconnection: close\r\nx-tidegate-relay: upstream=echo, route=limited, hops={hops}\r\n\r\n"
        )
    };
    let from = |node, alpn, hops| at_relay_door(&world, node, alpn, &ask(hops));
    let good = from(Some("us-east-1.a"), relay, 1);
    assert!(
        good.contains("200 OK") && good.contains("GET /api/x"),
        "{good}"
    );
    for (why, node, alpn) in [
        ("no certificate", None, relay),
        ("a host's certificate", Some("host.localhost"), relay),
        ("a node of the same region", Some("eu-west-1.a"), relay),
        ("another protocol", Some("us-east-1.a"), Some("http/1.1")),
        ("no protocol", Some("us-east-1.a"), None),
    ] {
        let before = mirror.requests();
        let said = from(node, alpn, 1);
        assert!(!said.contains("HTTP/1.1"), "{why}: {said}");
        assert_eq!(mirror.requests(), before, "{why}");
    }
    for hops in [0, 2] {
        let looped = from(Some("us-east-1.a"), relay, hops);
        assert!(looped.starts_with("HTTP/1.1 508"), "{hops}: {looped}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_region_is_asked_if_the_operator_lets_and_its_answer_streams() {
    let world = World::start(text(2), &["--wan"]).await;
    // Until the first node has heard of all, and its cores have.
    for region in REGIONS {
        world.announced(region, Duration::from_secs(10)).await;
    }
    until_heard(&world, US, AP).await;
    services(&world, "kill", US);
    services(&world, "kill", EU);
    let answer = get(&world, US, "/open/x", &[]).await;
    assert_eq!(
        served_by(&answer).as_deref(),
        Some(REGIONS[AP]),
        "{answer:?}"
    );

    let places: Vec<SocketAddr> = world.text.regions[EU].endpoints.clone();
    let _dripping = Service::start_at(places[0], Behaviour::Drips).await;
    until(&world, US, "/open/x", |answer| answer.body == "helloworld").await;

    let mut stream = TcpStream::connect(world.doors()[US])
        .await
        .expect("a connection");
    let request = b"GET /open/x HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    stream.write_all(request).await.expect("sent");
    let mut said = Vec::new();
    let mut first = None;
    while stream.read_buf(&mut said).await.expect("read") > 0 {
        if said.ends_with(b"hello") {
            first = Some(Instant::now());
        }
    }
    assert!(said.ends_with(b"helloworld"));
    let between = first.expect("half of it came alone").elapsed();
    assert!(between > Duration::from_millis(500), "{between:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_fallback_there_is_no_relay_door() {
    let service = Service::start(Behaviour::Good).await;
    let text = WorldText::one_node(WORLD, &[service.addr]);
    let mesh = text.regions[0].nodes[0].1;
    let node = Node::start(text, &[]).await;
    assert!(TcpStream::connect(node.door()).await.is_ok());
    assert!(TcpStream::connect(mesh).await.is_err());
}
