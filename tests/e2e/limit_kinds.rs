//! What limits count by, and limits that only watch.

use harness::{Behaviour, Client, Node, Service, WorldText};

const WORLD: &str = "\
upstreams:
  echo: { health: { interval: 200ms, timeout: 1s } }
limits:
  by-tenant-and-method: { amount: 3, window: 1h, per: [{ header: x-tenant }, method] }
  watched: { amount: 2, window: 1h, per: all, shadow: true }
  slow: { amount: 2, window: 10m, per: { cookie: sid }, scope: node }
routes:
  tenants: { path: /tenants/*, upstream: echo, auth: none, limits: [by-tenant-and-method] }
  watched: { path: /watched/*, upstream: echo, auth: none, limits: [watched] }
  sessions: { path: /sessions/*, upstream: echo, auth: none, limits: [slow, watched] }
";

/// How many of `n` requests are answered with 200; the rest must be refused by a limit.
async fn admitted(
    client: &mut Client,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    n: usize,
) -> usize {
    let mut admitted = 0;
    for _ in 0..n {
        let answer = client
            .send(method, path, headers, bytes::Bytes::new())
            .await;
        let answer = answer.expect("an answer");
        assert!(matches!(answer.status, 200 | 429), "{}", answer.status);
        admitted += usize::from(answer.status == 200);
    }
    admitted
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_count_together_that_agree_in_all_dimensions() {
    let service = Service::start(Behaviour::Good).await;
    let node = Node::start(WorldText::one_node(WORLD, &[service.addr]), &[]).await;
    let mut client = Client::new(node.door());
    for (method, tenant) in [("GET", "a"), ("GET", "b"), ("DELETE", "a")] {
        let tenant = [("x-tenant", tenant)];
        let passed = admitted(&mut client, method, "/tenants/x", &tenant, 5).await;
        assert_eq!(passed, 3, "{method} {tenant:?}");
    }
    let passed = admitted(&mut client, "GET", "/tenants/x", &[("x-tenant", "a")], 2).await;
    assert_eq!(passed, 0, "spent already");
    for (cookie, passes) in [("sid=1", 2), ("sid=2", 2), ("a=b; sid=1", 0)] {
        let cookie = [("cookie", cookie)];
        let passed = admitted(&mut client, "GET", "/sessions/x", &cookie, 3).await;
        assert_eq!(passed, passes, "{cookie:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_in_shadow_mode_is_seen_by_operators_alone() {
    let service = Service::start(Behaviour::Good).await;
    let node = Node::start(WorldText::one_node(WORLD, &[service.addr]), &[]).await;
    let mut client = Client::new(node.door());
    for _ in 0..5 {
        let answer = client.get("/watched/x", &[]).await.expect("an answer");
        assert_eq!(answer.status, 200);
        let told = answer
            .headers
            .keys()
            .any(|name| name.starts_with("ratelimit"));
        assert!(!told, "{:?}", answer.headers);
    }
    let count = async |name| node.metric(name, &["watched"]).await;
    assert_eq!(count("tidegate_limit_shadowed_total").await, 3.0);
    assert_eq!(count("tidegate_limit_admitted_total").await, 2.0);
    assert_eq!(count("tidegate_limit_refused_total").await, 0.0);
    // Lines are written at the latest after a quarter of a second.
    tokio::time::sleep(std::time::Duration::from_millis(800)).await;
    let log = node.access_log();
    let named = log.iter().filter(|line| line["shadow"] == "watched");
    assert_eq!(named.count(), 3);
}
