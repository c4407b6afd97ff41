//! Announcing through AWS Global Accelerator. Its API is a stand-in that checks each message
//! against Amazon's description of it, and each signature (`accelerator.py`).

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use harness::{AwsApi, Behaviour, Node, Service, WorldText, binary, tidegate};
use serde_json::{Value, json};

use crate::WORLD;

const ARN: &str = "arn:aws:globalaccelerator::123456789012:accelerator/1234abcd-abcd-1234-abcd-1234abcdefgh\
                   /listener/0123vxyz/endpoint-group/098765zyxwvu";
/// A group is looked at every ten seconds.
const PATIENCE: Duration = Duration::from_secs(25);

/// The API.
struct Api(AwsApi);

impl Api {
    fn start() -> Self {
        let text = include_str!("accelerator.py");
        Self(AwsApi::start(text, &[ARN, "i-a", "i-b"]))
    }

    async fn set(&self, change: Value) {
        self.0.ask("PUT", &change).await;
    }

    async fn weight(&self, endpoint: &str) -> u64 {
        let held = self.0.ask("GET", &Value::Null).await;
        held["weights"][endpoint].as_u64().expect("a number")
    }

    async fn becomes(&self, weight: u64, why: &str) {
        let begun = Instant::now();
        while self.weight("i-a").await != weight {
            assert!(begun.elapsed() < PATIENCE, "never {weight}: {why}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

fn order(node: &Node, words: &[&str]) -> String {
    let admin = node.admin().to_string();
    let done = tidegate(&[words, &["--admin", &admin]].concat());
    assert_eq!(done.code, 0, "{words:?}: {}{}", done.out, done.err);
    done.out
}

async fn explains(node: &Node, part: &str) {
    let begun = Instant::now();
    loop {
        let told = order(node, &["steer", "explain"]);
        if told.contains(part) {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "no word of `{part}`: {told}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nodes_weight_follows_its_decision_and_its_watchdog_takes_it_away() {
    let service = Service::start(Behaviour::Good).await;
    let api = Api::start();
    // What another node was given is nothing to us.
    api.set(json!({ "weights": { "i-b": 77 } })).await;
    let mut text = WorldText::one_node(WORLD, &[service.addr]);
    text.regions[0].more = format!(
        "anycast: {{ global_accelerator: {{ group: \"{ARN}\", endpoints: {{ a: i-a }}, \
         api: \"http://127.0.0.1:{}\" }} }}\n",
        api.0.addr.port()
    );
    let mut node = Node::start(text, &[]).await;
    api.becomes(128, "it is fit").await;
    assert_eq!(api.weight("i-b").await, 77);

    // What others change is set again; what they are busy with is waited for.
    api.set(json!({ "busy": true, "weights": { "i-a": 5 } }))
        .await;
    explains(&node, "another change").await;
    api.set(json!({ "busy": false })).await;
    api.becomes(128, "somebody set it to 5").await;

    // What keeps traffic away although the weight is right is told.
    api.set(json!({ "dial": 0.0 })).await;
    explains(&node, "traffic dial").await;
    assert!(node.metric("tidegate_anycast_follows", &[]).await < 0.5);
    api.set(json!({ "dial": 100.0, "health": { "i-a": "UNHEALTHY" } }))
        .await;
    explains(&node, "unhealthy: target is unhealthy").await;
    api.set(json!({ "health": { "i-a": "HEALTHY" } })).await;

    order(&node, &["drain", "--force"]);
    api.becomes(0, "it is drained").await;
    order(&node, &["undrain"]);
    api.becomes(128, "it is back").await;

    // Nothing that it says can be said by the dead.
    let region = node.regions().join("us-east-1.yaml").display().to_string();
    let mut watchdog = Command::new(binary())
        .args(["watchdog", "--region", &region, "--node", "a"])
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary starts");
    node.signal("KILL");
    assert_ne!(node.ended(Duration::from_secs(5)).await, 0);
    api.becomes(0, "it is dead").await;
    watchdog
        .kill()
        .and_then(|()| watchdog.wait().map(drop))
        .expect("it runs");
}
