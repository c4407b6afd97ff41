//! Limits that are counted in a Redis, from the outside: one server, a cluster, and neither.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use harness::{Behaviour, Client, Load, Node, Ports, Service, World, WorldText, report};

/// A server that is gone when this is.
struct Redis {
    child: Child,
    addr: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Redis {
    fn start(addr: SocketAddr, more: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let child = Command::new("redis-server")
            .args([
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--port",
                &addr.port().to_string(),
            ])
            .args(more)
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed (`cargo xtask test` does that)");
        Self {
            child,
            addr,
            _folder: folder,
        }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // SIGKILL.
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// What `redis-cli` answers.
fn cli(addr: SocketAddr, args: &[&str]) -> String {
    let port = addr.port().to_string();
    let said = Command::new("redis-cli")
        .args(["-p", &port])
        .args(args)
        .output();
    let said = said.expect("redis-cli is installed with redis-server");
    String::from_utf8_lossy(&said.stdout).into_owned()
}

/// Tries until `wanted`, at most ten seconds.
async fn until(what: &str, mut wanted: impl FnMut() -> bool) {
    let began = Instant::now();
    while !wanted() {
        assert!(began.elapsed() < Duration::from_secs(10), "never: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn world(redis: &str) -> String {
    format!(
        "\
upstreams:
  echo: {{ health: {{ interval: 200ms, timeout: 1s }} }}
redis: {redis}
limits:
  shared: {{ amount: 20, window: 1d, algorithm: fixed, per: all, store: redis }}
  wide: {{ amount: 100000000, window: 1m, per: all, store: redis }}
  other: {{ amount: 1000000, window: 1m, per: all, store: redis }}
  narrow: {{ amount: 5, window: 1d, algorithm: fixed, per: all }}
  open: {{ amount: 2, window: 1d, algorithm: fixed, per: all, store: redis, on_store_down: open }}
  closed: {{ amount: 2, window: 1d, algorithm: fixed, per: all, store: redis, on_store_down: closed }}
  tokens: {{ amount: 20, window: 1d, algorithm: fixed, per: all, store: redis, cost: {{ response_header: x-tokens, max: 50 }} }}
routes:
  shared: {{ path: /shared, upstream: echo, auth: none, limits: [shared, wide] }}
  wide: {{ path: /wide, upstream: echo, auth: none, limits: [wide, other] }}
  api: {{ path: /api/*, upstream: echo, auth: none, limits: [wide, other] }}
  narrow: {{ path: /narrow, upstream: echo, auth: none, limits: [other, narrow] }}
  open: {{ path: /open, upstream: echo, auth: none, limits: [open] }}
  closed: {{ path: /closed, upstream: echo, auth: none, limits: [closed] }}
  tokens: {{ path: /tokens, upstream: echo, auth: none, limits: [tokens] }}
"
    )
}

async fn node(redis: &str) -> Node {
    let service = Service::start(Behaviour::Costs).await;
    let mut text = WorldText::one_node(&world(redis), &[service.addr]);
    text.regions[0].door = "{ debug: true }".to_owned();
    Node::start(text, &[]).await
}

async fn admitted(node: &Node, path: &str, n: usize) -> usize {
    let mut client = Client::new(node.door());
    let mut admitted = 0;
    for _ in 0..n {
        let status = client.get(path, &[]).await.expect("an answer").status;
        assert!([200, 429].contains(&status), "{status}");
        admitted += usize::from(status == 200);
    }
    admitted
}

async fn decided_by(node: &Node) -> String {
    let answer = Client::new(node.door()).get("/wide", &[]).await;
    let answer = answer.expect("an answer");
    let field = &answer.headers["tidegate-limits"];
    let (_, store) = field
        .split_once("store=")
        .expect("a route with limits in Redis");
    store.to_owned()
}

async fn waits_for(node: &Node, store: &str) -> Duration {
    let began = Instant::now();
    while decided_by(node).await != store {
        assert!(
            began.elapsed() < Duration::from_secs(10),
            "never {store}: {}",
            node.said()
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    began.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn three_regions_at_once_admit_exactly_the_amount() {
    let redis = Redis::start(free_addr(), &[]);
    let spec = format!("{{ nodes: [{}], command_timeout: 300ms }}", redis.addr);
    let mut text = WorldText::three_regions(1, &world(&spec));
    for region in &mut text.regions {
        region.door = "{ debug: true }".to_owned();
    }
    let world = World::start(text, &[]).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let mut asks = Vec::new();
    for at in 0..120 {
        let doors = world.doors();
        let door = doors[at % doors.len()];
        asks.push(tokio::spawn(async move {
            let answer = Client::new(door)
                .get("/shared", &[])
                .await
                .expect("an answer");
            (answer.status, answer.headers["tidegate-limits"].clone())
        }));
    }
    let mut admitted = 0;
    for ask in asks {
        let (status, field) = ask.await.expect("a client does not panic");
        assert!(field.ends_with("store=redis"), "{field}");
        admitted += usize::from(status == 200);
    }
    assert_eq!(
        admitted, 20,
        "not one more, though no region heard of the others in time"
    );
    let keys = cli(redis.addr, &["--scan", "--pattern", "tidegate:*"]);
    assert!(keys.lines().count() >= 2, "{keys}");
    let top = world.tidegate(&["limits", "top", "--once"]);
    assert!(top.out.contains("shared"), "{} {}", top.out, top.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_in_redis_and_in_the_mesh_decide_together() {
    let redis = Redis::start(free_addr(), &[]);
    let node = node(&format!(
        "{{ nodes: [{}], command_timeout: 300ms }}",
        redis.addr
    ))
    .await;
    waits_for(&node, "redis").await;
    assert_eq!(admitted(&node, "/shared", 30).await, 20);
    assert_eq!(admitted(&node, "/narrow", 10).await, 5);
    // Seven each: two leave six of twenty, the third is let in for one.
    let mut tokens = 0;
    for _ in 0..10 {
        tokens += admitted(&node, "/tokens", 1).await;
        // The rest of the cost is told to Redis in the background.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(tokens, 3);
    // Redis forgets, and then so does the limit: the count is there, and nowhere else.
    cli(redis.addr, &["FLUSHALL"]);
    assert_eq!(admitted(&node, "/shared", 30).await, 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_is_killed_under_load_costs_no_request() {
    let addr = free_addr();
    let redis = Redis::start(addr, &[]);
    let node = node(&format!("{{ nodes: [{addr}] }}")).await;
    waits_for(&node, "redis").await;
    assert_eq!(admitted(&node, "/shared", 12).await, 12);
    let load = Load {
        doors: vec![node.door()],
        key: String::new(),
        per_second: 200.0,
        until: Instant::now() + Duration::from_secs(4),
    };
    let load = tokio::spawn(load.run());
    tokio::time::sleep(Duration::from_secs(1)).await;
    drop(redis);
    let took = waits_for(&node, "mesh").await;
    report(&format!(
        "a killed Redis was left after {} ms",
        took.as_millis()
    ));
    assert!(took < Duration::from_secs(1), "{took:?}");
    // The mesh knows what Redis had admitted.
    assert_eq!(admitted(&node, "/shared", 30).await, 8);
    assert_eq!(admitted(&node, "/open", 10).await, 10);
    assert_eq!(admitted(&node, "/closed", 3).await, 0);
    let tally = load.await.expect("the load does not panic");
    assert_eq!(tally.others(&[200]), 0, "{tally:?}");
    assert!(
        node.metric("tidegate_limit_unstored_total", &["wide"])
            .await
            > 0.0
    );
    let _again = Redis::start(addr, &[]);
    waits_for(&node, "redis").await;
    assert_eq!(
        admitted(&node, "/closed", 3).await,
        2,
        "Redis decides again"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_of_three_counts_and_may_die() {
    let more = ["--cluster-enabled", "yes", "--cluster-node-timeout", "500"];
    let nodes: Vec<Redis> = (0..3).map(|_| Redis::start(free_addr(), &more)).collect();
    let addrs: Vec<SocketAddr> = nodes.iter().map(|node| node.addr).collect();
    until("servers", || {
        addrs
            .iter()
            .all(|addr| cli(*addr, &["PING"]).contains("PONG"))
    })
    .await;
    let mut create = vec!["--cluster".to_owned(), "create".to_owned()];
    create.extend(addrs.iter().map(ToString::to_string));
    create.push("--cluster-yes".to_owned());
    let create: Vec<&str> = create.iter().map(String::as_str).collect();
    cli(addrs[0], &create);
    let well = |addr: &SocketAddr| cli(*addr, &["CLUSTER", "INFO"]).contains("cluster_state:ok");
    until("a cluster", || addrs.iter().all(well)).await;
    let node = node(&format!(
        "{{ nodes: [{}], cluster: true, command_timeout: 300ms }}",
        addrs[0]
    ))
    .await;
    waits_for(&node, "redis").await;
    assert_eq!(
        admitted(&node, "/shared", 30).await,
        20,
        "two keys on two nodes"
    );
    assert_eq!(admitted(&node, "/narrow", 10).await, 5);
    drop(nodes);
    let took = waits_for(&node, "mesh").await;
    report(&format!(
        "a killed cluster was left after {} ms",
        took.as_millis()
    ));
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert_eq!(
        admitted(&node, "/shared", 5).await,
        0,
        "the mesh knows that it is full"
    );
}

/// A free address. A node of a cluster also listens ten thousand above its port.
fn free_addr() -> SocketAddr {
    let mut ports = Ports::default();
    loop {
        let addr = ports.take();
        if addr.port() < 55_000 {
            return addr;
        }
    }
}
