//! Buckets, quotas, requests under way, costs, delays and strict limits, from the outside.

use std::time::{Duration, Instant, SystemTime};

use harness::{Behaviour, Client, Load, Node, Service, Tally, World, WorldText, report};

const WORLD: &str = "\
upstreams:
  echo: { health: { interval: 200ms, timeout: 1s } }
limits:
  bucket: { amount: 1, window: 10m, algorithm: bucket, burst: 7, per: all }
  inside: { amount: 3, algorithm: concurrency, per: all }
  units: { amount: 100, window: 1h, per: all, cost: { header: x-units, max: 40 } }
  tokens: { amount: 20, window: 1h, per: all, cost: { response_header: x-tokens, max: 50 } }
  patient: { amount: 2, window: 1s, algorithm: bucket, per: all, enforce: { delay: { max: 3s, queue: 3 } } }
routes:
  bucket: { path: /bucket, upstream: echo, auth: none, limits: [bucket] }
  inside: { path: /inside, upstream: echo, auth: none, limits: [inside] }
  units: { path: /units, upstream: echo, auth: none, limits: [units] }
  tokens: { path: /tokens, upstream: echo, auth: none, limits: [tokens] }
  patient: { path: /patient, upstream: echo, auth: none, limits: [patient] }
";

async fn node(behaviour: Behaviour) -> Node {
    let service = Service::start(behaviour).await;
    let mut text = WorldText::one_node(WORLD, &[service.addr]);
    text.regions[0].door = "{ debug: true }".to_owned();
    Node::start(text, &[]).await
}

/// The statuses of `n` requests, one after the other.
async fn statuses(node: &Node, path: &str, headers: &[(&str, &str)], n: usize) -> Vec<u16> {
    let mut client = Client::new(node.door());
    let mut statuses = Vec::new();
    for _ in 0..n {
        let answer = client.get(path, headers).await.expect("an answer");
        statuses.push(answer.status);
    }
    statuses
}

/// How `n` requests at once ended, and what their `tidegate-limits` fields said.
async fn at_once(node: &Node, path: &'static str, n: usize) -> Vec<(u16, String)> {
    let door = node.door();
    let ask = move || async move {
        let answer = Client::new(door).get(path, &[]).await.expect("an answer");
        let field = answer.headers.get("tidegate-limits").expect("a debug door");
        (answer.status, field.clone())
    };
    let asks: Vec<_> = (0..n).map(|_| tokio::spawn(ask())).collect();
    let mut ended = Vec::new();
    for ask in asks {
        ended.push(ask.await.expect("a client does not panic"));
    }
    ended
}

