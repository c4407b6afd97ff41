//! An emulator of DynamoDB, as another process.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::config::Ports;
use crate::tool::{Output, tool};

/// An emulator that runs. It ends when this is dropped.
#[derive(Debug)]
pub struct Dynamo {
    /// Where it listens.
    pub endpoint: String,
    /// The table to use.
    pub table: String,
    child: Child,
}

/// Where `cargo xtask test` installs Python tools; else the path.
fn venv(program: &str) -> String {
    std::env::var("TIDEGATE_TEST_VENV").map_or_else(
        |_| program.to_owned(),
        |venv| format!("{venv}/bin/{program}"),
    )
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
        let dynamo = Self {
            endpoint: format!("http://{addr}"),
            table: "tidegate-keys".to_owned(),
            child,
        };
        let deadline = Instant::now() + Duration::from_secs(30);
        while tokio::net::TcpStream::connect(addr).await.is_err() {
            assert!(Instant::now() < deadline, "ministack does not listen");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        dynamo
    }

    /// Ends it, and with it all it holds.
    pub fn stop(&mut self) {
        // It may have ended already.
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }

    /// An item of the table, as JSON in DynamoDB's own form.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn item(&self, pk: &str, sk: &str) -> String {
        let key = format!(r#"{{"pk":{{"S":"{pk}"}},"sk":{{"S":"{sk}"}}}}"#);
        let answer = self.call("GetItem", &format!(r#""Key":{key}"#));
        let answer: serde_json::Value = serde_json::from_str(&answer.out).expect("JSON");
        assert!(answer["Item"].is_object(), "{answer}");
        answer["Item"].to_string()
    }

    /// Writes an item, over what is there.
    ///
    /// # Panics
    /// If the emulator does not take it.
    pub fn put(&self, item: &str) {
        let answer = self.call("PutItem", &format!(r#""Item":{item}"#));
        assert!(
            answer.code == 0 && !answer.out.contains("__type"),
            "{}",
            answer.out
        );
    }

    fn call(&self, action: &str, more: &str) -> Output {
        let body = format!(r#"{{"TableName":"{}",{more}}}"#, self.table);
        let target = format!("X-Amz-Target: DynamoDB_20120810.{action}");
        let signed = "Authorization: AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0";
        tool(
            "curl",
            &[
                "-s",
                "-X",
                "POST",
                &self.endpoint,
                "-H",
                &target,
                "-H",
                "Content-Type: application/x-amz-json-1.0",
                "-H",
                signed,
                "-d",
                &body,
            ],
        )
    }
}

impl Drop for Dynamo {
    fn drop(&mut self) {
        self.stop();
    }
}
