//! An emulator of DynamoDB, as another process, and the calls that tests make to it themselves.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::Client;
use crate::config::Ports;
use crate::tool::venv;
use crate::way::Way;

/// The region that tests use if they need only one.
const HOME: &str = "us-east-1";

/// An emulator that runs. It ends when this is dropped.
///
/// One emulator stands for all regions: each has tables of its own there, which know nothing of
/// each other. [`crate::Replication`] carries writes between them.
#[derive(Debug)]
pub struct Dynamo {
    /// Where nodes find it.
    pub endpoint: String,
    /// The table to use.
    pub table: String,
    /// The way that nodes take to it; tests themselves go past it.
    pub way: Way,
    addr: SocketAddr,
    child: Child,
}

impl Dynamo {
    /// Starts ministack.
    ///
    /// # Panics
    /// If it is not installed, or does not start within 30 seconds.
    pub async fn start() -> Self {
        // It listens on all addresses: run tests where nobody else is.
        let addr = Ports::default().take();
        let started = Command::new(venv("ministack"))
            .env("GATEWAY_PORT", addr.port().to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let child = started.unwrap_or_else(|error| {
            panic!("ministack does not start: {error} (`cargo xtask test` installs it; TIDEGATE_TEST_VENV says where it is)")
        });
        let way = Way::to(addr).await;
        let dynamo = Self {
            endpoint: format!("http://{}", way.addr),
            way,
            table: "tidegate-keys".to_owned(),
            addr,
            child,
        };
        let deadline = Instant::now() + Duration::from_secs(30);
        while tokio::net::TcpStream::connect(addr).await.is_err() {
            assert!(Instant::now() < deadline, "ministack does not listen");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        dynamo
    }

    /// What a region's file says of its store of keys.
    #[must_use]
    pub fn key_store(&self, region: &str) -> String {
        format!(
            "key_store: {{ dynamodb: {{ table: {}, region: {region}, endpoint: \"{}\" }} }}\n",
            self.table, self.endpoint
        )
    }

    /// An item of the table, in DynamoDB's own form.
    pub async fn item(&self, pk: &str, sk: &str) -> Option<Value> {
        self.caller(HOME).item(pk, sk).await
    }

    /// Calls in a region.
    #[must_use]
    pub fn caller(&self, region: &str) -> Caller {
        Caller {
            client: Client::new(self.addr),
            table: self.table.clone(),
            region: region.to_owned(),
        }
    }
}

impl Drop for Dynamo {
    fn drop(&mut self) {
        // It may have ended already.
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// Makes calls to a region's tables.
#[derive(Debug)]
pub struct Caller {
    client: Client,
    table: String,
    region: String,
}

impl Caller {
    /// Calls an action; of streams, if its name says so.
    ///
    /// # Errors
    /// What the emulator answers, if it does not do it.
    pub async fn call(&mut self, action: &str, body: Value) -> Result<Value, String> {
        let signed = format!(
            "AWS4-HMAC-SHA256 Credential=test/20260101/{}/dynamodb/aws4_request, SignedHeaders=host, Signature=0",
            self.region
        );
        let streams = ["DescribeStream", "GetShardIterator", "GetRecords"].contains(&action);
        let service = if streams {
            "DynamoDBStreams"
        } else {
            "DynamoDB"
        };
        let target = format!("{service}_20120810.{action}");
        let fields = [
            ("x-amz-target", target.as_str()),
            ("content-type", "application/x-amz-json-1.0"),
            ("authorization", signed.as_str()),
        ];
        let body = body.to_string().into();
        let answer = self.client.send("POST", "/", &fields, body).await?;
        match answer.status {
            200 => serde_json::from_str(&answer.body).map_err(|error| error.to_string()),
            status => Err(format!("{action}: {status} {}", answer.body)),
        }
    }

    /// An item of the table.
    ///
    /// # Panics
    /// If the emulator does not answer.
    pub async fn item(&mut self, pk: &str, sk: &str) -> Option<Value> {
        let key = json!({ "pk": { "S": pk }, "sk": { "S": sk } });
        let body = json!({ "TableName": self.table, "Key": key, "ConsistentRead": true });
        let answer = self.call("GetItem", body).await.expect("an answer");
        answer.get("Item").cloned()
    }

    /// Writes an item, over what is there.
    ///
    /// # Panics
    /// If the emulator does not take it.
    pub async fn put(&mut self, item: &Value) {
        let body = json!({ "TableName": self.table, "Item": item });
        self.call("PutItem", body).await.expect("it is taken");
    }

    /// Deletes an item.
    ///
    /// # Panics
    /// If the emulator does not do it.
    pub async fn delete(&mut self, pk: &str, sk: &str) {
        let key = json!({ "pk": { "S": pk }, "sk": { "S": sk } });
        let body = json!({ "TableName": self.table, "Key": key });
        self.call("DeleteItem", body).await.expect("it is done");
    }
}
