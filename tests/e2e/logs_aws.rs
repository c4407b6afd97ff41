//! CloudWatch Logs reads what it is sent. Its API is a stand-in that checks each message against
//! Amazon's description of it, and each signature (`cloudwatch.py`).

use std::time::{Duration, Instant};

use harness::{AwsApi, Behaviour, Client, Node, Service, WorldText};
use serde_json::{Value, json};

use crate::WORLD;

#[tokio::test(flavor = "multi_thread")]
async fn cloudwatch_takes_what_is_signed_and_sorted_and_group_and_stream_are_made() {
    let (service, api) = (
        Service::start(Behaviour::Good).await,
        AwsApi::start(include_str!("cloudwatch.py"), &[]),
    );
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
    while api.ask("GET", &Value::Null).await["events"] != 250 {
        let held = api.ask("GET", &Value::Null).await;
        assert!(Instant::now() < deadline, "{held}: {}", node.said());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let held = api.ask("GET", &Value::Null).await;
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
