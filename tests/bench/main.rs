//! CPU per request of one node with key, limit and access log, beside nginx that does nothing but
//! `proxy_pass`: `cargo xtask bench`.
//!
//! Both proxies serve from one core, the same service stands behind both, and load and service have
//! the other core. They take turns, so that whatever else the machine does hits both, and ratios
//! are taken turn by turn. CPU time is what the system counts for the process, user and system.

mod peer;
mod table;
mod wrk;

use std::net::SocketAddr;

use harness::{Node, Ports, WorldText};

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
    let text = WorldText::one_node(WORLD, &[service.addr]);
    let node = Node::start(text, &["--workers", "1"]).await;
    Pin::Proxy.hold(node.pid());
    let key = format!("x-api-key: {}", node.key("bench"));

    let url = |addr: SocketAddr, path: &str| format!("http://{addr}{path}");
    let mut rows = [
        Row::new(
            "nginx, one worker: `proxy_pass`, no log, nothing else",
            Target::new(url(bare.addr, "/"), None, bare.pid()),
        ),
        Row::new(
            "tidegate, one core: access log, no key, no limit",
            Target::new(url(node.door(), "/open/x"), None, node.pid()),
        ),
        Row::new(
            "tidegate, one core: API key, world-wide limit, access log",
            Target::new(url(node.door(), "/guarded/x"), Some(key), node.pid()),
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
