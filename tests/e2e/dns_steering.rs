//! Steering by names: nodes serve a zone, and its answers are regions that are announced.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use harness::{Ports, World, WorldText, report, tidegate, tool};

use crate::WORLD;

const ZONE: &str = "\
zone:
  name: edge.example.com
  servers: [ns1.example.com]
  contact: hostmaster.example.com
  ttl: 5s
  names: [\"@\", api]
  addresses:
    us-east-1: [203.0.113.1]
    eu-west-1: [203.0.113.2]
    ap-southeast-1: [203.0.113.3]
  near: { 10.9.0.0/16: ap-southeast-1 }
  answers_per_second: 20
";

fn has_dig() -> bool {
    let asked = std::process::Command::new("dig").arg("-v").output();
    if asked.is_err() {
        report("DNS steering: not run, it needs dig (bind9-dnsutils).");
    }
    asked.is_ok()
}

/// What `dig` says.
fn dig(server: SocketAddr, args: &[&str]) -> String {
    let (at, port) = (format!("@{}", server.ip()), server.port().to_string());
    let mut line = vec![
        at.as_str(),
        "-p",
        &port,
        "+norecurse",
        "+time=2",
        "+tries=1",
    ];
    line.extend(args);
    tool("dig", &line).out
}

fn short(server: SocketAddr, args: &[&str]) -> Vec<String> {
    let out = dig(server, &[args, &["+short"]].concat());
    out.lines().map(str::to_owned).collect()
}

fn until(server: SocketAddr, want: &str) -> Duration {
    answers(server, &["api.edge.example.com", "A"], want)
}

/// Asks until the answer is as wanted. Returns how long that took.
fn answers(server: SocketAddr, args: &[&str], want: &str) -> Duration {
    let begun = Instant::now();
    loop {
        let got = short(server, args);
        if got == [want] {
            return begun.elapsed();
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{want}: {got:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_lead_to_regions_that_are_announced_and_never_to_nothing() {
    if !has_dig() {
        return;
    }
    let mut ports = Ports::default();
    let server = ports.take();
    let mut text = WorldText::three_regions(1, &format!("{WORLD}{ZONE}"));
    drop(ports);
    text.dns = Some(server);
    let world = World::start(text, &[]).await;

    until(server, "203.0.113.1");
    let asked = dig(server, &["api.edge.example.com", "A"]);
    assert!(
        asked.contains("flags: qr aa;") && asked.contains("NOERROR"),
        "{asked}"
    );
    for (args, want) in [
        (&["edge.example.com", "A", "+tcp"][..], "203.0.113.1"),
        (
            &["edge.example.com", "A", "+subnet=10.9.1.0/24"],
            "203.0.113.3",
        ),
        (&["edge.example.com", "NS"], "ns1.example.com."),
    ] {
        // A node hears only in a moment that the others have announced themselves.
        answers(server, args, want);
    }
    assert!(dig(server, &["no.edge.example.com", "A"]).contains("NXDOMAIN"));
    assert!(dig(server, &["example.org", "A"]).contains("REFUSED"));

    let drain = |region: &str, more: &[&str]| {
        let drained = world.tidegate(&[&["drain", "--region", region], more].concat());
        assert_eq!(drained.code, 0, "{}", drained.err);
    };
    drain("us-east-1", &[]);
    let moved = until(server, "203.0.113.2");
    world.lab("kill", "eu-west-1");
    let failed_over = until(server, "203.0.113.3");
    drain("ap-southeast-1", &["--force"]);
    // Nobody is announced: the nearest is named all the same.
    until(server, "203.0.113.1");
    report(&format!(
        "DNS steering: answers follow a drain after {} ms and a killed region after {} ms.",
        moved.as_millis(),
        failed_over.as_millis()
    ));

    // A network that asks too much gets words that are no longer than its questions, or none.
    let flood = std::net::UdpSocket::bind("127.0.0.1:0").expect("a socket");
    flood
        .set_read_timeout(Some(Duration::from_millis(300)))
        .expect("a timeout");
    let mut question = b"\x12\x34\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00".to_vec();
    question.extend_from_slice(b"\x03api\x04edge\x07example\x03com\x00\x00\x01\x00\x01");
    for _ in 0..500 {
        flood.send_to(&question, server).expect("sent");
    }
    let (mut answers, mut slips, mut bytes) = (0, 0, 0);
    let mut buffer = [0; 2_048];
    while let Ok(n) = flood.recv(&mut buffer) {
        bytes += n;
        if buffer[2] & 0x02 != 0 {
            slips += 1;
            assert!(n <= question.len());
        } else {
            answers += 1;
        }
    }
    let sent = question.len() * 500;
    assert!(
        answers <= 80 && slips > 50,
        "{answers} answers, {slips} slips"
    );
    assert!(bytes < sent, "{bytes} bytes for {sent}");
    assert_eq!(
        short(server, &["edge.example.com", "A", "+tcp"]),
        ["203.0.113.1"],
        "TCP goes on"
    );
    report(&format!(
        "DNS steering: a flood of {sent} bytes from one network is answered with {bytes}."
    ));
}

#[test]
fn what_we_ship_for_dns_is_right() {
    let deploy = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/dns");
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (from, to) in [
        ("world.yaml", "world.yaml"),
        ("region.yaml", "us-east-1.yaml"),
    ] {
        std::fs::copy(deploy.join(from), folder.path().join(to)).expect("readable");
    }
    let region = folder.path().join("us-east-1.yaml").display().to_string();
    let checked = tidegate(&["check", &region]);
    assert_eq!(checked.code, 0, "{}{}", checked.out, checked.err);
    let text = std::fs::read_to_string(folder.path().join("world.yaml")).expect("readable");
    let wrong = text
        .replace("eu-west-1: [198", "eu-west-9: [198")
        .replace("name: edge", "name: -..edge");
    std::fs::write(folder.path().join("world.yaml"), wrong).expect("writable");
    let refused = tidegate(&["check", &region]);
    let said = refused.out + &refused.err;
    assert!(
        said.contains("eu-west-9") && said.contains("no name of DNS"),
        "{said}"
    );
}
