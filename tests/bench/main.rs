//! CPU per request of one node with key, limit and access log, and of such nodes with traces,
//! beside nginx that does nothing but `proxy_pass`: `cargo xtask bench`.
//!
//! Both proxies serve from one core, the same service stands behind both, and load and service have
//! the other core. They take turns, so that whatever else the machine does hits both, and ratios
//! are taken turn by turn. CPU time is what the system counts for the process, user and system.

mod peer;
mod table;
mod wrk;

use std::net::SocketAddr;

use harness::{Node, Ports, Receiver, Takes, WorldText};

use self::peer::{Nginx, Pin};
use self::table::Row;
use self::wrk::Target;

const WORLD: &str = "\
upstreams:
  echo: { health: { interval: 1s, timeout: 900ms } }
limits:
  per-key: { amount: 100000000, window: 1m }
routes:
  guarded: { path: /guarded/*, upstream: echo, limits: [per-key] }
  open: { path: /open/*, upstream: echo, auth: none }
";

/// Traces as they are if nothing more is written, and of every request.
const DEFAULT: &str = "";
const EVERY: &str = ", sample: { ratio: 1 }, per_second_max: 1000000, queue_max: 100000";

/// A node on the proxies' core; with `traces`, if there is something to say of them.
async fn node(service: SocketAddr, collector: SocketAddr, traces: Option<&str>) -> (Node, String) {
    let mut text = WorldText::one_node(WORLD, &[service]);
    if let Some(more) = traces {
        let to = format!("to: {{ otlp: {{ url: 'http://{collector}' }} }}");
        text.regions[0].more = format!("traces: {{ {to}{more} }}\n");
    }
    let node = Node::start(text, &["--workers", "1"]).await;
    Pin::Proxy.hold(node.pid());
    let key = format!("x-api-key: {}", node.key("bench"));
    (node, key)
}

#[tokio::main]
async fn main() {
    let mut args = std::env::args().skip(1);
    let mut number = |default: u32| args.next().and_then(|a| a.parse().ok()).unwrap_or(default);
    let (rounds, secs) = (number(5).max(1), number(6).max(1));

    let (for_service, for_bare) = {
        let mut ports = Ports::default();
        (ports.take(), ports.take())
    };
    let service = Nginx::service(for_service, Pin::Load);
    let bare = Nginx::proxy(for_bare, service.addr, Pin::Proxy);
    let collector = Receiver::start(Takes::All).await;
    let (plain, key) = node(service.addr, collector.addr, None).await;
    let (traced, traced_key) = node(service.addr, collector.addr, Some(DEFAULT)).await;
    let (all, all_key) = node(service.addr, collector.addr, Some(EVERY)).await;

    let url = |addr: SocketAddr, path: &str| format!("http://{addr}{path}");
    let mut rows = [
        Row::new(
            "nginx, one worker: `proxy_pass`, no log, nothing else",
            Target::new(url(bare.addr, "/"), None, bare.pid()),
        ),
        Row::new(
            "tidegate, one core: access log, no key, no limit",
            Target::new(url(plain.door(), "/open/x"), None, plain.pid()),
        ),
        Row::new(
            "tidegate, one core: API key, world-wide limit, access log",
            Target::new(url(plain.door(), "/guarded/x"), Some(key), plain.pid()),
        ),
        Row::new(
            "the same, traces as they are by default",
            Target::new(
                url(traced.door(), "/guarded/x"),
                Some(traced_key),
                traced.pid(),
            ),
        ),
        Row::new(
            "the same, all traces to a collector",
            Target::new(url(all.door(), "/guarded/x"), Some(all_key), all.pid()),
        ),
    ];
    for row in &rows {
        row.target.run(2);
    }
    for round in 1..=rounds {
        eprintln!("round {round} of {rounds}");
        for row in &mut rows {
            let turn = row.target.run(secs);
            row.turns.push(turn);
        }
    }
    println!("{}", table::render(&rows, rounds, secs));
}
