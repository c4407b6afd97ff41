//! A collector that is not ours (`otlp.py`), and what it was sent.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use harness::venv;
use serde_json::Value;

/// A collector that runs. It ends when this is dropped.
pub(super) struct Collector {
    pub(super) grpc: String,
    pub(super) http: String,
    spans: Arc<Mutex<Vec<Value>>>,
    child: Child,
}

impl Collector {
    pub(super) fn start() -> Self {
        Self::run("http", &[])
    }

    /// One that shows this certificate, whose key is this.
    pub(super) fn with_tls((certificate, key): &(PathBuf, PathBuf)) -> Self {
        Self::run("https", &[certificate, key])
    }

    fn run(scheme: &str, args: &[&Path]) -> Self {
        let mut child = Command::new(venv("python3"))
            .args(["-c", include_str!("../otlp.py")])
            .args(args)
            .env("GRPC_VERBOSITY", "NONE")
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 starts");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let ports = lines
            .next()
            .expect("the collector starts (pip: grpcio, opentelemetry-proto)");
        let ports = ports.expect("text");
        let (grpc, http) = ports.split_once(' ').expect("two ports");
        let spans = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&spans);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let span = serde_json::from_str(&line).expect("JSON");
                let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
                heard.push(span);
            }
        });
        Self {
            grpc: format!("{scheme}://127.0.0.1:{grpc}"),
            http: format!("{scheme}://127.0.0.1:{http}"),
            spans,
            child,
        }
    }

    pub(super) fn of(&self, trace: &str) -> Vec<Value> {
        let spans = self.spans.lock().unwrap_or_else(PoisonError::into_inner);
        let of_trace = spans.iter().filter(|span| span["trace"] == trace);
        of_trace.cloned().collect()
    }

    /// Waits until spans of a trace are there.
    pub(super) async fn has(&self, trace: &str, good: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let spans = self.of(trace);
            if good(&spans) {
                return spans;
            }
            assert!(Instant::now() < deadline, "{trace}: {spans:#?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.child.kill().expect("ours");
        self.child.wait().expect("ours");
    }
}

/// The only span of this name.
pub(super) fn named<'s>(spans: &'s [Value], name: &str) -> &'s Value {
    let mut found = spans.iter().filter(|span| span["name"] == name);
    let span = found.next().unwrap_or_else(|| panic!("{name}: {spans:#?}"));
    assert!(found.next().is_none(), "{name} twice: {spans:#?}");
    span
}

pub(super) fn of_region(spans: &[Value], region: &str) -> Vec<Value> {
    let of = |span: &&Value| span["resource"]["tidegate.region"] == region;
    spans.iter().filter(of).cloned().collect()
}