fn count(statuses: &[u16], status: u16) -> usize {
    statuses.iter().filter(|s| **s == status).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_lets_its_burst_through_and_says_when_a_token_comes() {
    let node = node(Behaviour::Good).await;
    assert_eq!(count(&statuses(&node, "/bucket", &[], 20).await, 200), 7);
    let answer = Client::new(node.door())
        .get("/bucket", &[])
        .await
        .expect("an answer");
    let wait: u64 = answer.headers["retry-after"].parse().unwrap();
    assert!((590..=600).contains(&wait), "{wait}");
    assert_eq!(
        answer.headers["tidegate-limits"],
        "partition=none, waited=0"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_under_way_is_limited_and_free_when_it_is_over() {
    let node = node(Behaviour::Slow(400)).await;
    for _ in 0..2 {
        let ended = at_once(&node, "/inside", 8).await;
        let admitted = ended.iter().filter(|(status, _)| *status == 200).count();
        assert_eq!(admitted, 3, "{ended:?}");
    }
    // A client that leaves gives its place back, too.
    for _ in 0..6 {
        let left = harness::raw(
            node.door(),
            b"GET /inside HTTP/1.1\r\nhost: h\r\n\r\n",
            Duration::from_millis(30),
        );
        let _broken_off = left.await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(statuses(&node, "/inside", &[], 1).await, [200]);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_cost_what_headers_say() {
    let node = node(Behaviour::Costs).await;
    let asked = [("x-units", "30")];
    assert_eq!(count(&statuses(&node, "/units", &asked, 9).await, 200), 3);
    assert_eq!(
        count(&statuses(&node, "/units", &[], 15).await, 200),
        10,
        "one each"
    );
    // Seven each: after two, six of twenty are left, and the third is let in for one.
    assert_eq!(count(&statuses(&node, "/tokens", &[], 9).await, 200), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_wait_for_room_as_long_and_as_many_as_may() {
    let node = node(Behaviour::Good).await;
    let began = Instant::now();
    let ended = at_once(&node, "/patient", 8).await;
    let statuses: Vec<u16> = ended.iter().map(|(status, _)| *status).collect();
    assert_eq!(
        count(&statuses, 200),
        2 + 3,
        "two at once, three wait: {ended:?}"
    );
    assert!(
        began.elapsed() >= Duration::from_millis(1_400),
        "two a second"
    );
    assert_eq!(count(&statuses, 429), 3);
    assert_eq!(
        node.metric("tidegate_limit_queue_full_total", &["patient"])
            .await,
        3.0
    );
    assert_eq!(
        node.metric("tidegate_limit_delayed_total", &["patient"])
            .await,
        3.0
    );
    assert_eq!(
        node.metric("tidegate_limit_refused_total", &["patient"])
            .await,
        3.0
    );
    let waited = |(_, field): &&(u16, String)| !field.ends_with("waited=0");
    assert_eq!(ended.iter().filter(waited).count(), 3);
}

const GLOBAL: &str = "\
upstreams:
  echo: { health: { interval: 200ms, timeout: 1s } }
limits:
  strict: { amount: 600, window: 10s, algorithm: fixed, mode: strict }
  monthly: { amount: 50, window: month, algorithm: quota }
keys: { env: test }
routes:
  strict: { path: /api/*, upstream: echo, limits: [strict] }
  monthly: { path: /monthly, upstream: echo, limits: [monthly] }
";

const WINDOW: Duration = Duration::from_secs(10);

/// Ten times a strict limit for most of one window.
async fn one_window(world: &World, key: &str, doors: Vec<std::net::SocketAddr>) -> Tally {
    let since = SystemTime::UNIX_EPOCH
        .elapsed()
        .expect("a clock after 1970");
    let left = WINDOW - Duration::from_nanos((since.as_nanos() % WINDOW.as_nanos()) as u64);
    tokio::time::sleep(left + Duration::from_millis(20)).await;
    let load = Load {
        doors,
        key: key.to_owned(),
        per_second: 900.0,
        until: Instant::now() + WINDOW - Duration::from_millis(1_500),
    };
    let tally = load.run().await;
    assert_eq!(tally.others(&[200, 429]), 0, "{}", world.said());
    tally
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strict_limit_is_met_and_never_exceeded_wherever_its_customers_are() {
    let world = World::start(WorldText::three_regions(2, GLOBAL), &["--wan"]).await;
    let key = world.key("strict");
    let everywhere = one_window(&world, &key, world.doors()).await.count(200);
    let one_door = one_window(&world, &key, world.doors()[..1].to_vec())
        .await
        .count(200);
    world.lab("cut", "eu-west-1");
    let cut = one_window(&world, &key, world.doors()).await.count(200);
    report(&format!(
        "strict, 600 in 10 s: {everywhere} on six nodes, {one_door} on one, {cut} with a region cut off"
    ));
    for (admitted, least) in [(everywhere, 590), (one_door, 590), (cut, 590)] {
        assert!(
            (least..=600).contains(&admitted),
            "{everywhere} {one_door} {cut}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_outlives_the_restart_of_every_node_at_once() {
    let world = World::start(WorldText::three_regions(2, GLOBAL), &[]).await;
    let key = world.key("quota");
    let spend = async |n: usize| {
        let mut admitted = 0;
        for i in 0..n {
            let mut client = Client::new(world.doors()[i % 6]);
            let answer = client
                .get("/monthly", &[("x-api-key", &key)])
                .await
                .expect("an answer");
            assert!(matches!(answer.status, 200 | 429), "{}", answer.status);
            admitted += usize::from(answer.status == 200);
            // Slowly enough for all nodes to hear of it.
            tokio::time::sleep(Duration::from_millis(40)).await;
        }
        admitted
    };
    assert_eq!(spend(30).await, 30);
    // Within a fifth of a second, and some, it is on disk.
    tokio::time::sleep(Duration::from_millis(600)).await;
    let nodes: Vec<String> = ["us-east-1", "eu-west-1", "ap-southeast-1"]
        .iter()
        .flat_map(|region| ["a", "b"].map(|name| format!("{region}/{name}")))
        .collect();
    for node in &nodes {
        world.lab("kill", node);
    }
    for node in &nodes {
        world.lab("start", node);
    }
    for region in ["us-east-1", "eu-west-1", "ap-southeast-1"] {
        world.announced(region, Duration::from_secs(30)).await;
    }
    let after = spend(60).await;
    // Near the limit nodes predict each other, to a request or two.
    assert!((18..=21).contains(&after), "{after} after 30 of 50");
}
