//! Two nodes on loopback, with real certificates.

use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tidegate_mesh::{Inbox, Links, Mesh, MeshSpec, PeerTls, Rule, init_certs};
use tidegate_model::{NodeId, Wall};
use tidegate_telemetry::Metrics;
use tokio::sync::mpsc;
use tokio::time::Instant;

type Heard = mpsc::Receiver<(NodeId, Bytes, Duration)>;

fn now() -> Wall {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    Wall::from_unix_secs(since.as_secs())
}

fn free_addr() -> SocketAddr {
    UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
}

fn start(
    folder: &Path,
    node: &str,
    addr: SocketAddr,
    links: Option<Arc<Links>>,
) -> (Arc<Mesh>, Heard) {
    let (sender, receiver) = mpsc::channel(64);
    let inbox: Inbox =
        Arc::new(move |from, bytes, age| sender.try_send((from, bytes, age)).is_ok());
    let tls = PeerTls::load(folder, &node.parse().unwrap()).unwrap();
    let metrics = Arc::new(Metrics::new(1, &["other"]));
    (
        Mesh::start(MeshSpec { addr, tls, links }, metrics, inbox).unwrap(),
        receiver,
    )
}

async fn next(heard: &mut Heard) -> Option<(NodeId, Bytes, Duration)> {
    tokio::time::timeout(Duration::from_secs(5), heard.recv())
        .await
        .ok()?
}

#[tokio::test]
async fn messages_arrive_with_the_proven_name_of_their_sender() {
    let folder = tempfile::tempdir().unwrap();
    let nodes: Vec<NodeId> = ["us/a", "eu/a"]
        .iter()
        .map(|n| n.parse().unwrap())
        .collect();
    let issued = init_certs(folder.path(), &nodes, &[], now()).unwrap();
    assert_eq!(issued.made.len(), 6);
    assert_eq!(
        init_certs(folder.path(), &nodes, &[], now()).unwrap().kept,
        3,
        "a second call changes nothing"
    );
    let (a_addr, b_addr) = (free_addr(), free_addr());
    let (a, _) = start(folder.path(), "us/a", a_addr, None);
    let (_b, mut at_b) = start(folder.path(), "eu/a", b_addr, None);
    let to: NodeId = "eu/a".parse().unwrap();
    a.send(to.clone(), b_addr, Bytes::from_static(b"short"), false);
    let (from, bytes, _) = next(&mut at_b).await.unwrap();
    assert_eq!(
        (from.to_string().as_str(), &bytes[..]),
        ("us/a", &b"short"[..])
    );
    let long = Bytes::from(vec![7; 1 << 20]);
    a.send(to, b_addr, long.clone(), true);
    assert_eq!(next(&mut at_b).await.unwrap().1, long);
}

#[tokio::test]
async fn a_peer_that_was_started_again_is_heard_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let nodes: Vec<NodeId> = ["us/a", "eu/a"]
        .iter()
        .map(|n| n.parse().unwrap())
        .collect();
    init_certs(folder.path(), &nodes, &[], now()).unwrap();
    let (a_addr, b_addr) = (free_addr(), free_addr());
    let (a, _) = start(folder.path(), "us/a", a_addr, None);
    let to: NodeId = "eu/a".parse().unwrap();
    // A runtime that is dropped says no goodbye, like a process that is killed.
    let first_life = tokio::runtime::Runtime::new().unwrap();
    let (b, mut at_b) = {
        let _within = first_life.enter();
        start(folder.path(), "eu/a", b_addr, None)
    };
    a.send(to.clone(), b_addr, Bytes::from_static(b"once"), false);
    assert!(next(&mut at_b).await.is_some());
    first_life.shutdown_background();
    drop((b, at_b));

    let started = Instant::now();
    let (_b, mut at_b) = loop {
        // Until the address is free.
        let started_again = std::panic::catch_unwind(|| start(folder.path(), "eu/a", b_addr, None));
        if let Ok(started_again) = started_again {
            break started_again;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    while at_b.try_recv().is_err() {
        assert!(started.elapsed() < Duration::from_secs(5), "not heard");
        a.send(to.clone(), b_addr, Bytes::from_static(b"again"), false);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn another_clusters_certificate_opens_nothing() {
    let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let node: NodeId = "us/a".parse().unwrap();
    let other: NodeId = "eu/a".parse().unwrap();
    init_certs(ours.path(), std::slice::from_ref(&other), &[], now()).unwrap();
    init_certs(theirs.path(), std::slice::from_ref(&node), &[], now()).unwrap();
    let b_addr = free_addr();
    let (a, _) = start(theirs.path(), "us/a", free_addr(), None);
    let (_b, mut at_b) = start(ours.path(), "eu/a", b_addr, None);
    a.send(other, b_addr, Bytes::from_static(b"let me in"), true);
    assert!(
        tokio::time::timeout(Duration::from_secs(1), at_b.recv())
            .await
            .is_err()
    );
    let error = PeerTls::load(ours.path(), &node).unwrap_err().to_string();
    assert!(error.contains("us.a.pem"), "{error}");
}

#[tokio::test]
async fn distance_takes_its_time_and_a_cut_lets_nothing_through() {
    let folder = tempfile::tempdir().unwrap();
    let nodes: Vec<NodeId> = ["us/a", "eu/a"]
        .iter()
        .map(|n| n.parse().unwrap())
        .collect();
    init_certs(folder.path(), &nodes, &[], now()).unwrap();
    let rule = |one_way_ms, cut| Rule {
        one_way: Duration::from_millis(one_way_ms),
        cut,
    };
    let (to_eu, to_us) = (Arc::new(Links::default()), Arc::new(Links::default()));
    to_eu.set("eu".parse().unwrap(), rule(60, false));
    to_us.set("us".parse().unwrap(), rule(60, false));
    let b_addr = free_addr();
    let (a, _) = start(folder.path(), "us/a", free_addr(), Some(Arc::clone(&to_eu)));
    let (_b, mut at_b) = start(folder.path(), "eu/a", b_addr, Some(to_us));
    let to = &nodes[1];
    a.send(to.clone(), b_addr, Bytes::from_static(b"hello"), false);
    next(&mut at_b).await.unwrap();
    let begun = Instant::now();
    a.send(to.clone(), b_addr, Bytes::from_static(b"again"), false);
    let (_, _, age) = next(&mut at_b).await.unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(60));
    assert!(
        (25..120).contains(&age.as_millis()),
        "half of a round trip, at a guess: {age:?}"
    );
    to_eu.set("eu".parse().unwrap(), rule(60, true));
    a.send(to.clone(), b_addr, Bytes::from_static(b"lost"), false);
    assert!(
        tokio::time::timeout(Duration::from_millis(400), at_b.recv())
            .await
            .is_err()
    );
    to_eu.set("eu".parse().unwrap(), rule(0, false));
    a.send(to.clone(), b_addr, Bytes::from_static(b"back"), false);
    assert_eq!(&next(&mut at_b).await.unwrap().1[..], b"back");
}
