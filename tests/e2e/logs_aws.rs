//! CloudWatch Logs reads what it is sent. Its API is a stand-in that checks each message against
//! Amazon's description of it, and each signature (`cloudwatch.py`).

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use harness::{Behaviour, Client, Node, Service, WorldText, venv};
use serde_json::{Value, json};

use crate::WORLD;

struct Api {
    addr: SocketAddr,
    child: Child,
}

impl Api {
    fn start() -> Self {
        let mut child = Command::new(venv("python3"))
            .args(["-c", include_str!("cloudwatch.py")])
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 starts");
        let mut said = BufReader::new(child.stdout.take().expect("piped")).lines();
        let port = said.next().expect("it starts (pip: botocore)");
        let port: u16 = port.expect("text").parse().expect("a port");
        Self {
            addr: SocketAddr::from(([127, 0, 0, 1], port)),
            child,
        }
    }

    async fn held(&self) -> Value {
        let answer = Client::new(self.addr).get("/", &[]).await;
        serde_json::from_str(&answer.expect("it lives").body).expect("JSON")
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        // It may have ended already.
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cloudwatch_takes_what_is_signed_and_sorted_and_group_and_stream_are_made() {
    let (service, api) = (Service::start(Behaviour::Good).await, Api::start());
    let mut text = WorldText::one_node(WORLD, &[service.addr]);
    text.regions[0].more = format!(
        "logs:\n  aws:\n    to: {{ cloudwatch: {{ group: /edge/access, create: true, region: eu-west-1, endpoint: 'http://{}' }} }}\n    batch: {{ lines_max: 100, age_max: 200ms }}\n",
        api.addr
    );
    let node = Node::start(text, &[]).await;
    let mut client = Client::new(node.door());
    for _ in 0..250 {
        let answer = client.get("/open/x", &[]).await.expect("an answer");
        assert_eq!(answer.status, 200);
    }
    let deadline = Instant::now() + Duration::from_secs(15);
    while api.held().await["events"] != 250 {
        let held = api.held().await;
        assert!(Instant::now() < deadline, "{held}: {}", node.said());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let held = api.held().await;
    assert_eq!(
        held["groups"],
        json!({ "/edge/access": { "us-east-1/a": {} } })
    );
    let refused = held["refused"].as_array().expect("a list");
    let throttled = |word: &&Value| **word == "ThrottlingException";
    assert_eq!(refused.iter().filter(throttled).count(), 1, "{held}");
    let dropped = "tidegate_access_log_dropped_total";
    assert_eq!(node.metric(dropped, &["log=\"aws\""]).await, 0.0);
}
