//! A node asks its own doors.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use harness::{Behaviour, Node, Service, WorldText, tidegate};

use crate::WORLD;

#[tokio::test(flavor = "multi_thread")]
async fn a_door_that_turns_clients_away_makes_its_node_ill_and_nobody_else_sees_the_question() {
    let service = Service::start(Behaviour::Good).await;
    let mut text = WorldText::one_node(WORLD, &[service.addr]);
    text.regions[0].door = "{ connections_max: 4 }".to_owned();
    let node = Node::start(text, &[]).await;
    let admin = node.admin().to_string();
    let explained = async |part: &str| {
        let begun = Instant::now();
        loop {
            let told = tidegate(&["steer", "explain", "--admin", &admin]).out;
            if told.contains(part) {
                return told;
            }
            assert!(
                begun.elapsed() < Duration::from_secs(15),
                "no `{part}`: {told}"
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let well = explained("is announced").await;
    assert!(!well.contains("failed"), "{well}");

    // Whoever is in stays in, and nobody else comes in.
    let mut guests: Vec<TcpStream> = Vec::new();
    for _ in 0..4 {
        guests.push(TcpStream::connect(node.door()).expect("a connection"));
    }
    explained("the door `public` turns clients away").await;
    drop(guests);
    let begun = Instant::now();
    while explained("is announced").await.contains("failed") {
        assert!(begun.elapsed() < Duration::from_secs(15));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }

    assert!(node.metric("tidegate_connections_total", &["public"]).await > 4.5);
    assert!(
        node.metric("tidegate_requests_total", &[]).await < 0.5,
        "it counts clients"
    );
    assert!(node.access_log().is_empty(), "it tells of clients");
}
