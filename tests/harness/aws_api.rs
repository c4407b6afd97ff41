//! A stand-in for one API of AWS: a text in Python that follows `aws_api.py`.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use bytes::Bytes;
use serde_json::Value;

use crate::{Client, venv};

const COMMON: &str = include_str!("aws_api.py");

/// It ends when this is dropped.
pub struct AwsApi {
    /// Where it listens.
    pub addr: SocketAddr,
    child: Child,
}

impl AwsApi {
    /// Starts a text with its arguments.
    #[must_use]
    pub fn start(text: &str, args: &[&str]) -> Self {
        let mut child = Command::new(venv("python3"))
            .args(["-c", &format!("{COMMON}\n{text}")])
            .args(args)
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 starts");
        let mut said = BufReader::new(child.stdout.take().expect("piped")).lines();
        let port = said.next().expect("it starts (pip: botocore)");
        let port: u16 = port.expect("text").parse().expect("a port");
        let addr = SocketAddr::from(([127, 0, 0, 1], port));
        Self { addr, child }
    }

    /// Reads (`GET`) or changes (`PUT`) what it holds.
    pub async fn ask(&self, method: &str, body: &Value) -> Value {
        let mut client = Client::new(self.addr);
        let body = Bytes::from(body.to_string());
        let answer = client.send(method, "/", &[], body).await.expect("it lives");
        serde_json::from_str(&answer.body).expect("JSON")
    }
}

impl Drop for AwsApi {
    fn drop(&mut self) {
        let _ended = self.child.kill().and_then(|()| self.child.wait());
    }
}
